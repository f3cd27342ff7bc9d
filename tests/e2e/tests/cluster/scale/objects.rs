//! Objects as large as they get.

use serde_json::{Value, json};

use super::GROUP;
use crate::POOL;

/// The longest that a problem's text is shown.
const MESSAGE: usize = 256;

pub(super) fn node_name(node: usize) -> String {
    format!("ip-10-0-{}-{}.eu-central-1.compute.internal", node / 250, node % 250)
}

/// A Node as amazon's have labels.
pub(super) fn node(node: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": node_name(node), "labels": {
            "kubernetes.io/hostname": node_name(node), "node.kubernetes.io/instance-type": "m5.4xlarge",
            "topology.kubernetes.io/zone": "eu-central-1a", "ng": "multi-eni",
        }},
    })
}

pub(super) fn node_eni() -> Value {
    json!({
        "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI", "metadata": {"name": POOL},
        "spec": {
            "nodeSelector": {"ng": "multi-eni"}, "subnetID": "subnet-0123456789abcdef0",
            "securityGroupIDs": ["sg-0123456789abcdef0"], "min": 4, "max": 4,
        },
    })
}

/// With ten problems, and so many attachments, of which a hundred are the most.
pub(super) fn node_eni_status(round: usize, attachments: usize) -> Value {
    let time = "2026-11-25T07:33:56Z";
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "lastTransitionTime": time, "reason": "AsDeclared",
            "message": "every node that it selects has what it should have", "observedGeneration": 1,
        })
    };
    let problems = (0..10).map(|node| json!({"node": node_name(node), "message": "x".repeat(MESSAGE), "since": time}));
    let attachments = (0..attachments).map(|number| {
        json!({
            "nodeID": node_name(number / 4), "instanceID": format!("i-{number:017x}"), "eniID": format!("eni-{number:017x}"),
            "attachmentID": format!("eni-attach-{number:017x}"), "subnetID": "subnet-0123456789abcdef0",
            "subnetCIDR": "10.0.0.0/16", "mtu": 9001, "deviceIndex": 1 + number % 4, "status": "attached",
            "lastUpdated": time, "dpdkBound": true, "dpdkDriver": "vfio-pci", "dpdkResourceName": "intel.com/ena",
            "dpdkPCIAddress": "0000:00:06.0",
        })
    });
    json!({"status": {
        "observedGeneration": 1, "conditions": [condition("Valid"), condition("Managed"), condition("Ready")],
        "nodes": 5000,
        "enis": {"total": 20000, "ready": 20000 - round, "inUse": round, "cooling": 0, "coming": 0, "quarantined": 0, "leaving": 0},
        "problems": problems.collect::<Vec<_>>(), "attachments": attachments.collect::<Vec<_>>(),
        "attachmentsNote": "the first 100 of 20000; `kubectl get eninodes -o yaml` has them all",
    }})
}

pub(super) fn eni_node_path(node: usize) -> String {
    format!("{GROUP}/eninodes/{}", node_name(node))
}

pub(super) fn eni_node(node: usize) -> Value {
    json!({
        "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "ENINode",
        "metadata": {"name": node_name(node)}, "spec": {},
    })
}

/// Four ENIs with pods, as the agent shows them.
pub(super) fn eni_node_status(node: usize) -> Value {
    let time = "2026-11-25T07:33:56Z";
    let enis = (1..=4).map(|index| {
        json!({
            "id": format!("eni-{:017x}", node * 4 + index), "pool": POOL, "state": "in-use", "since": time,
            "macAddress": format!("02:00:00:00:00:0{index}"), "pciAddress": format!("0000:00:0{}.0", 5 + index),
            "deviceIndex": index, "networkCardIndex": 0, "subnetID": "subnet-0123456789abcdef0", "subnetCIDR": "10.0.0.0/16",
            "addresses": [format!("10.0.{}.{}", node % 256, 10 + index)], "hostName": format!("eni-{index:010x}"),
            "mtu": 9001, "mode": "netdev", "driver": "ena", "attachmentID": format!("eni-attach-{:017x}", node * 4 + index),
            "owner": {
                "namespace": "default", "pod": format!("data-plane-7d4b9c6f5-{index:05}"),
                "podUID": "0b2d4a3e-6f9e-4d8b-9b53-5d3c7f0a1e22",
                "containerID": "0".repeat(64), "ifname": "net1",
            },
        })
    });
    let mut object = eni_node(node);
    object["status"] = json!({
        "nodeUID": "0b2d4a3e-6f9e-4d8b-9b53-5d3c7f0a1e22", "instanceID": format!("i-{node:017x}"), "instanceType": "m5.4xlarge",
        "availabilityZone": "eu-central-1a", "agentVersion": "0.1.0", "slots": {"limit": 8, "used": 5, "free": 3},
        "enis": enis.collect::<Vec<_>>(),
        "pools": [{"name": POOL, "generation": 1, "min": 4, "max": 4, "warm": 0, "target": 4}],
        "counts": {"total": 4, "ready": 0, "inUse": 4, "cooling": 0, "coming": 0, "quarantined": 0, "leaving": 0},
        "conditions": [{
            "type": "Ready", "status": "True", "lastTransitionTime": time, "reason": "AsDeclared",
            "message": "every pool has what it should have",
        }],
    });
    object
}
