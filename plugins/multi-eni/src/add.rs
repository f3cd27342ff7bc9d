//! ADD.

use crate::answer::Answer;
use crate::asking::{self, Patience};
use crate::choose::Refusal;
use crate::claim::{Claim, Claimer};
use crate::config::Config;
use crate::device_info;
use crate::error::Error;
use crate::hand_over;
use crate::ipam::{self, Ipam};
use crate::node_here::{LOCK_LIMIT, Node, owner, pod};
use crate::plan::{Configuring, Moving, cleaning, is_taken};
use crate::take_down::{free, of_record, wish};
use cni::{AddRequest, CniResult};
use node::device_info::DeviceInfo;
use node::fault;
use node::ground::{Ground, Side};
use node::host::View;
use node::inventory::Entry;
use node::netlink::Link;
use node::netns::Netns;
use node::record::{Bound, Namespace, Owner, Phase};
use node::step::{Place, Step};
use node::sysctl::Sysctl;
use node::take_down::{Only, roll_back};
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;

/// What of an ADD's time the IPAM plugin does not get, but at most a quarter: it has that to undo what it has begun.
const IPAM_RESERVE: Duration = Duration::from_secs(2);

/// Makes the attachment; an error leaves nothing of it.
pub(crate) async fn run(request: &AddRequest) -> Result<CniResult, Error> {
    let from = Instant::now();
    let config = Config::read(&request.config, Some(request.attachment.ifname.as_str()))?;
    check_previous(request, &config)?;
    let node = Node::open()?;
    let owner = owner(&request.attachment);
    node.direct_log(&config, "ADD", Some(&owner))?;
    let add = Add {
        request,
        device_info: device_info::place(&config, &node.settings)?,
        ipam: Ipam::of_request(&request.config, &request.environment)?,
        config: &config,
        node: &node,
        deadline: from + config.timeout,
    };
    let (host, pod_side) = sides(request)?;
    let pod_view = add.in_time(add.begin(&owner, &pod_side)).await?;
    let claimer = Claimer {
        owner,
        pod: pod(&request.environment),
        namespace: Namespace { path: request.netns.clone(), identity: pod_side.visit.identity },
        config: &config,
        call: ipam::call(&request.config, &request.environment),
        netlink: &host.visit.netlink,
    };
    let patience = Patience { from, whole: config.timeout, interrupt: &request.interrupt };
    let claim = add.in_time(asking::claim(&node, &claimer, patience)).await?;
    add.with_claim(claim, &pod_view, host, pod_side).await
}

/// A name that the list's earlier plugins gave to an interface of this pod is theirs.
fn check_previous(request: &AddRequest, config: &Config) -> Result<(), Error> {
    let sandbox = request.netns.display().to_string();
    let previous = request.config.prev_result.iter().flat_map(|result| &result.interfaces);
    let mut inside = previous.filter(|interface| interface.sandbox.as_deref() == Some(sandbox.as_str()));
    if !inside.any(|interface| interface.name == config.interface_name.as_str()) {
        return Ok(());
    }
    let hint = if config.interface_name_is_set { "set it to another name" } else { "set interfaceName" };
    Err(Error::Plan(format!(
        "an earlier plugin of the list made interface {} in this pod: {hint}",
        config.interface_name
    )))
}

fn sides(request: &AddRequest) -> Result<(Side, Side), Error> {
    let host = Side::here()?;
    let netns = Netns::open(&request.netns)?;
    if netns.is_same(&host.netns) {
        return Err(Error::OwnNamespace(request.netns.clone()));
    }
    let visit = netns.visit(&host.netns)?;
    Ok((host, Side { netns, visit }))
}

/// What the plan looks at in the pod, and no more: each dump is a part of every pod's start.
async fn pod_view(pod: &Side, config: &Config) -> Result<View, Error> {
    let netlink = &pod.visit.netlink;
    let mut view = View { links: netlink.links().await?, routes: netlink.routes().await?, ..View::default() };
    if config.source_routing {
        view.rules = netlink.rules().await?;
    }
    Ok(view)
}

/// An ADD, as far as it needs no device.
struct Add<'a> {
    request: &'a AddRequest,
    config: &'a Config,
    node: &'a Node,
    ipam: Option<Ipam>,
    device_info: Option<DeviceInfo<'a>>,
    deadline: Instant,
}

impl Add<'_> {
    /// Ends what takes longer than the ADD may, or than the runtime waits.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            // What is done is done: a claim that was made is not lost here.
            biased;
            outcome = work => outcome,
            () = tokio::time::sleep_until(self.deadline) => {
                Err(Error::TimedOut { seconds: self.config.timeout.as_secs() })
            }
            signal = self.request.interrupt.raised() => Err(Error::Interrupted(signal)),
        }
    }

    /// Takes down what an earlier ADD left, and looks into the pod.
    async fn begin(&self, owner: &Owner, pod: &Side) -> Result<View, Error> {
        if let Some(earlier) = self.node.store.record(owner)? {
            log::warn!("{owner} has a record already: an earlier ADD did not end, and is taken down first");
            of_record(self.node, &wish(self.node, &earlier, Only::Always, Some(LOCK_LIMIT))).await?;
        }
        let view = pod_view(pod, self.config).await?;
        if is_taken(&self.config.interface_name, &view.links) {
            return Err(Error::NameTaken(self.config.interface_name.clone()));
        }
        Ok(view)
    }

    async fn with_claim(mut self, mut claim: Claim, pod: &View, host: Side, side: Side) -> Result<CniResult, Error> {
        let name = claim.record.device.lock_name();
        let lock = self.in_time(async { Ok(self.node.store.device_lock(&name, LOCK_LIMIT).await?) }).await;
        let _lock = match lock {
            Ok(lock) => lock,
            Err(error) => {
                claim.give_up(self.node)?;
                return Err(error);
            }
        };
        // Between the claim and the lock, GC or a DEL may have taken it down; the device is anybody's then.
        if self.node.store.record(&claim.record.owner)?.as_ref() != Some(&claim.record) {
            return Err(Refusal::InProgress(claim.record.owner).into());
        }
        self.ipam = self.ipam.map(|ipam| ipam.with_facts(claim.entry.as_ref()));
        let ground = Ground::new(host, Some(side), claim.record.device.clone());
        let ground = ground.with_bus(self.node.bus.clone());
        let mut ground = match &claim.link {
            Some(link) => ground.with_link(Place::Host, link),
            None => ground,
        };
        match self.in_time(self.attached(&mut claim, pod, &mut ground)).await {
            Ok(result) => {
                log::info!("{} is {} of {}", claim.record.device, claim.record.interface_name, claim.record.holder());
                Ok(result)
            }
            Err(error) => {
                self.roll_back(&claim, &mut ground).await;
                Err(error)
            }
        }
    }

    async fn attached(&self, claim: &mut Claim, pod: &View, ground: &mut Ground) -> Result<CniResult, Error> {
        let result = match (&claim.record.bound, claim.link.clone()) {
            (Some(_), _) => self.hand_over(claim, ground).await?,
            (None, Some(link)) => self.attach(claim, &link, pod, ground).await?,
            (None, None) => return Err(Refusal::Away { device: claim.record.device.clone() }.into()),
        };
        claim.record.phase = Phase::Committed;
        self.node.store.write_record(&claim.record)?;
        fault::point("commit");
        Ok(result)
    }

    /// The device goes to user space.
    async fn hand_over(&self, claim: &mut Claim, ground: &mut Ground) -> Result<CniResult, Error> {
        let bus = &self.node.bus;
        let mut steps = cleaning(&claim.world.host, claim.link.as_ref(), claim.entry.as_ref());
        steps.extend(hand_over::steps(bus, &claim.record)?);
        let given = self.beside(ground, &steps, claim.entry.as_ref()).await?;
        hand_over::verify(bus, &claim.record)?;
        if let Some((before, step)) = hand_over::access(bus, &claim.record, self.config.group_node)? {
            claim.record.bound = claim.record.bound.take().map(|bound| Bound { node: Some(before), ..bound });
            self.node.store.write_record(&claim.record)?;
            fault::point("record of the group's node");
            ground.apply(&step).await?;
        }
        self.write_device_info(claim)?;
        let answer = Answer { request: self.request, record: &claim.record, given, keep_down: true };
        Ok(answer.without_link())
    }

    /// Applies steps, while the IPAM plugin answers. Where that fails, the steps come to their end all the same: what is half done
    /// cannot be undone, since nobody knows what there will be to undo.
    async fn beside(&self, ground: &mut Ground, steps: &[Step], entry: Option<&Entry>) -> Result<CniResult, Error> {
        let mut applied = pin!(ground.apply_all(steps));
        let mut given = pin!(self.addresses());
        let given = tokio::select! {
            outcome = &mut applied => {
                outcome?;
                given.await?
            }
            given = &mut given => {
                let outcome = applied.await;
                let given = given?;
                outcome?;
                given
            }
        };
        fault::point("answer of IPAM");
        report_foreign(&given, entry);
        Ok(given)
    }

    fn write_device_info(&self, claim: &Claim) -> Result<(), Error> {
        if let (Some(place), Some(pci)) = (&self.device_info, claim.record.device.pci_address) {
            place.write(pci)?;
            fault::point("device-info");
        }
        Ok(())
    }

    /// The link goes into the pod.
    async fn attach(
        &self,
        claim: &mut Claim,
        link: &Link,
        pod: &View,
        ground: &mut Ground,
    ) -> Result<CniResult, Error> {
        let moving = Moving {
            config: self.config,
            link,
            entry: claim.entry.as_ref(),
            host: &claim.world.host,
            pod_links: &pod.links,
        };
        let given = self.beside(ground, &moving.steps(), claim.entry.as_ref()).await?;
        let configuring =
            Configuring { config: self.config, given, mtu: link.mtu, pod, pod_has_ipv6: has_ipv6(ground) };
        let configured = configuring.plan()?;
        if !configured.leftovers.is_empty() {
            claim.record.leftovers = configured.leftovers;
            self.node.store.write_record(&claim.record)?;
            fault::point("record of the leftovers");
        }
        ground.apply_all(&configured.steps).await?;
        self.write_device_info(claim)?;
        let answer = Answer {
            request: self.request,
            record: &claim.record,
            given: configured.given,
            keep_down: self.config.keep_down,
        };
        answer.read_back(ground).await
    }

    async fn addresses(&self) -> Result<CniResult, Error> {
        let Some(ipam) = &self.ipam else { return Ok(CniResult::default()) };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let given = ipam.add(left.saturating_sub(IPAM_RESERVE.min(left / 4))).await?;
        if given.ips.is_empty() {
            return Err(Error::Plan("the IPAM plugin gave no address; leave ipam out for layer 2 only".to_string()));
        }
        Ok(given)
    }

    async fn roll_back(&self, claim: &Claim, ground: &mut Ground) {
        log::info!("ADD failed, {} goes back", claim.record.device);
        let undone = roll_back(&self.node.store, &claim.record, ground, free(self.ipam.as_ref())).await;
        let removed = device_info::remove(self.node, &self.request.config.raw);
        for error in [undone.err().map(Error::from), removed.err()].into_iter().flatten() {
            log::warn!("undoing ADD: {}", cni::Error::from(error));
        }
    }
}

/// An address that EC2 has not on the ENI is no error: some networks know what they do. It is said, since in most it is a
/// fault that is hard to find.
fn report_foreign(given: &CniResult, entry: Option<&Entry>) {
    let Some(entry) = entry else { return };
    for address in given.ips.iter().map(|ip| ip.address.ip()) {
        if !entry.addresses().any(|assigned| assigned == address) {
            log::warn!(
                "{address} of the IPAM plugin is not on {} in EC2: the VPC drops what is sent from it",
                entry.network_interface_id
            );
        }
    }
}

/// Whether the pod has IPv6 at all: its loopback device has the family.
fn has_ipv6(ground: &Ground) -> bool {
    let read = ground.pod().map(|side| side.visit.sysctls.read("lo", Sysctl::DisableIpv6));
    matches!(read, Some(Ok(Some(_))))
}
