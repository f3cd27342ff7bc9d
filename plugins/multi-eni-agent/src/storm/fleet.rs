//! Hundreds of nodes, and the calls of thousands, against the request buckets of one account.
//!
//! A whole node is an agent as it ships: its loop, planner, schedule of looks, records on disk (a disk in memory), and the
//! buckets, deadlines and pauses of `ec2::Limited`. Each has a small region of its own on paper, so that nobody has to search
//! through the ENIs of thousands, and all of these share one account: 100 reads and 20 more each second, 50 writes and 10 more.
//! Modelled are the kernel and the metadata service. All of it is one thread in virtual time.
//!
//! A process cannot have the files of 5,000 nodes open, nor a test their time. So 500 are whole. The other 4,500 are no agents:
//! no loop runs there, no plan is made and nothing is on record. They are what asks EC2 alone, for the two looks of the first
//! minutes: the same `ec2::Limited`, the same timetable, and after an error the wait that the loop would make of it. What is
//! said of readiness and of ADDs is of the 500; what is said of refusals is of all.
//!
//! From nothing come up as many whole ones as a test has time for, 400; that the refusals of each grow with the logarithm of
//! thousands is held by `ec2`'s own suite.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ec2::{Limited, Limits, Network, Query, Selection, Unobserved};
use ec2sim::request::{
    AttachNetworkInterface, AttachmentChange, CreateNetworkInterface, ModifyNetworkInterfaceAttribute,
};
use ec2sim::{Ec2, Fabric, Response};
use node::inventory::State;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::agent::clock::Clock as _;
use crate::agent::tests::region::{Account, NODE, Region};
use crate::agent::tests::world::World;
use crate::agent::timetable::Timetable;
use crate::agent::{REGULAR, wait};
use crate::apply::policy::Policy;

/// How many are whole.
const WHOLE: u64 = 500;
/// How many ask EC2, the whole ones among them.
const ALL: u64 = 5000;

struct Fleet {
    account: Account,
    /// Whole ones.
    nodes: Vec<World>,
    /// Those of which there are the timetable and the limits only.
    others: Vec<Asker>,
}

/// Of a node, what asks EC2, and what it asks about.
struct Asker {
    /// Its drop would take the region down.
    _fabric: Fabric,
    region: Region,
    subnet: String,
    instance: ec2::InstanceId,
}

impl Asker {
    fn new(account: &Account) -> Self {
        let fabric = Fabric::on_paper();
        let subnet = fabric.vpc("10.0.0.0/16").create().unwrap().subnet("10.0.1.0/24").create().unwrap();
        let instance = fabric.instance().create().unwrap();
        let mut region = Region::new(Ec2::of(&fabric), instance.clone());
        region.ec2.set_clock(ec2sim::Clock::of_tokio());
        region.join(account);
        let id = instance.id().as_str().parse().unwrap();
        Self { _fabric: fabric, region, subnet: subnet.id().to_string(), instance: id }
    }

    fn limited(&self, seed: u64) -> Limited<Region> {
        Limited::new(self.region.clone(), Limits::default(), Arc::new(Unobserved), seed)
    }
}

/// The looks of a node in its first minutes, by its timetable.
async fn first_looks(ec2: Limited<Region>, instance: ec2::InstanceId, subnet: String) {
    let start = Instant::now();
    let table = Timetable::of(&node::settings::Agent::default(), 0);
    sleep(Duration::from_secs(table.next_describe)).await;
    for failures in 1.. {
        if ec2.attached_to(&instance).await.is_ok() {
            break;
        }
        sleep(Duration::from_secs(wait(REGULAR, failures))).await;
    }
    sleep(Duration::from_secs(table.quiet_until.saturating_sub(start.elapsed().as_secs()))).await;
    let select = Selection { ids: [subnet].into(), ..Selection::default() };
    for failures in 1.. {
        match ec2.subnets(&select).await {
            Ok(_) => return,
            Err(error) => sleep(Duration::from_secs(wait(Policy::of(error.class), failures))).await,
        }
    }
}

/// What it took until all were ready, and how many calls were refused.
#[derive(Debug)]
struct Came {
    took: Duration,
    refused_each: f64,
    refused_share: f64,
}

impl Came {
    fn since(start: Instant, before: (u64, u64), account: &Account, nodes: usize) -> Self {
        let after = account.counts();
        let (admitted, refused) = ((after.0 - before.0) as f64, (after.1 - before.1) as f64);
        Self {
            took: start.elapsed(),
            refused_each: refused / nodes as f64,
            refused_share: refused / (admitted + refused).max(1.0),
        }
    }
}

fn node(seed: u64, account: &Account) -> World {
    let mut world = World::new(seed);
    world.region.join(account);
    // As most manifests are, which say nothing of sizes: the subnets tell how many.
    world.declare("data", "");
    world
}

impl Fleet {
    fn empty(size: u64) -> Self {
        let account = Account::new();
        let nodes = (0..size).map(|seed| node(seed, &account)).collect();
        fastrand::seed(size);
        Self { account, nodes, others: Vec::new() }
    }

    /// All have what one has whose agent has brought its pool up: the regions are alike, and so are the names in them.
    async fn full(size: u64) -> Self {
        let mut fleet = Self::empty(size);
        let (first, others) = fleet.nodes.split_first_mut().unwrap();
        first.start();
        first.until_ready("data", 1).await;
        first.wait(60).await;
        first.kill().await;
        for other in others {
            copy(first, other);
        }
        // What EC2 had to do is done, and the account's buckets are full again.
        sleep(Duration::from_secs(60)).await;
        fleet.account = Account::new();
        for node in &mut fleet.nodes {
            node.region.join(&fleet.account);
            assert_eq!(node.in_state("data", State::Ready).len(), 1, "{node}");
            node.check_settled();
        }
        fleet.others = (size..ALL).map(|_| Asker::new(&fleet.account)).collect();
        fastrand::seed(size);
        fleet
    }

    fn start(&mut self) {
        self.nodes.iter_mut().for_each(World::start);
    }

    fn ready(&self) -> usize {
        self.nodes.iter().filter(|node| node.in_state("data", State::Ready).len() == 1).count()
    }

    /// From nothing to pools that are full.
    async fn comes_up(&mut self, limit: Duration) -> Came {
        let (start, before) = (Instant::now(), self.account.counts());
        self.start();
        while self.ready() < self.nodes.len() {
            assert!(start.elapsed() < limit, "{} of {} are ready", self.ready(), self.nodes.len());
            sleep(Duration::from_secs(60)).await;
        }
        Came::since(start, before, &self.account, self.nodes.len())
    }

    /// All start at once.
    async fn restarts(&mut self) -> Came {
        let (start, before) = (Instant::now(), self.account.counts());
        let mut looks = JoinSet::new();
        for (other, seed) in self.others.iter().zip(10_000..) {
            looks.spawn(first_looks(other.limited(seed), other.instance.clone(), other.subnet.clone()));
        }
        self.start();
        // A pass of each, and no time has passed. The first looks are spread over five minutes, and those of a few are now.
        sleep(Duration::from_millis(1)).await;
        let at_once = self.account.counts().0 - before.0;
        assert!(at_once <= ALL / 100, "{at_once} calls in the first passes");
        for node in &mut self.nodes {
            let pass = node.store.agent_pass().unwrap();
            assert!(pass.is_some_and(|pass| pass.finished_at + 1 >= node.clock.now()), "{node}");
            assert!(node.try_claim("pod", "data").await.is_some(), "{node}");
            node.del("pod");
        }
        assert_eq!(self.account.counts().0 - before.0, at_once, "an ADD calls EC2");
        sleep(Duration::from_secs(1210)).await;
        looks.join_all().await;
        Came::since(start, before, &self.account, self.nodes.len() + self.others.len())
    }
}

/// Does in the other's region what the agent has done in the first one's, and gives it the same records.
fn copy(from: &World, to: &World) {
    let call = |request: ec2sim::Request| to.ec2.call(NODE, request).outcome.unwrap();
    let model = from.ours_in_ec2().remove(0);
    let create = CreateNetworkInterface {
        subnet_id: model.subnet_id.to_string(),
        description: Some(model.description.clone()),
        security_group_ids: model.security_groups.iter().map(|group| group.id.clone()).collect(),
        client_token: Some("token".to_string()),
        ..CreateNetworkInterface::default()
    };
    let Response::NetworkInterface(eni) = call(create.tagged(&model.tags).into()) else { panic!() };
    let id = eni.network_interface_id.to_string();
    let attach = AttachNetworkInterface {
        network_interface_id: id.clone(),
        instance_id: to.instance.id().to_string(),
        device_index: Some(1),
        network_card_index: Some(0),
    };
    let Response::Attached { attachment_id, .. } = call(attach.into()) else { panic!() };
    let change = AttachmentChange { attachment_id: Some(attachment_id.to_string()), delete_on_termination: Some(true) };
    let attachment = Some(change);
    call(ModifyNetworkInterfaceAttribute { network_interface_id: id.clone(), attachment, ..Default::default() }.into());
    assert_eq!((id, eni.mac_address), (model.network_interface_id.to_string(), model.mac));
    let files = |world: &World, name: &str| world.store.path().join("inventory").join(name);
    for file in std::fs::read_dir(files(from, "")).unwrap() {
        let name = file.unwrap().file_name();
        let name = Path::new(&name).to_str().unwrap();
        std::fs::copy(files(from, name), files(to, name)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn thr_1_500_that_restart_with_full_pools_are_ready_at_once_and_with_the_looks_of_4500_more_hardly_refused() {
    let mut fleet = Fleet::full(WHOLE).await;
    let came = fleet.restarts().await;
    assert!(came.refused_share < 0.05, "{came:?}");
    let (admitted, _) = fleet.account.counts();
    assert!(admitted >= 2 * ALL, "each has looked: {admitted}");
}

#[tokio::test(start_paused = true)]
async fn thr_1_100_whole_nodes_from_nothing_come_up_and_400_are_hardly_refused_more() {
    let few = Fleet::empty(100).comes_up(Duration::from_secs(1800)).await;
    let many = Fleet::empty(400).comes_up(Duration::from_secs(3600)).await;
    assert!(many.refused_each < few.refused_each + 6.0, "{few:?} {many:?}");
    assert!(many.took <= Duration::from_secs(1200), "{many:?}");
}
