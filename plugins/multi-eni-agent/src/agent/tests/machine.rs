//! A model of the machine: the host's links, and pods that hold some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ec2sim::{Hardware, Nic};
use futures_util::Stream;
use node::addresses::AddressUse;
use node::arrival;
use node::inventory::{Entry, Seen};
use node::names::{MacAddr, PciAddr};
use node::record::{Owner, Record};
use node::store::Store;
use tokio::sync::Notify;

use crate::devices::{GivenOut, KubeletError};
use crate::kernel::{
    ArrivalWish, Arrived, Care, Error, Event, HostLink, Life, Machine, Outcome, PodUids, Unseen, Verdict,
};

/// Of a link of the model, what the agent can see or change.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    index: u32,
    pub(crate) name: String,
    pub(crate) mtu: u32,
    pub(crate) up: bool,
    pub(crate) alias: Option<String>,
    /// Who has it; nobody if it is on the host.
    pub(crate) pod: Option<Owner>,
    tie: Option<node::host::Tie>,
    /// User space has it.
    pub(crate) bound: bool,
    /// What a daemon of the host has put there.
    pub(crate) addresses: Vec<ipnetwork::IpNetwork>,
}

/// What somebody has not been told yet: of each kind one.
#[derive(Debug, Clone, Default)]
struct Listener {
    due: Arc<Mutex<BTreeSet<Event>>>,
    told: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    links: BTreeMap<MacAddr, Link>,
    dead: BTreeSet<Owner>,
    blind: bool,
    /// Links are not told of any more.
    mute: bool,
    refuses_arrivals: bool,
    refuses_user_space: bool,
    /// How often what user space had was unplugged.
    torn: u32,
    arrivals: u32,
    listeners: Vec<Listener>,
    plugged: u32,
    given_out: Option<GivenOut>,
}

/// The model. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    inner: Arc<Mutex<Inner>>,
    store: Arc<Store>,
}

impl Model {
    /// A machine with its primary link.
    pub(crate) fn new(store: Arc<Store>, primary: MacAddr) -> Self {
        let model = Self { inner: Arc::default(), store };
        model.give_out(Some(GivenOut::default()));
        let link = Link { tie: Some(node::host::Tie::DefaultRoute), up: true, ..model.link("ens5") };
        model.change(|inner| drop(inner.links.insert(primary, link)));
        model
    }

    fn link(&self, name: &str) -> Link {
        let mut inner = self.inner.lock().unwrap();
        inner.plugged += 1;
        Link {
            index: inner.plugged + 1,
            name: name.to_string(),
            mtu: 9001,
            up: false,
            alias: None,
            pod: None,
            tie: None,
            bound: false,
            addresses: Vec::new(),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let changed = change(&mut self.inner.lock().unwrap());
        self.tell(Event::LinksChanged);
        changed
    }

    /// Tells those who listen.
    pub(crate) fn tell(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap();
        inner.listeners.retain(|listener| Arc::strong_count(&listener.due) > 1);
        for listener in &inner.listeners {
            listener.due.lock().unwrap().insert(event);
            listener.told.notify_one();
        }
    }

    /// The link of an ENI, wherever it is.
    pub(crate) fn find(&self, mac: MacAddr) -> Option<Link> {
        self.inner.lock().unwrap().links.get(&mac).cloned()
    }

    /// Changes a link behind the agent's back.
    pub(crate) fn meddle(&self, mac: MacAddr, change: impl FnOnce(&mut Link)) {
        self.change(|inner| change(inner.links.get_mut(&mac).unwrap()));
    }

    /// A pod takes a link, or gives it back under its name.
    pub(crate) fn hand(&self, mac: MacAddr, to: Option<&Owner>) {
        self.change(|inner| {
            if let Some(link) = inner.links.get_mut(&mac) {
                link.pod = to.cloned();
                link.up = to.is_some();
            }
        });
    }

    /// A pod dies without a DEL: its namespace is gone, and its link comes back to the host.
    pub(crate) fn die(&self, owner: &Owner) {
        self.change(|inner| {
            inner.dead.insert(owner.clone());
            for link in inner.links.values_mut().filter(|link| link.pod.as_ref() == Some(owner)) {
                link.pod = None;
                link.up = false;
            }
        });
    }

    /// The agent sees no processes but its own, or all again.
    pub(crate) fn set_blind(&self, blind: bool) {
        self.inner.lock().unwrap().blind = blind;
    }

    /// The kernel does not answer who asks for links, or does again.
    pub(crate) fn set_mute(&self, mute: bool) {
        self.inner.lock().unwrap().mute = mute;
    }

    /// No link is taken in any more, or all are again.
    pub(crate) fn refuse_arrivals(&self, refuses: bool) {
        self.inner.lock().unwrap().refuses_arrivals = refuses;
    }

    /// The kubelet's pods have these devices; without any word, the kubelet does not answer.
    pub(crate) fn give_out(&self, given_out: Option<GivenOut>) {
        self.inner.lock().unwrap().given_out = given_out;
    }

    /// This machine lacks something that user space needs, or has all again.
    pub(crate) fn refuse_user_space(&self, refuses: bool) {
        self.inner.lock().unwrap().refuses_user_space = refuses;
    }

    /// How often an ENI was unplugged that user space had.
    pub(crate) fn torn(&self) -> u32 {
        self.inner.lock().unwrap().torn
    }

    /// How often a link was to be taken in.
    pub(crate) fn arrivals(&self) -> u32 {
        self.inner.lock().unwrap().arrivals
    }

    /// The UID of a pod is its name here.
    fn life(&self, owner: &Owner, pods: Option<&PodUids>) -> Life {
        let inner = self.inner.lock().unwrap();
        if pods.is_some_and(|pods| pods.contains(owner.container_id.as_str())) {
            return Life::Alive;
        }
        match (inner.blind, inner.dead.contains(owner)) {
            (true, _) => Life::Unknown(Unseen::OtherProcesses("/proc".into())),
            (false, true) => Life::Gone,
            (false, false) => Life::Alive,
        }
    }

    fn put_right(&self, wish: &ArrivalWish) -> Result<Care, Error> {
        let absent = || Error::Arrival(arrival::Error::Absent(wish.entry.device()));
        let mut inner = self.inner.lock().unwrap();
        let link = inner.links.get_mut(&wish.entry.mac_address).ok_or_else(absent)?;
        if self.store.records()?.iter().any(|record| record.holds() && record.device.is_same(&wish.entry.device())) {
            return Ok(Care::Held);
        }
        if link.pod.is_some() || link.bound {
            return Err(absent());
        }
        if let Some(tie) = &link.tie {
            return Err(Error::Arrival(arrival::Error::Tied { device: wish.entry.device(), tie: tie.clone() }));
        }
        let before = link.clone();
        link.name = wish.name.to_string();
        link.mtu = wish.mtu.unwrap_or(link.mtu);
        link.alias = Some(wish.entry.network_interface_id.to_string());
        link.up = wish.entry.is_shared();
        let cleaned = std::mem::take(&mut link.addresses).iter().map(|address| format!("delete {address}")).collect();
        let changed = if before.name == link.name { Vec::new() } else { vec![format!("name {}", link.name)] };
        Ok(Care::Right(Arrived {
            index: link.index,
            pci_address: pci(link.index),
            driver: Some("ena".to_string()),
            host_name: link.name.parse().unwrap(),
            mtu: link.mtu,
            cleaned,
            changed,
        }))
    }
}

fn pci(index: u32) -> Option<PciAddr> {
    Some(format!("0000:{:02x}:{:02x}.0", index / 32, index % 32).parse().unwrap())
}

impl Hardware for Model {
    fn plug(&self, nic: &Nic) {
        let link = Link { mtu: nic.eni.mtu, ..self.link(&nic.link_name) };
        self.change(|inner| drop(inner.links.insert(nic.eni.mac.to_string().parse().unwrap(), link)));
    }

    fn renamed(&self, nic: &Nic) {
        self.change(|inner| {
            if let Some(link) = inner.links.get_mut(&nic.eni.mac.to_string().parse().unwrap())
                && link.alias.is_none()
            {
                link.name.clone_from(&nic.link_name);
            }
        });
    }

    fn unplug(&self, nic: &Nic) {
        self.change(|inner| {
            let link = inner.links.remove(&nic.eni.mac.to_string().parse().unwrap());
            inner.torn += u32::from(link.is_some_and(|link| link.bound));
        });
    }
}

impl Machine for Model {
    async fn links(&self) -> Result<Vec<HostLink>, Error> {
        if self.inner.lock().unwrap().mute {
            return std::future::pending().await;
        }
        let inner = self.inner.lock().unwrap();
        let on_host = inner.links.iter().filter(|(_, link)| link.pod.is_none() && !link.bound);
        Ok(on_host
            .map(|(mac, link)| HostLink {
                index: link.index,
                name: link.name.clone(),
                mac_address: Some(*mac),
                pci_address: pci(link.index),
                driver: Some("ena".to_string()),
                kind: None,
                mtu: link.mtu,
                mtu_range: 68..=9216,
                up: link.up,
                altnames: Vec::new(),
                alias: link.alias.clone(),
                tie: link.tie.clone(),
                addresses: link.addresses.clone(),
            })
            .collect())
    }

    async fn arrive(&self, wish: &ArrivalWish) -> Result<Arrived, Error> {
        let refuses = {
            let mut inner = self.inner.lock().unwrap();
            inner.arrivals += 1;
            inner.refuses_arrivals
        };
        if refuses {
            return Err(Error::Arrival(arrival::Error::Nameless(wish.entry.device())));
        }
        match self.put_right(wish)? {
            Care::Right(arrived) => Ok(arrived),
            Care::Held => Err(Error::Arrival(arrival::Error::Held(wish.entry.device()))),
        }
    }

    async fn look_after(&self, wish: &ArrivalWish) -> Result<Care, Error> {
        self.put_right(wish)
    }

    async fn verdicts(&self, records: &[Record], pods: Option<&PodUids>) -> Vec<Verdict> {
        let verdict = |record: &Record| Verdict { owner: record.owner.clone(), life: self.life(&record.owner, pods) };
        records.iter().map(verdict).collect()
    }

    async fn address_verdicts(&self, uses: &[AddressUse], pods: Option<&PodUids>) -> Vec<Verdict> {
        let verdict = |usage: &AddressUse| Verdict { owner: usage.owner.clone(), life: self.life(&usage.owner, pods) };
        uses.iter().map(verdict).collect()
    }

    async fn release(&self, record: &Record, pods: Option<&PodUids>) -> Result<Outcome, Error> {
        let Some(record) = self.store.record(&record.owner)? else { return Ok(Outcome::Nothing) };
        if record.holds() {
            match self.life(&record.owner, pods) {
                Life::Gone => {}
                life => return Ok(Outcome::Spared(life)),
            }
        }
        self.store.remove_record(&record.owner)?;
        self.tell(Event::RecordsChanged);
        Ok(Outcome::Released)
    }

    async fn release_addresses(&self, usage: &AddressUse, _pods: Option<&PodUids>) -> Result<Outcome, Error> {
        self.store.remove_address_use(&usage.owner)?;
        self.tell(Event::RecordsChanged);
        Ok(Outcome::Released)
    }

    async fn given_out(&self) -> Result<GivenOut, KubeletError> {
        let given_out = self.inner.lock().unwrap().given_out.clone();
        given_out.ok_or_else(|| KubeletError::List(Box::new(tonic::Status::unavailable("the test says so"))))
    }

    async fn hand_over(&self, entry: &Entry) -> Result<(), Error> {
        let device = entry.device();
        if entry.original_driver.is_none() {
            return Err(Error::Arrival(arrival::Error::NoDriverOnRecord(device)));
        }
        let refuses = self.inner.lock().unwrap().refuses_user_space;
        self.change(|inner| match inner.links.get_mut(&entry.mac_address) {
            Some(link) if !refuses => {
                link.bound = true;
                Ok(())
            }
            _ => Err(Error::Arrival(arrival::Error::Absent(device))),
        })
    }

    async fn take_back(&self, wish: &ArrivalWish) -> Result<Arrived, Error> {
        self.change(|inner| {
            if let Some(link) = inner.links.get_mut(&wish.entry.mac_address) {
                link.bound = false;
            }
        });
        self.arrive(wish).await
    }

    fn look_at(&self, device: PciAddr) -> Option<Seen> {
        let inner = self.inner.lock().unwrap();
        let link = inner.links.values().find(|link| pci(link.index) == Some(device))?;
        let driver = if link.bound { "vfio-pci" } else { "ena" };
        Some(Seen { driver: Some(driver.to_string()), ..Seen::default() })
    }

    fn events(&self) -> Result<impl Stream<Item = Event> + Send + Unpin + 'static + use<>, Error> {
        let listener = Listener::default();
        self.inner.lock().unwrap().listeners.push(listener.clone());
        Ok(Box::pin(futures_util::stream::unfold(listener, |listener| async {
            loop {
                let next = listener.due.lock().unwrap().pop_first();
                match next {
                    Some(event) => return Some((event, listener)),
                    None => listener.told.notified().await,
                }
            }
        })))
    }
}

/// Where an entry's link is: on the host, as far as it is anywhere.
pub(crate) fn on_host(model: &Model, entry: &Entry) -> bool {
    model.find(entry.mac_address).is_some_and(|link| link.pod.is_none())
}
