//! What the agent takes for an ENI beside what the simulated EC2 and the kernel take, how soon it has what the kernel shows,
//! and how it takes many down at once.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Cloud, cloud};
use ec2sim::request::{
    AttachNetworkInterface, CreateNetworkInterface, DeleteNetworkInterface, DetachNetworkInterface, Force,
};
use ec2sim::{Ec2, Response, Timing};
use node::ask::{Acquire, Ready, Reply, Request};
use node::inventory::State;
use node::record::Owner;
use serde_json::json;

use crate::rounds::{Pauses, milliseconds, timed};

const POOL: &str = "bench";
/// Who makes the same calls without an agent.
const PERSON: &str = "AKIAIOSFODNN7PERSON1";
/// So that no call waits for its turn: what is measured is what is done, and not how much the node may ask.
const NO_LIMIT: &str = "reads_per_second = 100000\nwrites_per_second = 100000";
/// ENIs that are taken down together. An instance of 32 cards has 64, and one of them is its own.
pub(crate) const CROWDS: [u32; 4] = [1, 4, 16, 63];
/// How often it is looked whether something has come; a part of each number.
const LOOK: Duration = Duration::from_micros(200);

/// Milliseconds of each round.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// From a plugin's request until it is told of its ENI.
    pub(crate) created: Vec<f64>,
    /// The same calls without an agent, until the kernel shows the link.
    pub(crate) created_floor: Vec<f64>,
    /// From the kernel's showing of a link until the ENI is ready in the inventory.
    pub(crate) shown: Vec<f64>,
    /// From the end of the pools until EC2 has none of their ENIs, by their number.
    pub(crate) cleaned: Vec<(u32, f64)>,
}

pub(crate) fn measure(rounds: usize) -> Keeping {
    let mut keeping = Keeping::default();
    creation(rounds, &mut keeping);
    keeping.shown = (0..rounds).map(|_| shown()).collect();
    keeping.cleaned = CROWDS.iter().map(|&count| (count, clean_up(count))).collect();
    keeping
}

/// In a region that takes no time, so that all of it is the agent's, the simulator's and the kernel's.
fn creation(rounds: usize, keeping: &mut Keeping) {
    let cloud = Cloud::builder().kind("m5.xlarge").timing(Timing::instant()).agent(NO_LIMIT).build();
    cloud.start();
    let mut pauses = Pauses::default();
    // The first one looks up subnets and limits, which are kept.
    for round in 0..=rounds {
        let (floor, _) = pauses.before(|| floor(&cloud));
        cloud.declare(POOL, &json!({"min": 0, "max": 1, "cooldownSeconds": 0}));
        cloud.until("the pool is known", |cloud| cloud.pool_status(POOL).is_some());
        let (reply, time) = pauses.before(|| cloud.ask(&acquire(round)));
        assert!(matches!(reply, Some(Reply::Ready(Ready { .. }))), "{reply:?}\n{cloud}");
        cloud.withdraw(POOL);
        cloud.until_gone();
        if round > 0 {
            keeping.created.push(time);
            keeping.created_floor.push(floor);
        }
    }
}

fn acquire(round: usize) -> Request {
    let owner = Owner { network: "bench".into(), container_id: format!("c{round}"), ifname: "net1".into() };
    let pool = POOL.parse().expect("a pool's name");
    Request::Acquire(Acquire { pool, owner, pod: None, deadline_ms: 60_000 })
}

/// The same calls as a person would make them, until the link is there. The simulator answers the last one when the kernel has
/// done all of it, and the link is there before: it is watched beside the calls, as the agent does.
fn floor(cloud: &Cloud) -> f64 {
    let ec2 = cloud.ec2.clone();
    let create = CreateNetworkInterface {
        subnet_id: cloud.subnet.id().to_string(),
        security_group_ids: vec![cloud.group.id.to_string()],
        ..CreateNetworkInterface::default()
    };
    let instance_id = cloud.instance.id().to_string();
    // On threads of the node: the way there takes longer than what is measured.
    let (made, time) = cloud.host.run(move || {
        let before = links_here();
        let begin = Instant::now();
        let calls = thread::spawn(move || create_and_attach(&ec2, create, instance_id));
        while links_here() == before {
            assert!(begin.elapsed() < e2e::LIMIT, "the ENI does not come");
            thread::sleep(LOOK);
        }
        let time = milliseconds(begin.elapsed());
        (calls.join(), time)
    });
    let (eni, attachment) = made.expect("an ENI that is attached");
    let detach = DetachNetworkInterface { attachment_id: attachment, force: Force::default() };
    cloud.ec2.call(PERSON, detach).outcome.expect("a detachment");
    until_deleted(&cloud.ec2, &eni);
    time
}

/// The ENI and its attachment.
fn create_and_attach(ec2: &Ec2, create: CreateNetworkInterface, instance_id: String) -> (String, String) {
    let Ok(Response::NetworkInterface(eni)) = ec2.call(PERSON, create).outcome else {
        panic!("an ENI cannot be made");
    };
    let network_interface_id = eni.network_interface_id.to_string();
    let attach = AttachNetworkInterface {
        network_interface_id: network_interface_id.clone(),
        instance_id,
        device_index: Some(3),
        network_card_index: None,
    };
    let Ok(Response::Attached { attachment_id, .. }) = ec2.call(PERSON, attach).outcome else {
        panic!("the ENI cannot be attached");
    };
    (network_interface_id, attachment_id.to_string())
}

fn until_deleted(ec2: &Ec2, eni: &str) {
    let begin = Instant::now();
    let delete = DeleteNetworkInterface { network_interface_id: eni.to_string() };
    while let Err(error) = ec2.call(PERSON, delete.clone()).outcome {
        assert!(begin.elapsed() < e2e::LIMIT, "{eni} cannot be deleted: {error:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// How many links the caller's node has.
fn links_here() -> usize {
    std::fs::read_dir("/sys/class/net").expect("the node's links").count()
}

/// One ENI that comes to a node on which the agent waits for it.
fn shown() -> f64 {
    let cloud = Cloud::builder().kind("m5.xlarge").agent(NO_LIMIT).build();
    cloud.start();
    let store = cloud.store();
    let (begins, begun) = channel();
    let watch = move || {
        let before = links_here();
        begins.send(()).expect("somebody who waits for it");
        let (begin, mut shown) = (Instant::now(), None);
        loop {
            assert!(begin.elapsed() < e2e::LIMIT, "the ENI does not come");
            if shown.is_none() && links_here() > before {
                shown = Some(Instant::now());
            }
            let entries = store.inventory().expect("the inventory");
            if entries.iter().any(|entry| entry.pool.is_some() && entry.state == State::Ready) {
                // Both may have come between two looks.
                return shown.map_or(0.0, |shown| milliseconds(shown.elapsed()));
            }
            thread::sleep(LOOK);
        }
    };
    thread::scope(|scope| {
        let watching = scope.spawn(|| cloud.host.run(watch));
        begun.recv().expect("the one who watches");
        cloud.declare(POOL, &json!({"min": 1}));
        watching.join().expect("the one who watches")
    })
}

/// Two on each network card, in a region where a detachment takes 300 ms.
fn clean_up(count: u32) -> f64 {
    let cloud = Cloud::builder().kind("p5.48xlarge").timing(cloud::brisk()).agent(NO_LIMIT).build();
    cloud.start();
    let pools: Vec<_> =
        (0..count.div_ceil(2)).map(|pool| (format!("card-{pool}"), (count - 2 * pool).min(2))).collect();
    for (card, (name, size)) in pools.iter().enumerate() {
        cloud.declare(name, &json!({"min": size, "cooldownSeconds": 0, "networkCard": 31 - card}));
    }
    for (name, size) in &pools {
        cloud.until("the ENIs are there", |cloud| cloud.in_state(name, State::Ready).len() == *size as usize);
    }
    cloud.until("all is settled", Cloud::is_settled);
    let ((), time) = timed(|| {
        for (name, _) in &pools {
            cloud.withdraw(name);
        }
        cloud.until("EC2 has none of them", |cloud| cloud.ours().is_empty());
    });
    time
}
