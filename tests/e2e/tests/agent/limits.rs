//! What an instance and a node's settings take.

use std::time::Duration;

use e2e::Cloud;
use e2e::cloud::brisk;
use ec2sim::{Action, Kind, Timing};
use node::inventory::State;
use serde_json::json;

use crate::{POOL, fixed, look_again, refused};

/// The agent looks at everything again, and does nothing about it: it asks no more than once for each time that it is told to.
#[track_caller]
fn assert_quiet(cloud: &Cloud) {
    let before = cloud.calls().len();
    look_again(cloud);
    let since = cloud.calls().split_off(before);
    assert!(since.iter().all(|call| call.action.kind() == Kind::Read) && since.len() <= 3, "{since:?}\n{cloud}");
}

#[test]
fn dev_6_no_more_enis_than_the_node_allows_are_attached() {
    let cloud = Cloud::builder().agent("max_enis = 3").build();
    cloud.declare(POOL, &json!({"warm": 5, "min": 5, "max": 6, "cooldownSeconds": 0}));
    cloud.start();
    cloud.until_ready(POOL, 3);
    cloud.until("the reason is said", |cloud| cloud.waiting(POOL).contains("max_enis of node.toml allows 3 ENIs"));
    assert_quiet(&cloud);
    assert_eq!(cloud.written()["CreateNetworkInterface"], 3, "{cloud}");
    let pods: Vec<_> = (0..4).map(|nth| cloud.host.netns(&format!("pod{nth}"))).collect();
    for (pod, container) in pods.iter().zip(["c0", "c1", "c2"]) {
        crate::add(&cloud, pod, container);
    }
    let error = refused(&cloud, &pods[3], "c3", POOL);
    assert_eq!(error.code, 102, "{error:?}");
    assert!(error.msg.contains("max_enis") && error.msg.len() <= 200, "{error:?}");
    assert_eq!(cloud.ours().len(), 3);
}

#[test]
fn dev_6_slots_that_are_reserved_stay_free() {
    let cloud = Cloud::builder().kind("m5.xlarge").agent("reserved_enis = 1").build();
    cloud.declare(POOL, &fixed(3));
    cloud.start();
    cloud.until_ready(POOL, 2);
    assert_quiet(&cloud);
    assert_eq!(cloud.ours().len(), 2, "{cloud}");
}

#[test]
fn lea_4_a_pool_that_cannot_be_filled_makes_what_there_is_room_for() {
    let cloud = Cloud::builder().kind("m5.xlarge").build();
    let other = cloud.subnet.eni().create().unwrap();
    let instance = cloud.instance.clone();
    cloud.host.run(move || other.attach(&instance).index(1).named("other1").now().unwrap());
    cloud.long_since();
    cloud.declare(POOL, &fixed(10));
    cloud.start();
    cloud.until_ready(POOL, 2);
    cloud.until("the reason is said", |cloud| cloud.waiting(POOL).contains("the instance has all of its 4 interfaces"));
    assert_quiet(&cloud);
    assert_eq!(cloud.written()["CreateNetworkInterface"], 2, "{cloud}");
    let slots = cloud.of_pool(POOL).into_iter().map(|entry| entry.device_index).collect::<Vec<_>>();
    assert!(!slots.contains(&1), "{slots:?}");
}

#[test]
fn lea_4_a_limit_lower_than_the_table_is_believed_and_said() {
    let cloud = Cloud::new();
    cloud.ec2.refuse_beyond(cloud.instance.id(), 2).unwrap();
    cloud.declare(POOL, &fixed(3));
    cloud.start();
    cloud.until("one is there, and the limit is known", |cloud| {
        cloud.in_state(POOL, State::Ready).len() == 1 && cloud.waiting(POOL).contains("AttachmentLimitExceeded")
    });
    assert_quiet(&cloud);
    assert!(cloud.calls_of(Action::AttachNetworkInterface).len() <= 4, "{cloud}");
    assert!(cloud.calls_of(Action::CreateNetworkInterface).len() <= 3, "{cloud}");
    let pods = ["pod1", "pod2"].map(|name| cloud.host.netns(name));
    crate::add(&cloud, &pods[0], "c1");
    let error = refused(&cloud, &pods[1], "c2", POOL);
    assert_eq!(error.code, 102, "{error:?}");
    assert!(format!("{error:?}").contains("AttachmentLimitExceeded"), "{error:?}");
}

#[test]
fn lea_1_an_instance_that_ends_is_left_as_it_is() {
    let timing = Timing { terminate: Duration::from_secs(600), ..brisk() };
    let cloud = Cloud::builder().timing(timing).build();
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    cloud.instance.announce("spot/instance-action", r#"{"action": "terminate"}"#).unwrap();
    cloud.signal(nix::sys::signal::Signal::SIGHUP);
    cloud.until("the end is known", |cloud| cloud.status().unwrap()["leaving"] == true);
    cloud.ec2.take_calls();
    // Neither more nor fewer: who ends keeps what it has, which ends with it.
    cloud.declare(POOL, &fixed(3));
    cloud.until("it is said", |cloud| cloud.waiting(POOL).contains("going away"));
    cloud.declare(POOL, &fixed(0));
    assert_quiet(&cloud);
    assert_eq!(cloud.writes(), [], "{cloud}");
}
