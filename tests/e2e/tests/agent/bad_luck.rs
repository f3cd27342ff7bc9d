//! EC2 on a bad day.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::Cloud;
use e2e::cloud::brisk;
use ec2sim::{Action, Call, Lag, Outage, Outcome, Timing};
use node::inventory::State;
use serde_json::json;

use crate::{POOL, add, del, fixed, only, with_pool};

#[test]
fn with_ec2_out_of_reach_a_pool_waits_and_comes_up_later() {
    for outage in [Outage::Unreachable, Outage::Unavailable] {
        let cloud = Cloud::new();
        cloud.ec2.outage(outage);
        cloud.declare(POOL, &fixed(2));
        cloud.start();
        cloud.until("some calls in vain", |cloud| cloud.metric("multi_eni_ec2_calls_total") >= 5.0);
        assert!(cloud.ours().is_empty() && !cloud.waiting(POOL).is_empty(), "{cloud}");
        cloud.ec2.outage(Outage::No);
        cloud.until_ready(POOL, 2);
        assert!(cloud.metric("multi_eni_ec2_calls_total") < 60.0, "{}", cloud.metrics());
    }
}

#[test]
fn imd_4_sec_4_with_ec2_out_of_reach_pods_come_and_go_and_a_restart_is_ready_at_once() {
    let cloud = with_pool(1);
    let address = cloud.stop_ec2();
    let pod = cloud.host.netns("pod1");
    add(&cloud, &pod, "c1");
    cloud.restart();
    del(&cloud, &pod, "c1");
    cloud.until_ready(POOL, 1);
    add(&cloud, &pod, "c2");
    del(&cloud, &pod, "c2");
    cloud.serve_ec2(&address);
    cloud.declare(POOL, &fixed(2));
    cloud.until_ready(POOL, 2);
}

#[test]
fn throttling_of_every_second_call_slows_and_stops_nothing() {
    let cloud = Cloud::new();
    cloud.ec2.at_all().every(2).throttles();
    cloud.declare(POOL, &fixed(2));
    cloud.start();
    cloud.until_ready(POOL, 2);
    cloud.declare(POOL, &fixed(0));
    cloud.until_gone();
    let done = cloud.written();
    assert!(done.values().all(|count| *count <= 6), "{cloud}");
    let refused =
        |cloud: &Cloud| cloud.refusals().into_iter().filter(|(_, code)| code == "RequestLimitExceeded").count();
    assert!(refused(&cloud) > 0, "{cloud}");
    cloud.until("each of them is counted", |cloud| {
        let refused = refused(cloud);
        let metrics = cloud.metrics();
        let lines = metrics.lines().filter(|line| line.starts_with("multi_eni_ec2_calls_total{"));
        let throttled = lines.filter(|line| line.contains("result=\"throttled\""));
        throttled.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum::<usize>() == refused
    });
}

#[test]
fn answers_that_are_lost_make_no_second_eni() {
    for action in [
        Action::CreateNetworkInterface,
        Action::AttachNetworkInterface,
        Action::DetachNetworkInterface,
        Action::DeleteNetworkInterface,
    ] {
        let cloud = Cloud::new();
        cloud.ec2.at(action).times(1).loses_the_answer();
        cloud.declare(POOL, &fixed(1));
        cloud.start();
        cloud.until_ready(POOL, 1);
        let made = only(&cloud).network_interface_id.to_string();
        cloud.declare(POOL, &fixed(0));
        cloud.until_gone();
        let lost = |call: &Call| call.outcome == Outcome::DoneAnswerLost;
        assert_eq!(cloud.calls_of(action).into_iter().filter(lost).count(), 1, "{action}\n{cloud}");
        // EC2 makes one ENI for one token, and nothing was done to another one.
        let creations = cloud.calls_of(Action::CreateNetworkInterface);
        let tokens: BTreeSet<_> = creations.iter().map(|call| &call.parameters["ClientToken"]).collect();
        assert_eq!(tokens.len(), 1, "{action}\n{cloud}");
        let writes: Vec<_> = cloud.writes().into_iter().filter(Call::took_effect).collect();
        let enis: BTreeSet<_> = writes.iter().filter_map(|call| call.parameters.get("NetworkInterfaceId")).collect();
        assert_eq!(enis, [&made].into(), "{action}\n{cloud}");
        for once in [Action::AttachNetworkInterface, Action::DetachNetworkInterface, Action::DeleteNetworkInterface] {
            assert_eq!(writes.iter().filter(|call| call.action == once).count(), 1, "{action}: {once}\n{cloud}");
        }
    }
}

#[test]
fn lea_2_a_describe_that_does_not_show_a_new_eni_takes_nothing_away() {
    let timing = Timing { describe_lag: Lag::Fixed(Duration::from_secs(600)), ..brisk() };
    let cloud = Cloud::builder().timing(timing).agent("orphan_grace_seconds = 1\nresync_seconds = 1").build();
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    let eni = only(&cloud).network_interface_id;
    let pod = cloud.host.netns("pod1");
    // What is attached, then what bears the tags: both know of nothing.
    for container in ["c1", "c2"] {
        cloud.refresh();
        add(&cloud, &pod, container);
        del(&cloud, &pod, container);
    }
    cloud.until_ready(POOL, 1);
    assert_eq!(only(&cloud).network_interface_id, eni);
    assert!(cloud.written().values().all(|count| *count == 1) && cloud.written().len() == 3, "{cloud}");
}

#[test]
fn lea_2_only_what_was_ours_and_free_for_long_is_swept() {
    let cloud = Cloud::builder().agent("orphan_grace_seconds = 3\nresync_seconds = 1").build();
    let tagged = |pairs: &[(&str, &str)]| {
        let mut eni = cloud.subnet.eni();
        for (key, value) in pairs {
            eni = eni.tag(key, value);
        }
        eni.create().unwrap().facts().unwrap()
    };
    let instance = cloud.instance.id().to_string();
    let (cluster, node) = (e2e::cloud::CLUSTER_TAG, "multi-eni.networking.k8s.aws/instance");
    let pool = "multi-eni.networking.k8s.aws/pool";
    let lost = tagged(&[(cluster, e2e::cloud::CLUSTER), (node, &instance), (pool, "gone")]);
    let spared = [
        tagged(&[(cluster, e2e::cloud::CLUSTER), (node, "i-0aaaaaaaaaaaaaaaa"), (pool, "gone")]),
        tagged(&[(cluster, "another-cluster"), (node, &instance), (pool, "gone")]),
        tagged(&[("Name", "mine")]),
    ];
    cloud.start();
    // By turns: what is attached, and what bears the tags. The first sighting of the lost one changes nothing.
    cloud.until("it is seen", |cloud| {
        cloud.refresh();
        cloud.entries().iter().any(|entry| entry.network_interface_id.as_str() == lost.network_interface_id.as_str())
    });
    assert_eq!(cloud.writes(), [], "{cloud}");
    cloud.until("it is swept", |cloud| cloud.calls_of(Action::DeleteNetworkInterface).len() == 1);
    cloud.until("it is forgotten", |cloud| cloud.entries().iter().all(|entry| entry.pool.is_none()));
    assert_eq!(cloud.writes().len(), 1, "{cloud}");
    let left = cloud.ec2.enis().unwrap();
    assert!(spared.iter().all(|eni| left.contains(eni)), "{cloud}");
    assert!(!left.iter().any(|eni| eni.network_interface_id == lost.network_interface_id), "{cloud}");
}

#[test]
fn an_eni_that_a_person_detaches_is_replaced_and_not_lost() {
    let cloud = Cloud::builder().agent("orphan_grace_seconds = 1\nresync_seconds = 1").build();
    cloud.declare(POOL, &json!({"min": 1, "max": 2, "cooldownSeconds": 0}));
    cloud.start();
    cloud.until_ready(POOL, 1);
    let eni = only(&cloud);
    let request = ec2sim::request::DetachNetworkInterface {
        attachment_id: eni.attachment.unwrap().attachment_id.to_string(),
        ..Default::default()
    };
    cloud.ec2.call("AKIAPERSON", request).outcome.unwrap();
    cloud.until("one ENI is ready, and there is no other", |cloud| {
        cloud.ours().len() == 1
            && cloud.in_state(POOL, State::Ready).len() == 1
            && cloud.is_settled()
            && only(cloud).attachment.is_some_and(|at| at.status == ec2sim::AttachmentStatus::Attached)
    });
}
