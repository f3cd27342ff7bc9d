//! The node as Kubernetes runs it: pods that the scheduler places, the kubelet starts and containerd gives an ENI.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

mod installation;
mod left_behind;
mod network;
mod original;
mod resource;
mod rights;
mod scale;
mod table;
mod trouble;
mod wire;

use e2e::{Cloud, Cluster};
use ec2sim::EniFacts;
use serde_json::{Value, json};

/// The pool of every pod.
const POOL: &str = "data";

/// `multi-eni` behind the primary network of every pod.
fn second_network() -> Value {
    json!({"type": "multi-eni", "pool": POOL, "interfaceName": "eth1", "ipam": {"type": "multi-eni-ipam"}})
}

/// The only ENI of the project.
#[track_caller]
fn only(cloud: &Cloud) -> EniFacts {
    let mut ours = cloud.ours();
    assert_eq!(ours.len(), 1, "{cloud}");
    ours.remove(0)
}

/// What a command in the pod's container prints.
fn exec(cluster: &Cluster, pod: &str, command: &[&str]) -> String {
    cluster.kubectl(&[&["exec", pod, "--"], command].concat())
}
