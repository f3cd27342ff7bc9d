//! A node in virtual time: the agent as it is, the simulated EC2, a model of the machine, the real records, and pods whose plugins
//! do with the records what the real ones do.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ec2::{Limited, Limits, Unobserved};
use ec2sim::{Clock as SimClock, Ec2, Fabric, Instance, Subnet, Timing, Vpc};
use node::addresses::{AddressState, AddressUse};
use node::ask::{Acquire, Reply};
use node::inventory::{Entry, State};
use node::names::{EniId, PciAddr};
use node::record::{Owner, Pod, Record};
use node::settings::Settings;
use node::store::Store;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::machine::{Model, on_host};
use super::region::{NODE, Region};
use crate::agent::clock::Clock;
use crate::agent::ledger::Ledger;
use crate::agent::requests::{Ask, Asking};
use crate::agent::site::Site;
use crate::agent::tidings::Listeners;
use crate::agent::{Agent, Channels, Manifests, Signal, Until};
use crate::declared::{Folder, NodeLabels, Objects};
use crate::devices::{self, Devices};
use crate::kernel::Event;
use crate::kubernetes::Snapshot;
use crate::seen::health::{Dependencies, Health};
use crate::seen::metrics::Metrics;

/// The clock of the node: tokio's, so that virtual time is its time too, and the time in which the machine was suspended.
#[derive(Debug, Clone)]
pub(crate) struct Virtual {
    start: Instant,
    suspended: Arc<AtomicU64>,
}

impl Virtual {
    fn new() -> Self {
        Self { start: Instant::now(), suspended: Arc::default() }
    }

    /// The machine sleeps for so many seconds: timers stand still meanwhile (`CLOCK_MONOTONIC`), the records' clock does not.
    pub(crate) fn suspend(&self, seconds: u64) {
        self.suspended.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Virtual {
    fn now(&self) -> u64 {
        // The node has been up for a while.
        10_000 + self.start.elapsed().as_secs() + self.suspended.load(Ordering::SeqCst)
    }
}

struct Running {
    task: JoinHandle<()>,
    asks: mpsc::Sender<Ask>,
    signals: mpsc::Sender<Signal>,
}

/// The agent, over a region and a machine that the test has in its hands.
type TestAgent = Agent<Limited<Region>, Model, Virtual>;

/// A node and its region.
pub(crate) struct World {
    /// Its drop would take the region down.
    pub(crate) fabric: Fabric,
    pub(crate) ec2: Ec2,
    pub(crate) vpc: Vpc,
    pub(crate) subnet: Subnet,
    pub(crate) instance: Instance,
    pub(crate) region: Region,
    pub(crate) machine: Model,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Virtual,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    /// Who hears of what happens.
    pub(crate) listeners: Listeners,
    /// What the running agent offers the kubelet.
    pub(crate) devices: Devices,
    /// What an API server says, where there is one.
    pub(crate) cluster: Option<Snapshot>,
    place: TempDir,
    agent: Option<Running>,
    ticker: JoinHandle<()>,
    number: u64,
}

impl Drop for World {
    fn drop(&mut self) {
        self.ticker.abort();
        if let Some(running) = &self.agent {
            running.task.abort();
        }
    }
}

impl World {
    /// A node of a type of instance that takes 4 interfaces, in a region that is about as fast as a real one. The same seed and
    /// the same acts are the same story.
    pub(crate) fn new(seed: u64) -> Self {
        Self::of_kind(seed, "m5.xlarge")
    }

    /// The same for another type of instance.
    pub(crate) fn of_kind(seed: u64, kind: &str) -> Self {
        // The disk of a test machine need not be in its way.
        Self::at(seed, kind, tempfile::tempdir_in("/dev/shm").unwrap())
    }

    /// The same with the node's files in this place.
    pub(crate) fn at(seed: u64, kind: &str, place: TempDir) -> Self {
        fastrand::seed(seed);
        let fabric = Fabric::on_paper();
        let ec2 = Ec2::of(&fabric);
        ec2.set_clock(SimClock::of_tokio());
        ec2.set_seed(seed);
        let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().unwrap();
        vpc.security_group("pods").id(GROUP).create().unwrap();
        let instance = fabric.instance().kind(kind).create().unwrap();
        let primary = subnet.eni().create().unwrap();
        primary.attach(&instance).index(0).ends_with_instance().now().unwrap();
        // From here on things take time.
        ec2.set_timing(Timing::realistic());
        let mut settings = Settings { state_dir: place.path().join("state"), ..Settings::default() };
        settings.cluster_id = Some("5f0c9a1e-cluster".parse().unwrap());
        settings.agent.node_name = Some("node-1".to_string());
        settings.agent.pools_dir = place.path().join("pools");
        std::fs::create_dir_all(&settings.agent.pools_dir).unwrap();
        let store = Arc::new(Store::open(&settings.state_dir).unwrap());
        let machine = Model::new(Arc::clone(&store), primary.mac().to_string().parse().unwrap());
        ec2.set_hardware(Arc::new(machine.clone()));
        let region = Region::new(ec2.clone(), instance.clone());
        let ticker = tokio::spawn(region.clone().tick());
        let (clock, metrics) = (Virtual::new(), Metrics::new("test", &[]));
        let devices = Devices::open(Arc::clone(&store), device_places(place.path())).unwrap();
        Self {
            fabric,
            ec2,
            vpc,
            subnet,
            instance,
            region,
            machine,
            store,
            clock,
            settings,
            metrics,
            listeners: Listeners::default(),
            devices,
            cluster: None,
            place,
            agent: None,
            ticker,
            number: 0,
        }
    }

    /// Declares a pool in the node's subnet, with these further lines of its spec.
    pub(crate) fn declare(&self, name: &str, more: &str) {
        self.declare_in(name, &[self.subnet.id().as_str()], more);
    }

    pub(crate) fn declare_in(&self, name: &str, subnets: &[&str], more: &str) {
        let head = format!("nodeSelector: {{}}\nsubnetIDs: [{}]\nsecurityGroupIDs: [{GROUP}]\n", subnets.join(", "));
        self.declare_as(name, &format!("{head}{more}"));
    }

    /// Declares a pool with this spec.
    pub(crate) fn declare_as(&self, name: &str, spec: &str) {
        let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        let head = "apiVersion: networking.k8s.aws/v1alpha1\nkind: NodeENI\n";
        let manifest = format!("{head}metadata:\n  name: {name}\nspec:\n{spec}");
        std::fs::write(self.manifest(name), manifest).unwrap();
        self.machine.tell(Event::ManifestsChanged);
    }

    pub(crate) fn withdraw(&self, name: &str) {
        std::fs::remove_file(self.manifest(name)).unwrap();
        self.machine.tell(Event::ManifestsChanged);
    }

    fn manifest(&self, name: &str) -> PathBuf {
        self.place.path().join("pools").join(format!("{name}.yaml"))
    }

    fn site(&self) -> Site<Limited<Region>, Model, Virtual> {
        let dependencies = Dependencies {
            ec2: None,
            imds: "http://127.0.0.1:1".parse().unwrap(),
            state_dir: self.settings.state_dir.clone(),
            manifests: self.settings.agent.manifests,
        };
        let cloud = Limited::new(self.region.clone(), Limits::default(), Arc::new(Unobserved), fastrand::u64(..));
        Site {
            cloud,
            machine: self.machine.clone(),
            clock: self.clock.clone(),
            ledger: Ledger::new(Arc::clone(&self.store)),
            devices: self.devices.clone(),
            cluster: self.cluster.clone(),
            store: Arc::clone(&self.store),
            node: "node-1".to_string(),
            metrics: self.metrics.clone(),
            health: Health::new(dependencies, self.settings.agent.resync() * 2),
            settings: self.settings.clone(),
        }
    }

    pub(super) fn agent(&self) -> (TestAgent, mpsc::Sender<Ask>, mpsc::Sender<Signal>) {
        let (asks, asked) = mpsc::channel(64);
        let (signals, told) = mpsc::channel(4);
        let manifests = match &self.cluster {
            Some(snapshot) => Manifests::of_kubernetes(Objects::new("intel.com"), snapshot.subscribe()),
            None => {
                let labels = NodeLabels::of(&self.settings.agent).unwrap();
                Manifests::of_folder(Folder::new(self.settings.agent.pools_dir.clone(), "intel.com"), labels)
            }
        };
        let agent = Agent::new(self.site(), manifests, Channels { asks: asked, signals: told });
        (agent.heard_by(self.listeners.clone()), asks, signals)
    }

    /// What an agent would do now.
    pub(crate) async fn preview(&self) -> Result<crate::plan::Plan, node::store::Error> {
        let (agent, _asks, _signals) = self.agent();
        Ok(agent.without_describes().preview(Duration::from_secs(30)).await?.1)
    }

    /// Starts the agent, which knows nothing but what is on disk.
    pub(crate) fn start(&mut self) {
        assert!(self.agent.is_none());
        self.devices = Devices::open(Arc::clone(&self.store), device_places(self.place.path())).unwrap();
        let (agent, asks, signals) = self.agent();
        let task = tokio::spawn(async move { agent.run(Until::Told).await.unwrap() });
        self.agent = Some(Running { task, asks, signals });
    }

    /// SIGKILL: nothing of it runs any more, whatever it was about.
    pub(crate) async fn kill(&mut self) {
        let running = self.agent.take().unwrap();
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
    }

    /// SIGTERM.
    pub(crate) async fn stop(&mut self) {
        let running = self.agent.take().unwrap();
        running.signals.send(Signal::End).await.unwrap();
        running.task.await.unwrap();
    }

    /// SIGKILL, unless it is dead, and a new start.
    pub(crate) async fn restart(&mut self) {
        if self.is_running() {
            self.kill().await;
        }
        self.start();
    }

    pub(crate) fn is_running(&self) -> bool {
        self.agent.is_some()
    }

    pub(crate) async fn signal(&self, signal: Signal) {
        self.agent.as_ref().unwrap().signals.send(signal).await.unwrap();
    }

    /// Waits in virtual time.
    pub(crate) async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, limit: u64, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(limit);
        while !is_so(self) {
            assert!(Instant::now() < end, "{what} not within {limit} s\n{self}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the pool has so many ENIs that are ready.
    pub(crate) async fn until_ready(&self, pool: &str, count: usize) {
        let what = format!("{count} of {pool} ready");
        self.until(&what, 300, |world| world.in_state(pool, State::Ready).len() == count).await;
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.store.inventory().unwrap()
    }

    pub(crate) fn of_pool(&self, pool: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.pool_name().is_some_and(|name| name.as_str() == pool));
        entries
    }

    pub(crate) fn in_state(&self, pool: &str, state: State) -> Vec<Entry> {
        let mut entries = self.of_pool(pool);
        entries.retain(|entry| entry.state == state);
        entries
    }

    /// ENIs of EC2 that bear this cluster's tags.
    pub(crate) fn ours_in_ec2(&self) -> Vec<ec2sim::EniFacts> {
        let mut enis = self.ec2.enis().unwrap();
        enis.retain(|eni| eni.tags.contains_key(crate::tags::CLUSTER));
        enis
    }

    /// How many plans were made so far.
    pub(crate) fn passes(&self) -> u64 {
        let text = self.metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix("multi_eni_plans_total "));
        line.map_or(0, |count| count.parse().unwrap())
    }

    /// The calls of EC2 so far, by name.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        super::region::actions(&self.ec2)
    }

    pub(crate) fn owner(pod: &str) -> Owner {
        Owner { network: "net".to_string(), container_id: pod.to_string(), ifname: "net1".to_string() }
    }

    /// What the plugin does: chooses and claims under the claim lock, and takes the link into the pod.
    pub(crate) async fn try_claim(&self, pod: &str, pool: &str) -> Option<EniId> {
        let _lock = self.store.claim_lock(Duration::from_secs(30)).await.unwrap();
        let records = self.store.records().unwrap();
        let is_free = |entry: &&Entry| {
            let held = records.iter().any(|record| record.holds() && record.device.is_same(&entry.device()));
            entry.state.is_on_node() && entry.state == State::Ready && !held && on_host(&self.machine, entry)
        };
        let of_pool = self.of_pool(pool);
        let entry = of_pool.iter().find(is_free)?;
        self.store.write_record(&record(pod, entry)).unwrap();
        self.machine.hand(entry.mac_address, Some(&Self::owner(pod)));
        self.machine.tell(Event::RecordsChanged);
        Some(entry.network_interface_id.clone())
    }

    /// ADD: claims, and asks the agent where the pool has nothing free.
    ///
    /// # Errors
    /// The agent's refusal, as a CNI error code.
    pub(crate) async fn add(&mut self, pod: &str, pool: &str, patience: Duration) -> Result<EniId, u32> {
        let end = Instant::now() + patience;
        loop {
            if let Some(eni) = self.try_claim(pod, pool).await {
                return Ok(eni);
            }
            let left = end.saturating_duration_since(Instant::now());
            let Some(reply) = self.ask(pod, pool, left) else { return Err(11) };
            match tokio::time::timeout(left, reply).await {
                Ok(Ok(Reply::Ready(_))) => {}
                Ok(Ok(Reply::Refused(refusal))) => return Err(refusal.code),
                Ok(Ok(other)) => panic!("{other:?}"),
                Ok(Err(_)) | Err(_) => return Err(11),
            }
        }
    }

    /// Asks the agent for an ENI; nothing if none runs.
    pub(crate) fn ask(&mut self, pod: &str, pool: &str, patience: Duration) -> Option<oneshot::Receiver<Reply>> {
        let (ask, receiver) = self.asking(pod, pool, patience);
        self.agent.as_ref()?.asks.try_send(ask).ok()?;
        Some(receiver)
    }

    /// The question for an ENI, and where it is answered.
    pub(super) fn asking(&mut self, pod: &str, pool: &str, patience: Duration) -> (Ask, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        self.number += 1;
        let deadline_ms = u64::try_from(patience.as_millis()).unwrap();
        let acquire =
            Acquire { pool: pool.parse().unwrap(), owner: Self::owner(pod), pod: Some(pod_called(pod)), deadline_ms };
        (Ask::Acquire(Asking { number: self.number, acquire, reply: sender }), receiver)
    }

    /// The kubelet gives a device to a pod, which makes no ADD yet.
    pub(crate) async fn allocate(&self, resource: &str, device: PciAddr) {
        self.devices.allocate(resource, &[device].into(), self.clock.now()).unwrap();
        self.agent.as_ref().unwrap().asks.send(Ask::Allocated).await.unwrap();
    }

    /// What the agent replies.
    pub(crate) async fn reply_to(&self, ask: impl FnOnce(oneshot::Sender<Reply>) -> Ask) -> Reply {
        let (sender, receiver) = oneshot::channel();
        self.agent.as_ref().unwrap().asks.send(ask(sender)).await.unwrap();
        receiver.await.unwrap()
    }

    /// What the agent says of its node.
    pub(crate) async fn status(&self) -> crate::view::Status {
        match self.reply_to(Ask::Status).await {
            Reply::Status(status) => serde_json::from_value(status).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// DEL: the link goes home, and the record is gone.
    pub(crate) fn del(&self, pod: &str) {
        let owner = Self::owner(pod);
        if let Some(record) = self.store.record(&owner).unwrap() {
            self.machine.hand(record.device.mac_address, None);
            self.store.remove_record(&owner).unwrap();
            self.machine.tell(Event::RecordsChanged);
        }
    }

    /// What the IPAM plugin does: takes a free address of a shared ENI.
    pub(crate) fn use_address(&self, pod: &str, pool: &str) {
        let (entries, uses) = (self.of_pool(pool), self.store.address_uses().unwrap());
        let is_free = |address: &IpAddr| !uses.iter().any(|usage| usage.addresses.contains(address));
        let (entry, address) = entries
            .iter()
            .find_map(|entry| {
                let secondary = entry.ipv4_addresses.iter().filter(|one| !one.primary);
                secondary.map(|one| IpAddr::V4(one.address)).find(is_free).map(|address| (entry, address))
            })
            .unwrap();
        let usage = AddressUse {
            owner: Self::owner(pod),
            network_interface_id: entry.network_interface_id.clone(),
            addresses: vec![address],
            state: AddressState::Used,
            namespace: None,
            call: serde_json::from_value(json!({"config": {}, "path": "", "args": ""})).unwrap(),
            owes_chain: false,
        };
        self.store.write_address_use(&usage).unwrap();
        self.machine.tell(Event::RecordsChanged);
    }

    /// The pod's address is free again.
    pub(crate) fn leave_address(&self, pod: &str) {
        self.store.remove_address_use(&Self::owner(pod)).unwrap();
        self.machine.tell(Event::RecordsChanged);
    }

    /// The pod is gone, and no DEL comes.
    pub(crate) fn die(&self, pod: &str) {
        self.machine.die(&Self::owner(pod));
    }

    /// What must be so at any moment: nothing is in two hands, no other's ENI was touched, what a pod has is attached.
    pub(crate) fn check(&self) {
        assert!(!self.region.was_asked_in_a_circle(), "{self}");
        let records = self.store.records().unwrap();
        let enis = self.ec2.enis().unwrap();
        for (place, record) in records.iter().enumerate().filter(|(_, record)| record.holds()) {
            let twice = records[..place].iter().find(|other| other.holds() && other.device.is_same(&record.device));
            assert!(twice.is_none(), "{} and {} have {}\n{self}", record.owner, twice.unwrap().owner, record.device);
            let eni = record.device.network_interface_id.as_ref().unwrap();
            let there = enis.iter().find(|one| one.network_interface_id.as_str() == eni.as_str());
            let attached = there.and_then(|eni| eni.attachment.as_ref());
            let is_in = attached.is_some_and(|at| at.status != DETACHING && at.instance_id == *self.instance.id());
            assert!(is_in, "{eni} is in a pod and EC2 has it {attached:?}\n{self}");
        }
        for call in self.ec2.calls().iter().filter(|call| call.principal == NODE && call.took_effect()) {
            if let (Some(eni), "DeleteNetworkInterface") =
                (call.parameters.get("NetworkInterfaceId"), call.action.name())
            {
                let is_other = enis.iter().any(|one| one.network_interface_id.as_str() == eni);
                assert!(!is_other, "{eni} was deleted and is there");
            }
        }
    }

    /// What must be so when nothing happens any more: EC2 has no ENI of ours that is not in the inventory, and no intent is left.
    pub(crate) fn check_settled(&self) {
        self.check();
        let known: Vec<String> = self.entries().iter().map(|entry| entry.network_interface_id.to_string()).collect();
        for eni in self.ours_in_ec2() {
            assert!(
                known.contains(&eni.network_interface_id.to_string()),
                "{} is leaked\n{self}",
                eni.network_interface_id
            );
        }
        let intents = self.store.intents::<crate::observe::Planned>().unwrap();
        assert!(intents.is_empty(), "{} intents are left\n{self}", intents.len());
    }
}

/// For a failing test: everything.
impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "at {} ({:?} in the region)", self.clock.now(), self.ec2.now())?;
        for entry in self.entries() {
            let upkeep = &entry.upkeep;
            let (id, state, index) = (&entry.network_interface_id, entry.state, entry.device_index);
            let link = self.machine.find(entry.mac_address).map(|link| (link.name, link.pod));
            writeln!(f, "entry {id} {state} since {} index {index} link {link:?} {upkeep:?}", upkeep.since)?;
        }
        for eni in self.ec2.enis().unwrap() {
            writeln!(f, "ec2 {} {:?} {:?}", eni.network_interface_id, eni.status, eni.attachment)?;
        }
        for record in self.store.records().unwrap() {
            writeln!(f, "record {} {:?} {}", record.owner, record.phase, record.device)?;
        }
        for call in self.ec2.calls() {
            let about = call.parameters.iter().filter(|(key, _)| !key.starts_with("Tag.")).collect::<Vec<_>>();
            writeln!(f, "call {:?} {} {about:?} {:?}", call.at, call.action, call.outcome)?;
        }
        Ok(())
    }
}

fn device_places(place: &Path) -> devices::Places {
    let below = |folder: &str| place.join(folder);
    let sysfs = below("sys");
    devices::Places { kubelet_dir: below("kubelet"), info_dir: below("devinfo"), sysfs }
}

const DETACHING: ec2sim::AttachmentStatus = ec2sim::AttachmentStatus::Detaching;
/// The security group of the pools.
pub(crate) const GROUP: &str = "sg-0123456789abcdef0";

fn pod_called(name: &str) -> Pod {
    Pod { namespace: "default".to_string(), name: name.to_string(), uid: None }
}

fn record(pod: &str, entry: &Entry) -> Record {
    let device = entry.device();
    serde_json::from_value(json!({
        "owner": World::owner(pod),
        "device": device,
        "pool": entry.pool_name(),
        "mode": "netdev",
        "namespace": {"path": format!("/run/netns/{pod}"), "identity": {"cookie": 1, "device": 1, "inode": 1}},
        "interfaceName": "net1",
        "leftovers": [],
        "phase": "committed",
        "call": {"config": {}, "path": "", "args": ""},
        "home": {
            "name": entry.host_name, "altnames": [], "mtu": 9001, "macAddress": entry.mac_address, "up": false,
        },
    }))
    .unwrap()
}
