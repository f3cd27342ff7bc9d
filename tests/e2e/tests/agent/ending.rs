//! One agent at a time, and its end.

use std::time::Duration;

use e2e::Outcome;
use ec2sim::Action;
use serde_json::json;

use crate::{POOL, fixed, with_pool};

/// What it ends in, with a machine that is busy with other things.
const IN_TIME: Duration = Duration::from_secs(6);

#[test]
fn a_second_agent_is_refused_and_the_first_one_goes_on() {
    let cloud = with_pool(1);
    for command in ["run", "once"] {
        let output = cloud.agent(&[command]);
        assert_eq!(output.code(), Some(1), "{output}");
        assert!(output.stderr.contains("another agent works on") && output.stderr.lines().count() == 1, "{output}");
    }
    cloud.declare(POOL, &fixed(2));
    cloud.until_ready(POOL, 2);
}

#[test]
fn an_idle_agent_ends_at_once() {
    let cloud = with_pool(1);
    let (status, took) = cloud.terminate();
    assert!(status.success() && took < IN_TIME, "{status} after {took:?}\n{cloud}");
    assert!(cloud.status().is_none() && cloud.page("/healthz").is_none());
    cloud.start();
    cloud.until_ready(POOL, 1);
}

#[test]
fn sigterm_ends_it_in_five_seconds_with_nothing_half_done() {
    for action in [Action::CreateNetworkInterface, Action::AttachNetworkInterface] {
        let cloud = e2e::Cloud::new();
        cloud.ec2.at(action).hangs();
        cloud.declare(POOL, &fixed(2));
        cloud.start();
        cloud.until("two calls hang", |cloud| cloud.calls_of(action).len() == 2);
        let (status, took) = cloud.terminate();
        assert!(status.success() && took < IN_TIME, "{status} after {took:?}\n{cloud}");
        cloud.ec2.heal();
        cloud.start();
        cloud.until_ready(POOL, 2);
    }
}

#[test]
fn who_waits_when_the_agent_ends_is_told_to_try_again() {
    let cloud = e2e::Cloud::new();
    cloud.ec2.at(Action::CreateNetworkInterface).hangs();
    cloud.declare(POOL, &json!({"min": 0, "max": 1}));
    cloud.start();
    let pod = cloud.host.netns("pod1");
    let adding = cloud.add(&pod, "c1", POOL).spawn(&cloud.host);
    cloud.until("the agent asks for an ENI", |cloud| !cloud.calls_of(Action::CreateNetworkInterface).is_empty());
    let (status, _) = cloud.terminate();
    assert!(status.success(), "{status}");
    let error = Outcome::of(adding).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(cloud.store().records().unwrap().is_empty());
}

#[test]
fn upg_3_who_waits_when_the_agent_is_killed_is_told_and_the_next_try_has_the_eni_that_was_made() {
    let cloud = e2e::Cloud::new();
    cloud.ec2.at(Action::AttachNetworkInterface).hangs();
    cloud.declare(POOL, &json!({"min": 0, "max": 1, "cooldownSeconds": 600}));
    cloud.start();
    let pod = cloud.host.netns("pod1");
    let adding = cloud.add(&pod, "c1", POOL).spawn(&cloud.host);
    cloud.until("the ENI is made", |cloud| !cloud.calls_of(Action::AttachNetworkInterface).is_empty());
    cloud.kill();
    let error = Outcome::of(adding).error();
    assert_eq!(error.code, 11, "{error:?}");
    cloud.ec2.heal();
    cloud.start();
    // The runtime tries again with another container.
    crate::add(&cloud, &pod, "c2");
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1, "{cloud}");
}
