//! The agent as it is shipped, with the plugins as they are shipped, on a node of this kernel, against a simulated region
//! that keeps EC2's rules and enforces the policy that is installed for it.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

mod adopting;
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
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// The pool of a test, unless it has several.
const POOL: &str = "data";

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

/// The agent has looked at everything again, and has had the time to do what it then found to do: passes end in three seconds.
#[track_caller]
fn look_again(cloud: &Cloud) {
    for _ in 0..3 {
        let last = cloud.status().unwrap()["lastPass"].as_u64();
        cloud.signal(Signal::SIGHUP);
        cloud.until("another pass", |cloud| cloud.status().unwrap()["lastPass"].as_u64() > last);
    }
}

/// ADD, which has to be a success.
#[track_caller]
fn add(cloud: &Cloud, pod: &PodNetns, container: &str) -> Value {
    let outcome = cloud.add(pod, container, POOL).of_pod().run(&cloud.host);
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
