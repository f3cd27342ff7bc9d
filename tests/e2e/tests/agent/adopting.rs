//! A node moves over from the original controller: its ENIs stay.

use std::time::Duration;

use e2e::Cloud;
use e2e::cloud::AGENT;
use ec2sim::{Action, EniFacts, Fault};
use node::inventory::State;

use crate::{POOL, add, del, fixed, look_again, only};

const TOLD_TO: &str = "adopt_original = true\nresync_seconds = 1";

/// A node on which the original controller has attached an ENI for the NodeENI of the test, and works no more.
fn with_original(agent: &str) -> (Cloud, EniFacts) {
    let cloud = Cloud::builder().agent(agent).build();
    let eni = cloud.subnet.eni().group(&cloud.group.id, "pods");
    // Its `createENI`.
    let eni = eni.tag("Name", "nodeeni-data-node-1-0000000a").tag("NodeENI", POOL).tag("Node", "node-1");
    let eni = eni.tag("SubnetID", cloud.subnet.id().as_str()).tag("node.k8s.amazonaws.com/no_manage", "true");
    let eni = eni.tag("kubernetes.io/cluster/managed-by", "nodeeni-controller").create().unwrap();
    let (attached, instance) = (eni.clone(), cloud.instance.clone());
    cloud.host.run(move || attached.attach(&instance).index(1).named("ens6").now().unwrap());
    cloud.host.sh("ip link set ens6 up");
    cloud.long_since();
    cloud.ec2.set_policy_of(AGENT, &Cloud::installed_policy().and(&Cloud::policy_to_adopt()));
    let facts = eni.facts().unwrap();
    (cloud, facts)
}

#[track_caller]
fn assert_is_adopted(cloud: &Cloud, eni: &EniFacts) {
    cloud.until_ready(POOL, 1);
    let now = only(cloud);
    assert_eq!(now.network_interface_id, eni.network_interface_id, "{cloud}");
    assert!(eni.tags.iter().all(|(key, value)| now.tags.get(key) == Some(value)), "{:?}", now.tags);
    for action in [Action::CreateNetworkInterface, Action::AttachNetworkInterface, Action::DetachNetworkInterface] {
        assert_eq!(cloud.calls_of(action), [], "{cloud}");
    }
}

#[test]
fn an_eni_of_the_original_controller_becomes_the_pools_and_serves_pods() {
    let (cloud, eni) = with_original(TOLD_TO);
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    assert_is_adopted(&cloud, &eni);
    let pod = cloud.host.netns("pod1");
    add(&cloud, &pod, "c1");
    assert_eq!(cloud.in_state(POOL, State::Ready).len() + cloud.in_state(POOL, State::InUse).len(), 1);
    del(&cloud, &pod, "c1");
    // It is the project's in all respects: it goes with its pool.
    cloud.declare(POOL, &fixed(0));
    cloud.until_gone();
}

#[test]
fn unless_it_is_told_to_the_agent_leaves_it_alone_and_makes_its_own() {
    let (cloud, eni) = with_original("resync_seconds = 1");
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    look_again(&cloud);
    assert_ne!(only(&cloud).network_interface_id, eni.network_interface_id, "{cloud}");
    assert!(cloud.others().contains(&eni), "{cloud}");
}

#[test]
fn one_that_a_pod_has_is_adopted_when_the_pod_is_gone() {
    let (cloud, eni) = with_original(TOLD_TO);
    let pod = cloud.host.netns("pod1");
    cloud.host.sh(&format!("ip link set ens6 netns {}", pod.path().display()));
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until("it is waited for", |cloud| cloud.waiting(POOL).contains("is not adopted yet"));
    look_again(&cloud);
    assert_eq!(cloud.writes(), [], "nothing is made in its place\n{cloud}");
    pod.sh("ip link show ens6");
    pod.destroy();
    assert_is_adopted(&cloud, &eni);
}

#[test]
fn an_agent_that_dies_while_it_adopts_loses_nothing() {
    let (cloud, eni) = with_original(TOLD_TO);
    cloud.declare(POOL, &fixed(1));
    cloud.ec2.at(Action::CreateTags).does(Fault::Slow(Duration::from_secs(3600)));
    cloud.spawn();
    cloud.until("it is tagged", |cloud| !cloud.calls_of(Action::CreateTags).is_empty() && !cloud.ours().is_empty());
    cloud.kill();
    cloud.ec2.heal();
    cloud.start();
    assert_is_adopted(&cloud, &eni);
}

#[test]
fn without_the_statement_for_it_the_pool_says_so_and_nothing_is_made() {
    let (cloud, eni) = with_original(TOLD_TO);
    cloud.ec2.set_policy_of(AGENT, &Cloud::installed_policy());
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until("it is said", |cloud| cloud.waiting(POOL).contains("UnauthorizedOperation"));
    look_again(&cloud);
    assert_eq!(cloud.ours(), [], "{cloud}");
    assert!(cloud.others().contains(&eni), "{cloud}");
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface), [], "{cloud}");
}

#[test]
fn the_statement_reaches_no_eni_but_the_originals() {
    let (cloud, _) = with_original(TOLD_TO);
    cloud.ec2.set_policy_of(AGENT, &Cloud::policy_to_adopt());
    let of_original = |eni: ec2sim::EniBuilder| eni.tag("kubernetes.io/cluster/managed-by", "nodeeni-controller");
    let person = cloud.subnet.eni().tag("Name", "mine").create().unwrap();
    let other = of_original(cloud.subnet.eni()).tag(e2e::cloud::CLUSTER_TAG, "another-cluster").create().unwrap();
    let free = of_original(cloud.subnet.eni()).create().unwrap();
    let tag = |eni: &ec2sim::Eni, cluster: &str| {
        let tags = vec![(e2e::cloud::CLUSTER_TAG.to_string(), cluster.to_string())];
        let request = ec2sim::request::CreateTags { resource_ids: vec![eni.id().to_string()], tags };
        cloud.ec2.call(AGENT, request).outcome.is_ok()
    };
    assert!(!tag(&person, e2e::cloud::CLUSTER), "a person's");
    assert!(!tag(&other, e2e::cloud::CLUSTER), "another cluster's");
    assert!(!tag(&free, "another-cluster"), "for another cluster");
    assert!(tag(&free, e2e::cloud::CLUSTER));
}
