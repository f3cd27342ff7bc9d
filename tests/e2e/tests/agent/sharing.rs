//! A shared pool: the agent keeps the asked number of addresses free, and the IPAM plugin gives them out.

use e2e::{Cloud, Invocation, Outcome, POD_UID, binaries};
use ec2sim::Action;
use node::inventory::State;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

use crate::{look_again, only};

const SHARED: &str = "shared";

fn with_shared(cooldown: u64) -> Cloud {
    let cloud = Cloud::new();
    cloud.declare(SHARED, &json!({
        "sharing": "shared", "secondaryIPv4Addresses": 2, "max": 1, "linkName": "shared0", "cooldownSeconds": cooldown,
    }));
    cloud.start();
    cloud.until_ready(SHARED, 1);
    cloud
}

/// A call of the IPAM plugin, as `ipvlan` makes it. This kernel need not have ipvlan for that.
fn ipam(cloud: &Cloud, container: &str) -> Invocation {
    ipam_of(cloud, container, Path::new("/run/netns/none"))
}

fn ipam_of(cloud: &Cloud, container: &str, netns: &Path) -> Invocation {
    Invocation::new(binaries::multi_eni_ipam())
        .container(container)
        .ifname("net1")
        .netns(netns)
        .env("MULTI_ENI_NODE_TOML", cloud.settings().display().to_string())
        .config(&json!({
            "cniVersion": "1.0.0", "name": "net", "type": "ipvlan", "master": "shared0", "ipam": {"type": "multi-eni-ipam"},
        }))
}

fn take(cloud: &Cloud, container: &str) -> String {
    let outcome = ipam(cloud, container).run(&cloud.host);
    assert!(outcome.output.status.success(), "{}\n{cloud}", outcome.output);
    outcome.result()["ips"][0]["address"].as_str().unwrap().to_string()
}

/// Waits until EC2 and the inventory have so many secondary addresses.
#[track_caller]
fn until_has(cloud: &Cloud, count: usize) {
    cloud.until(&format!("{count} secondary addresses"), |cloud| {
        let inventory = cloud.of_pool(SHARED).remove(0);
        let known: BTreeSet<_> =
            inventory.ipv4_addresses.iter().filter(|one| !one.primary).map(|one| one.address).collect();
        known.len() == count && known == only(cloud).secondaries.into_iter().collect()
    });
}

#[test]
fn free_addresses_are_kept_and_given_back_when_they_are_too_many() {
    let cloud = with_shared(0);
    assert!(!cloud.host.snapshot(&[]).about("link shared0 up ").is_empty());
    until_has(&cloud, 2);
    assert_eq!(cloud.calls_of(Action::AssignPrivateIpAddresses).len(), 0, "they came with Create\n{cloud}");
    let taken: BTreeSet<String> = ["c1", "c2"].iter().map(|container| take(&cloud, container)).collect();
    assert_eq!(taken.len(), 2);
    until_has(&cloud, 4);
    assert_eq!(cloud.pool_status(SHARED).unwrap()["addresses"], json!({"free": 2, "cooling": 0, "used": 2}));
    for container in ["c1", "c2"] {
        ipam(&cloud, container).verb("DEL").run(&cloud.host).empty();
    }
    cloud.until("all are free", |cloud| cloud.pool_status(SHARED).unwrap()["addresses"]["free"] == 4);
    // They are kept for a while, since the next pods may come. Time goes by while the agent is away.
    cloud.kill();
    let store = cloud.store();
    let mut entry = cloud.of_pool(SHARED).remove(0);
    entry.upkeep.addresses_changed_at = 0;
    store.write_entry(&entry).unwrap();
    // A daemon would take its time for what is not urgent.
    let output = cloud.agent(&["once"]);
    assert!(output.status.success(), "{output}\n{cloud}");
    until_has(&cloud, 2);
    assert_eq!(cloud.calls_of(Action::UnassignPrivateIpAddresses).len(), 1, "{cloud}");
}

#[test]
fn addresses_of_a_shared_eni_rest_between_two_pods() {
    let cloud = with_shared(600);
    let first = take(&cloud, "c1");
    ipam(&cloud, "c1").verb("DEL").run(&cloud.host).empty();
    until_has(&cloud, 3);
    let next: BTreeSet<String> = ["c2", "c3"].iter().map(|container| take(&cloud, container)).collect();
    assert!(!next.contains(&first), "{first} has not rested");
    assert_eq!(cloud.pool_status(SHARED).unwrap()["addresses"]["cooling"], 1);
}

#[test]
fn many_pods_at_once_have_an_address_each() {
    let cloud = with_shared(0);
    let pods: Vec<String> = (0..8).map(|nth| format!("c{nth}")).collect();
    let (mut given, mut without) = (BTreeSet::new(), pods.clone());
    // More come than there are addresses. Who finds none is refused, and the runtime tries again.
    cloud.until("each has an address", |cloud| {
        let running: Vec<_> = without.iter().map(|pod| ipam(cloud, pod).spawn(&cloud.host)).collect();
        let outcomes = running.into_iter().map(Outcome::of).collect::<Vec<_>>();
        let mut refused = Vec::new();
        for (pod, outcome) in without.drain(..).zip(&outcomes) {
            if outcome.output.status.success() {
                let address = outcome.result()["ips"][0]["address"].as_str().unwrap().to_string();
                assert!(given.insert(address), "{pod} has what another has: {}", outcome.output);
            } else {
                assert_eq!(outcome.error().code, 11, "{}", outcome.output);
                refused.push(pod);
            }
        }
        without = refused;
        without.is_empty()
    });
    assert_eq!(given.len(), pods.len());
    until_has(&cloud, 10);
    assert_eq!(cloud.in_state(SHARED, State::Ready).len(), 1, "{cloud}");
    // A shared ENI with pods on it does not go, whatever the manifest says.
    cloud.withdraw(SHARED);
    cloud.until("the pool is known to be withdrawn", |cloud| {
        cloud.pool_status(SHARED).is_some_and(|pool| pool["declared"].is_null())
    });
    look_again(&cloud);
    assert_eq!(cloud.calls_of(Action::DetachNetworkInterface).len(), 0, "{cloud}");
    for pod in &pods {
        ipam(&cloud, pod).verb("DEL").run(&cloud.host).empty();
    }
    cloud.until_gone();
}

#[test]
fn adr_3_an_address_that_ec2_has_no_more_is_given_to_no_pod() {
    let cloud = with_shared(0);
    let old = only(&cloud).secondaries;
    cloud.console().unassign_secondaries(&only(&cloud));
    cloud.refresh();
    cloud.until("there are others instead", |cloud| {
        let known = cloud.of_pool(SHARED).remove(0).ipv4_addresses;
        known.iter().filter(|one| !one.primary).map(|one| one.address).eq(only(cloud).secondaries) && known.len() == 3
    });
    let has = only(&cloud).secondaries;
    for container in ["c1", "c2"] {
        let given = take(&cloud, container);
        assert!(
            has.iter().any(|address| given == format!("{address}/24")),
            "{given} is none of {has:?}, but of {old:?}"
        );
    }
}

#[test]
fn cra_2_the_address_of_a_pod_that_is_gone_is_free_again() {
    let cloud = Cloud::builder().agent("release_grace_seconds = 1\nresync_seconds = 1").build();
    cloud.declare(
        SHARED,
        &json!({
            "sharing": "shared", "secondaryIPv4Addresses": 1, "max": 1, "linkName": "shared0", "cooldownSeconds": 0,
        }),
    );
    cloud.start();
    cloud.until_ready(SHARED, 1);
    let folder = cloud.kubelet_dir().join("pods").join(POD_UID);
    std::fs::create_dir(&folder).unwrap();
    let pod = cloud.host.netns("pod1");
    drop(ipam_of(&cloud, "c1", pod.path()).of_pod().run(&cloud.host).result());
    let counts = |cloud: &Cloud| cloud.pool_status(SHARED).unwrap()["addresses"].clone();
    cloud.until("it is used", |cloud| counts(cloud) == json!({"free": 1, "cooling": 0, "used": 1}));
    pod.destroy();
    std::fs::remove_dir(&folder).unwrap();
    cloud.until("it is free", |cloud| counts(cloud) == json!({"free": 2, "cooling": 0, "used": 0}));
}
