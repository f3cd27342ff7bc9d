//! The agent as it is shipped, with the plugins as they are shipped, on a node of this kernel, against a simulated region
//! that keeps EC2's rules and enforces the policy that is installed for it.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

mod bad_luck;
mod cards;
mod crash;
mod dead;
mod drift;
mod ending;
mod ground;
mod limits;
mod metadata;
mod policy;
mod pool;
mod refused;
mod seen;
mod sharing;

use e2e::{Cloud, CniError, PodNetns};
use ec2sim::EniFacts;
use serde_json::{Value, json};

/// The pool of a test, unless it has several.
const POOL: &str = "data";
const UID: &str = "0b7dbd3c-4c2e-4f1c-9d53-1a8b1f1f0001";
const OF_A_POD: &str = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=p1;K8S_POD_UID=0b7dbd3c-4c2e-4f1c-9d53-1a8b1f1f0001";

/// A node whose agent has brought up a pool of so many ENIs, which stay.
fn with_pool(count: usize) -> Cloud {
    let cloud = Cloud::new();
    cloud.declare(POOL, &fixed(count));
    cloud.start();
    cloud.until_ready(POOL, count);
    cloud
}

fn fixed(count: usize) -> Value {
    json!({"min": count, "max": count, "cooldownSeconds": 0})
}

/// ADD, which has to be a success.
#[track_caller]
fn add(cloud: &Cloud, pod: &PodNetns, container: &str) -> Value {
    let outcome = cloud.add(pod, container, POOL).args(OF_A_POD).run(&cloud.host);
    assert!(outcome.output.status.success(), "{}\n{cloud}", outcome.output);
    outcome.result()
}

/// ADD, which has to be refused.
#[track_caller]
fn refused(cloud: &Cloud, pod: &PodNetns, container: &str, pool: &str) -> CniError {
    let outcome = cloud.add(pod, container, pool).run(&cloud.host);
    assert!(!outcome.output.status.success(), "{}\n{cloud}", outcome.output);
    outcome.error()
}

#[track_caller]
fn del(cloud: &Cloud, pod: &PodNetns, container: &str) {
    cloud.add(pod, container, POOL).verb("DEL").run(&cloud.host).empty();
}

/// The one ENI of the project.
#[track_caller]
fn only(cloud: &Cloud) -> EniFacts {
    let ours = cloud.ours();
    assert_eq!(ours.len(), 1, "{cloud}");
    ours.into_iter().next().unwrap()
}

/// The name of its link on the host, where the pool says none: `eni-` and the last ten digits of its id.
fn link_of(eni: &EniFacts) -> String {
    let id = eni.network_interface_id.as_str();
    format!("eni-{}", &id[id.len() - 10..])
}
