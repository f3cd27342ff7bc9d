//! What one API server has to bear of this project: how large the objects are, and what a write costs while the agents of 200 nodes
//! watch. With `MULTI_ENI_SCALE=FILE` the numbers are written there; `docs/scale.md` has those of a run.

mod crowd;
mod objects;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use e2e::cluster::{NODE, status_of};
use e2e::{Cloud, Cluster};
use serde_json::json;

use self::crowd::{Crowd, of_processes};
use crate::POOL;
use crate::wire::Wire;

/// As many watch the server.
const NODES: usize = 200;
/// For which the rest is computed.
const FLEET: usize = 5000;
const GROUP: &str = "/apis/networking.k8s.aws/v1alpha1";

fn with_kinds() -> Cluster {
    let cloud = Cloud::builder().named(NODE).build();
    let network = json!({"cniVersion": "1.0.0", "name": "vpc", "plugins": [{"type": "multi-eni", "pool": POOL}]});
    let cluster = Cluster::start(cloud, &network);
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../install/base/crds.yaml");
    cluster.apply_text(&std::fs::read_to_string(crds).unwrap());
    for plural in ["nodeenis", "eninodes"] {
        let crd = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.networking.k8s.aws");
        cluster.until("the kind is served", &crd, |crd| {
            crd.is_some_and(|crd| status_of(crd, "Established") == Some("True"))
        });
    }
    cluster
}

/// Does it for every node, eight at a time, and gives the times in their order.
fn for_each_node(act: impl Fn(usize) + Sync) -> Vec<Duration> {
    const AT_ONCE: usize = 8;
    let timed = |node| {
        let began = Instant::now();
        act(node);
        began.elapsed()
    };
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let threads = (0..AT_ONCE)
            .map(|first| scope.spawn(move || (first..NODES).step_by(AT_ONCE).map(&timed).collect::<Vec<_>>()));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    times.sort_unstable();
    times
}

#[test]
fn one_api_server_bears_the_watches_and_the_writes_of_a_large_cluster() {
    let cluster = with_kinds();
    let wire = Wire::to(cluster.api_socket());
    let mut report = String::new();
    for_each_node(|node| wire.post("/api/v1/nodes", &objects::node(node)));
    wire.post(&format!("{GROUP}/nodeenis"), &objects::node_eni());
    let path = format!("{GROUP}/nodeenis/{POOL}");
    wire.patch_status(&path, &objects::node_eni_status(0, MOST_ATTACHMENTS));
    for_each_node(|node| wire.apply(&objects::eni_node_path(node), &objects::eni_node(node)));

    let before = of_processes(&cluster);
    let began = Instant::now();
    let times = for_each_node(|node| {
        wire.apply(&format!("{}/status", objects::eni_node_path(node)), &objects::eni_node_status(node));
    });
    let took = began.elapsed();
    let cost = of_processes(&cluster).since(&before);
    let node_eni = wire.get(&path).len();
    let eni_node = wire.get(&objects::eni_node_path(0)).len();
    writeln!(report, "NodeENI with a full status: {node_eni} bytes").unwrap();
    let all = (eni_node * FLEET) as f64 / 1e6;
    writeln!(report, "ENINode with 4 ENIs: {eni_node} bytes; of {FLEET} nodes {all:.0} MB").unwrap();
    let (per_second, median, last) = (per_second(NODES, took), times[NODES / 2], times[NODES - 1]);
    writeln!(
        report,
        "ENINode status writes: {per_second:.0} per second, median {median:.1?}, slowest {last:.1?}, {:.1} ms of a core each",
        cost.cpu.as_secs_f64() * 1000.0 / NODES as f64
    )
    .unwrap();

    let before = of_processes(&cluster);
    let crowd = Crowd::watch(cluster.api_socket(), NODES);
    let opened = of_processes(&cluster).since(&before);
    writeln!(
        report,
        "{} watches: {} KiB of the server's memory each",
        crowd.watches(),
        opened.memory / 1024 / crowd.watches()
    )
    .unwrap();

    for attachments in [MOST_ATTACHMENTS, 0] {
        let round = |round| {
            wire.patch_status(&path, &objects::node_eni_status(round, attachments));
            crowd.await_all_node_enis();
        };
        round(WRITES);
        report.push_str(&fan_out(&cluster, &crowd, attachments, round));
    }
    match std::env::var_os("MULTI_ENI_SCALE") {
        Some(file) => std::fs::write(file, &report).unwrap(),
        None => std::io::stderr().write_all(report.as_bytes()).unwrap(),
    }

    // What the design promises: nothing grows with nodes times ENIs in one object, and etcd takes 1.5 MiB of one.
    assert!(eni_node < 16 << 10, "{report}");
    assert!(node_eni < 128 << 10, "{report}");
    assert!(per_second > 20.0, "{report}");
}

/// Status writes of the NodeENI.
const WRITES: usize = 10;
/// In a NodeENI's status.
const MOST_ATTACHMENTS: usize = 100;

/// What a status write of a NodeENI costs that all agents watch.
fn fan_out(cluster: &Cluster, crowd: &Crowd, attachments: usize, round: impl Fn(usize)) -> String {
    let (before, read) = (of_processes(cluster), crowd.bytes());
    let mut latencies = Vec::new();
    for number in 0..WRITES {
        let began = Instant::now();
        round(number);
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    let cpu = of_processes(cluster).since(&before).cpu.as_secs_f64() / WRITES as f64;
    let each = (crowd.bytes() - read) / WRITES / NODES;
    let fleet = FLEET as f64 / NODES as f64;
    format!(
        "NodeENI status write with {attachments} attachments: {each} bytes to each of {NODES} that watch, the last one after \
         {:.0?} (median), {:.0} ms of a core; for {FLEET} nodes {:.0} MB and {:.1} s of a core\n",
        latencies[WRITES / 2],
        cpu * 1000.0,
        (each * FLEET) as f64 / 1e6,
        cpu * fleet
    )
}

fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
