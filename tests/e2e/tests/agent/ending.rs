//! One agent at a time, and its end.

use e2e::{Cloud, Outcome};
use ec2sim::Action;
use serde_json::json;

use crate::{POOL, fixed, with_pool};

/// It ends by itself, in an orderly way. How long it may take is measured where nothing else goes on, in virtual time.
#[track_caller]
fn ends_well(cloud: &Cloud) {
    let begun = cloud.log().lines().count();
    let status = cloud.terminate();
    assert!(status.success(), "{status}\n{cloud}");
    let log = cloud.log();
    let said: Vec<&str> = log.lines().skip(begun).collect();
    assert!(said.last().is_some_and(|line| line.contains("multi-eni-agent") && line.contains(" ends")), "{cloud}");
    assert!(cloud.status().is_none() && cloud.page("/healthz").is_none());
}

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
fn an_idle_agent_ends_with_nothing_to_wait_for() {
    let cloud = with_pool(1);
    ends_well(&cloud);
    assert!(!cloud.log().contains("calls under way are left"), "{cloud}");
    cloud.start();
    cloud.until_ready(POOL, 1);
}

#[test]
fn sigterm_ends_it_though_calls_hang_with_nothing_half_done() {
    for action in [Action::CreateNetworkInterface, Action::AttachNetworkInterface] {
        let cloud = Cloud::new();
        cloud.ec2.at(action).hangs();
        cloud.declare(POOL, &fixed(2));
        cloud.start();
        cloud.until("two calls hang", |cloud| cloud.calls_of(action).len() == 2);
        ends_well(&cloud);
        assert!(cloud.log().contains("calls under way are left"), "{cloud}");
        cloud.ec2.heal();
        cloud.start();
        cloud.until_ready(POOL, 2);
    }
}

#[test]
fn who_waits_when_the_agent_ends_is_told_to_try_again() {
    let cloud = Cloud::new();
    cloud.ec2.at(Action::CreateNetworkInterface).hangs();
    cloud.declare(POOL, &json!({"min": 0, "max": 1}));
    cloud.start();
    let pod = cloud.host.netns("pod1");
    let adding = cloud.add(&pod, "c1", POOL).spawn(&cloud.host);
    cloud.until("the agent asks for an ENI", |cloud| !cloud.calls_of(Action::CreateNetworkInterface).is_empty());
    ends_well(&cloud);
    let error = Outcome::of(adding).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(cloud.store().records().unwrap().is_empty());
}

#[test]
fn upg_3_who_waits_when_the_agent_is_killed_is_told_and_the_next_try_has_the_eni_that_was_made() {
    let cloud = Cloud::new();
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
