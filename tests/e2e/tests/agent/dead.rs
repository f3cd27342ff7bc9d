//! Pods that go without a DEL: Multus never forwards GC, so the agent gives back what they had.

use e2e::{Cloud, LIMIT, POD_UID, PodNetns};
use node::inventory::State;

use crate::{POOL, add, fixed, only};

fn with_living_pod(cloud: &Cloud) -> PodNetns {
    let pod = cloud.host.netns("pod1");
    add(cloud, &pod, "c1");
    cloud.until("the ENI is in use", |cloud| cloud.in_state(POOL, State::InUse).len() == 1);
    pod
}

fn quick() -> Cloud {
    let cloud = Cloud::builder().agent("release_grace_seconds = 1\nresync_seconds = 1").build();
    cloud.declare(POOL, &fixed(1));
    cloud
}

#[test]
fn cra_2_what_a_dead_pod_had_is_given_back_after_the_grace() {
    let cloud = quick();
    cloud.start();
    cloud.until_ready(POOL, 1);
    let before = cloud.host.snapshot(&[]);
    let pod = with_living_pod(&cloud);
    cloud.ec2.take_calls();
    pod.destroy();
    cloud.until_ready(POOL, 1);
    assert!(cloud.store().records().unwrap().is_empty());
    before.assert_same(&cloud.host.snapshot(&[]));
    assert_eq!(cloud.writes(), [], "{cloud}");
    // The next pod has it, and the late DEL of the dead one harms nobody.
    let next = cloud.host.netns("pod2");
    add(&cloud, &next, "c2");
    cloud.add(&pod, "c1", POOL).verb("DEL").run(&cloud.host).empty();
    next.command("ip").args(["link", "show", "net1"]).run();
}

#[test]
fn cra_2_a_pod_that_dies_while_no_agent_runs_is_found_by_the_next() {
    let cloud = quick();
    cloud.start();
    cloud.until_ready(POOL, 1);
    let pod = with_living_pod(&cloud);
    cloud.kill();
    pod.destroy();
    cloud.start();
    cloud.until_ready(POOL, 1);
}

#[test]
fn cra_2_a_pod_that_lives_keeps_what_it_has_though_its_namespace_is_gone() {
    let cloud = quick();
    cloud.start();
    cloud.until_ready(POOL, 1);
    std::fs::create_dir_all(cloud.kubelet_dir().join("pods").join(POD_UID)).unwrap();
    let pod = with_living_pod(&cloud);
    let eni = only(&cloud);
    pod.destroy();
    let mac = format!(" mac {} ", eni.mac);
    cloud.until("its NIC is back on the host", |cloud| {
        cloud.host.snapshot(&[]).about("link ").iter().any(|line| line.contains(&mac))
    });
    pass_some_time(&cloud);
    assert_eq!(cloud.in_state(POOL, State::InUse).len(), 1, "{cloud}");
    std::fs::remove_dir(cloud.kubelet_dir().join("pods").join(POD_UID)).unwrap();
    cloud.until_ready(POOL, 1);
}

/// More than the grace, by the agent's own clock.
fn pass_some_time(cloud: &Cloud) {
    let pass = |cloud: &Cloud| cloud.status().unwrap()["lastPass"].as_u64().unwrap();
    let first = pass(cloud);
    cloud.until("the agent has passed for some seconds", |cloud| pass(cloud) >= first + 5);
}

#[test]
fn an_agent_that_does_not_see_the_hosts_processes_releases_nothing_and_says_so() {
    let cloud = quick();
    cloud.start();
    cloud.until_ready(POOL, 1);
    let pod = with_living_pod(&cloud);
    cloud.kill();
    cloud.spawn_in_a_container();
    pod.destroy();
    cloud.until_within(LIMIT, "the agent says what it cannot see", |cloud| {
        cloud.status().unwrap()["notes"].to_string().contains("hostPID")
    });
    pass_some_time(&cloud);
    assert_eq!(cloud.in_state(POOL, State::InUse).len(), 1, "{cloud}");
    assert_eq!(cloud.store().records().unwrap().len(), 1);
    cloud.restart();
    cloud.until_ready(POOL, 1);
}

#[test]
fn a_node_with_living_pods_is_left_alone() {
    let cloud = quick();
    cloud.start();
    cloud.until_ready(POOL, 1);
    let pod = with_living_pod(&cloud);
    let before = [pod.snapshot(), cloud.host.snapshot(&[])];
    let records = cloud.store().records().unwrap();
    cloud.restart();
    cloud.ec2.take_calls();
    pass_some_time(&cloud);
    assert_eq!(cloud.in_state(POOL, State::InUse).len(), 1, "{cloud}");
    assert_eq!(cloud.store().records().unwrap(), records);
    before[0].assert_same(&pod.snapshot());
    before[1].assert_same(&cloud.host.snapshot(&[]));
    assert_eq!(cloud.writes(), [], "{cloud}");
    crate::del(&cloud, &pod, "c1");
    cloud.until_ready(POOL, 1);
}
