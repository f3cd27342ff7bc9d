//! What EC2 refuses, and how it is said where it is seen.

use e2e::{Cloud, CniError};
use ec2sim::Action;
use node::inventory::State;
use serde_json::json;

use crate::{POOL, add, del, fixed, refused};

/// What a person reads of it: one line, not too long, without EC2's XML.
#[track_caller]
fn assert_readable(error: &CniError) {
    assert!(error.msg.len() <= 200 && error.msg.lines().count() == 1, "{error:?}");
    assert!(!error.msg.contains('<') && !error.details.contains('<'), "{error:?}");
}

#[test]
fn ec2_5_obs_2_a_full_subnet_is_told_the_pod_and_not_asked_again_and_again() {
    let cloud = Cloud::new();
    cloud.ec2.at(Action::CreateNetworkInterface).refuses("InsufficientFreeAddressesInSubnet");
    cloud.declare("full", &json!({"min": 0, "max": 1}));
    // One that works, and whose pods come and go meanwhile.
    let other = cloud.vpc.subnet("10.0.2.0/24").create().unwrap();
    cloud.declare(POOL, &json!({"min": 0, "max": 1, "cooldownSeconds": 0, "subnetID": other.id()}));
    cloud.start();
    let pods = ["pod1", "pod2"].map(|name| cloud.host.netns(name));
    for _ in 0..5 {
        let error = refused(&cloud, &pods[0], "c1", "full");
        assert_eq!(error.code, 101, "{error:?}");
        assert_readable(&error);
        let text = format!("{} {}", error.msg, error.details);
        assert!(text.contains(cloud.subnet.id().as_str()), "{error:?}");
        assert!(text.contains("InsufficientFreeAddressesInSubnet"), "{error:?}");
    }
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1, "{cloud}");
    assert_eq!(cloud.intents(), 0, "{cloud}");
    cloud.ec2.heal();
    add(&cloud, &pods[1], "c2");
    del(&cloud, &pods[1], "c2");
    cloud.until("the other pool shrinks", |cloud| cloud.of_pool(POOL).is_empty());
}

#[test]
fn ec2_5_a_subnet_that_tells_that_it_is_full_is_not_asked_for_an_eni() {
    let cloud = Cloud::new();
    // A /28 has 16 addresses, 5 of them EC2's own.
    let small = cloud.vpc.subnet("10.0.3.0/28").create().unwrap();
    let mut eni = small.eni();
    for last in 5..15 {
        eni = eni.secondary(&format!("10.0.3.{last}"));
    }
    eni.address("10.0.3.4").create().unwrap();
    cloud.declare(POOL, &json!({"min": 0, "max": 1, "subnetID": small.id()}));
    cloud.start();
    let pod = cloud.host.netns("pod1");
    let error = refused(&cloud, &pod, "c1", POOL);
    assert_eq!(error.code, 101, "{error:?}");
    assert!(error.msg.contains(small.id().as_str()), "{error:?}");
    assert_readable(&error);
    assert_eq!(cloud.writes(), [], "{cloud}");
}

#[test]
fn ec2_5_obs_2_a_missing_permission_is_told_the_pod_and_not_asked_again_and_again() {
    let cloud = Cloud::new();
    cloud.ec2.set_policy_of(e2e::cloud::AGENT, &Cloud::installed_policy().without("CreateOurs"));
    cloud.declare(POOL, &json!({"min": 0, "max": 1}));
    cloud.start();
    let pod = cloud.host.netns("pod1");
    for _ in 0..3 {
        let error = refused(&cloud, &pod, "c1", POOL);
        assert_eq!(error.code, 100, "{error:?}");
        assert!(format!("{error:?}").contains("UnauthorizedOperation"), "{error:?}");
        assert_readable(&error);
    }
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1, "{cloud}");
    let ready = cloud.page("/readyz").unwrap();
    assert_eq!(ready.status, 503, "{}", ready.text);
    // Who puts it right says so by a manifest that he touches.
    cloud.ec2.set_policy_of(e2e::cloud::AGENT, &Cloud::installed_policy());
    cloud.declare(POOL, &json!({"min": 0, "max": 2}));
    cloud.until("the agent has read it", |cloud| cloud.pool_status(POOL).unwrap()["declared"]["max"] == 2);
    add(&cloud, &pod, "c1");
}

#[test]
fn expired_credentials_are_said_and_newer_ones_are_taken() {
    let cloud = Cloud::new();
    cloud.declare("first", &fixed(1));
    cloud.start();
    cloud.until_ready("first", 1);
    cloud.ec2.expire(e2e::cloud::AGENT);
    cloud.declare(POOL, &json!({"min": 0, "max": 1}));
    cloud.until("the agent has read it", |cloud| cloud.pool_status(POOL).is_some());
    let pod = cloud.host.netns("pod1");
    let error = refused(&cloud, &pod, "c1", POOL);
    assert_eq!(error.code, 100, "{error:?}");
    assert!(format!("{error:?}").contains("RequestExpired"), "{error:?}");
    assert!(cloud.calls_of(Action::CreateNetworkInterface).len() <= 2, "{cloud}");
    assert_eq!(cloud.page("/readyz").unwrap().status, 503);
    // What is there already works without any.
    let other = cloud.host.netns("pod2");
    drop(cloud.add(&other, "c2", "first").run(&cloud.host).result());
    cloud.ec2.renew(e2e::cloud::AGENT);
    cloud.declare(POOL, &json!({"min": 0, "max": 2}));
    cloud.until("the agent has read it", |cloud| cloud.pool_status(POOL).unwrap()["declared"]["max"] == 2);
    add(&cloud, &pod, "c1");
    assert_eq!(cloud.page("/readyz").unwrap().status, 200);
}

#[test]
fn cfg_3_a_pool_that_nobody_declares_and_one_that_cannot_be_are_refused_with_the_reason() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &json!({"min": 0, "max": 1, "securityGroupIDs": null, "securityGroupNames": ["nowhere"]}));
    cloud.start();
    let pod = cloud.host.netns("pod1");
    let error = refused(&cloud, &pod, "c1", "other");
    assert_eq!(error.code, 7, "{error:?}");
    assert!(error.msg.contains("other"), "{error:?}");
    let error = refused(&cloud, &pod, "c1", POOL);
    assert_eq!(error.code, 7, "{error:?}");
    assert!(error.msg.contains("nowhere"), "{error:?}");
    assert_readable(&error);
    assert_eq!(cloud.writes(), [], "{cloud}");
}

#[test]
fn con_1_pods_that_start_at_once_share_what_the_instance_takes() {
    let cloud = Cloud::builder().kind("m5.xlarge").build();
    cloud.declare(POOL, &json!({"min": 0, "warm": 0, "max": 10, "cooldownSeconds": 600}));
    cloud.start();
    let pods: Vec<_> = (0..6).map(|nth| cloud.host.netns(&format!("pod{nth}"))).collect();
    let adds = pods.iter().enumerate().map(|(nth, pod)| cloud.add(pod, &format!("c{nth}"), POOL).spawn(&cloud.host));
    let running: Vec<_> = adds.collect();
    let outcomes: Vec<_> = running.into_iter().map(e2e::Outcome::of).collect();
    let (given, denied): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.output.status.success());
    assert_eq!((given.len(), denied.len()), (3, 3), "{cloud}");
    for outcome in denied {
        let error = outcome.error();
        assert!([11, 102].contains(&error.code), "{error:?}");
    }
    cloud.until("all is settled", |cloud| cloud.is_settled() && cloud.in_state(POOL, State::InUse).len() == 3);
    assert_eq!(cloud.ours().len(), 3);
}
