//! A shared pool: pods have addresses of one NIC, by Debian's ipvlan plugin.

use node::addresses::AddressState;
use serde_json::json;

use super::Scenario;
use super::netdev::{reaches, reaches_the_vpc};
use crate::guest::Node;
use crate::{Invocation, PodNetns, binaries};

pub(super) const ALL: [Scenario; 1] = [Scenario {
    name: "pods_on_one_shared_nic_reach_the_vpc_and_each_other",
    file: "tests/e2e/src/guest/scenarios/shared.rs",
    run: pods_on_one_shared_nic_reach_the_vpc_and_each_other,
}];

/// A call of Debian's `ipvlan`, which asks ours for an address.
fn ipvlan(node: &Node, pod: &PodNetns, container: &str) -> Invocation {
    let ours = binaries::multi_eni_ipam();
    Invocation::new(binaries::reference("ipvlan"))
        .container(container)
        .ifname("net1")
        .netns(pod.path())
        .search(ours.parent().expect("a folder of the IPAM plugin"))
        .env("MULTI_ENI_NODE_TOML", node.host.settings().display().to_string())
        .config(&json!({
            "cniVersion": "1.0.0", "name": "net", "type": "ipvlan", "master": "shared0", "mode": "l2",
            "ipam": {"type": "multi-eni-ipam"},
        }))
}

fn pods_on_one_shared_nic_reach_the_vpc_and_each_other(node: &Node) {
    node.declare(
        "shared",
        &json!({
            "sharing": "shared", "secondaryIPv4Addresses": 2, "max": 1, "linkName": "shared0", "cooldownSeconds": 0,
        }),
    );
    node.ready("shared", 1);
    let pods = ["pod1", "pod2"].map(|name| node.pod(name));
    let mut addresses = Vec::new();
    for (pod, container) in pods.iter().zip(["c1", "c2"]) {
        let result = ipvlan(node, pod, container).run(&node.host).result();
        let address = result["ips"][0]["address"].as_str().expect("an address").to_owned();
        reaches_the_vpc(pod);
        addresses.push(address.split('/').next().unwrap_or_default().to_owned());
    }
    node.say(&format!("ipvlan of a shared NIC: {} reach the VPC", addresses.join(" and ")));
    // The VPC reaches a pod, and one pod the other.
    reaches(&node.vpc, &addresses[0]);
    reaches(&pods[0], &addresses[1]);
    for (pod, container) in pods.iter().zip(["c1", "c2"]) {
        ipvlan(node, pod, container).verb("DEL").run(&node.host).empty();
    }
    assert!(node.store().address_uses().expect("the addresses").iter().all(|usage| usage.state != AddressState::Used));
}
