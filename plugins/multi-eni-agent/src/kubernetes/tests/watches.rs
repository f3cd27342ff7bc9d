//! What is known, and when somebody is told of it.

use serde_json::{Value, json};

use super::server::{CLUSTER, NODE_ENIS, NODES, PODS, Server};
use super::{NODE, Site, names};
use crate::kubernetes::{Heard, Managed};

pub(super) fn node_eni(name: &str, max: u32) -> Value {
    json!({
        "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI",
        "metadata": { "name": name, "uid": format!("uid-of-{name}"), "generation": max },
        "spec": { "max": max },
    })
}

pub(super) fn node(uid: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": NODE, "uid": uid, "labels": { "ng": "multi-eni" } }, "spec": {},
    })
}

pub(super) fn pod(name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "uid": uid }, "spec": { "nodeName": NODE },
    })
}

/// A server with a NodeENI, the Node and a pod.
pub(super) fn server() -> Server {
    let server = Server::new();
    server.put(NODE_ENIS, node_eni("data", 1));
    server.put(NODES, node("node-uid-1"));
    server.put(PODS, pod("pod-1", "pod-uid-1"));
    server
}

#[tokio::test(start_paused = true)]
async fn the_first_lists_tell_all() {
    let server = server();
    let mut other = node("node-uid-9");
    other["metadata"]["name"] = json!("node-9");
    server.put(NODES, other);
    let site = Site::new(&server);
    let known = site.until_whole().await;
    assert_eq!(names(&known), ["data"]);
    let data = &known.node_enis.unwrap()["data"];
    assert_eq!((data.generation, &data.managed, data.is_deleted), (Some(1), &Managed::Unsaid, false));
    assert_eq!(data.spec, Some(json!({ "max": 1 })));
    let Heard::There(node) = known.node else { panic!("{:?}", known.node) };
    assert_eq!((node.uid.as_str(), node.labels["ng"].as_str()), ("node-uid-1", "multi-eni"));
    assert_eq!(known.pods.unwrap().iter().collect::<Vec<_>>(), ["pod-uid-1"]);
    assert_eq!(known.cluster.unwrap().as_str(), CLUSTER);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_before_a_list_is_whole() {
    let server = Server::new();
    let site = Site::new(&server);
    let known = site.snapshot.known();
    assert!(known.node_enis.is_none() && known.node == Heard::Nothing && known.pods.is_none());
    let known = site.until_whole().await;
    assert!(known.node_enis.unwrap().is_empty() && known.node == Heard::Absent && known.pods.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_changes_is_told_and_a_heartbeat_is_not() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    let changes = site.snapshot.subscribe();
    // A heartbeat of the kubelet, a count in a status, a label of a NodeENI, a pod that becomes ready.
    let mut heartbeat = node("node-uid-1");
    heartbeat["status"] =
        json!({ "conditions": [{ "type": "Ready", "status": "True", "lastHeartbeatTime": "2026-11-29T09:00:00Z" }] });
    heartbeat["metadata"]["annotations"] = json!({ "csi.volume.kubernetes.io/nodeid": "{}" });
    server.put(NODES, heartbeat);
    let mut counted = node_eni("data", 1);
    counted["status"] = json!({ "nodes": 3, "enis": { "total": 3 } });
    counted["metadata"]["labels"] = json!({ "team": "network" });
    server.put(NODE_ENIS, counted);
    let mut ready = pod("pod-1", "pod-uid-1");
    ready["metadata"]["labels"] = json!({ "ready": "yes" });
    server.put(PODS, ready);
    // What comes after it was told, so it was taken in.
    server.put(NODE_ENIS, node_eni("more", 1));
    site.until("the NodeENI after it", |known| names(known).contains(&"more".to_string())).await;
    server.delete(NODE_ENIS, "more");
    site.until("its end", |known| names(known) == ["data"]).await;
    drop(changes);
    let mut changes = site.snapshot.subscribe();
    let mut heartbeat = node("node-uid-1");
    heartbeat["metadata"]["annotations"] = json!({ "heartbeat": "2" });
    server.put(NODES, heartbeat);
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), changes.changed()).await;
    assert!(told.is_err(), "{:?}", site.snapshot.known());
}

#[tokio::test(start_paused = true)]
async fn what_matters_of_the_node_is_told() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    let there = |known: &crate::kubernetes::Known| match &known.node {
        Heard::There(node) => node.as_ref().clone(),
        _ => crate::kubernetes::ThisNode::default(),
    };
    let mut changed = node("node-uid-1");
    changed["metadata"]["labels"]["ng"] = json!("other");
    server.put(NODES, changed.clone());
    site.until("the label", |known| there(known).labels.get("ng").is_some_and(|value| value == "other")).await;
    changed["spec"]["unschedulable"] = json!(true);
    server.put(NODES, changed.clone());
    site.until("the cordon", |known| there(known).is_cordoned).await;
    changed["spec"]["taints"] = json!([{ "key": "karpenter.sh/disrupted", "effect": "NoSchedule" }]);
    server.put(NODES, changed.clone());
    let known = site.until("the taint", |known| there(known).leaving.is_some()).await;
    assert_eq!(there(&known).leaving.unwrap(), "it has the taint karpenter.sh/disrupted");
    changed["spec"]["taints"] = json!([{ "key": "dedicated", "value": "data-plane", "effect": "NoSchedule" }]);
    server.put(NODES, changed.clone());
    site.until("another taint", |known| there(known).leaving.is_none()).await;
    changed["metadata"]["deletionTimestamp"] = json!("2026-11-29T09:00:00Z");
    server.put(NODES, changed);
    site.until("its deletion", |known| there(known).leaving.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_of_the_same_name_and_another_uid_is_another() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    server.delete(NODES, NODE);
    site.until("it is gone", |known| known.node == Heard::Absent).await;
    server.put(NODES, node("node-uid-2"));
    let uid = |known: &crate::kubernetes::Known| match &known.node {
        Heard::There(node) => node.uid.clone(),
        Heard::Absent | Heard::Nothing => String::new(),
    };
    site.until("the other", |known| uid(known) == "node-uid-2").await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_the_same_name_and_another_uid_is_another_and_a_static_one_has_its_hash() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    let pods =
        |known: &crate::kubernetes::Known| known.pods.as_ref().map(|pods| pods.iter().cloned().collect::<Vec<_>>());
    server.delete(PODS, "pod-1");
    server.put(PODS, pod("pod-1", "pod-uid-2"));
    site.until("the other", |known| pods(known) == Some(vec!["pod-uid-2".into()])).await;
    let mut mirror = pod("static-node-1", "mirror-uid");
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.hash": "0a1b2c" });
    server.put(PODS, mirror);
    let all = ["0a1b2c", "mirror-uid", "pod-uid-2"].map(ToString::to_string).to_vec();
    site.until("the static one", |known| pods(known).as_ref() == Some(&all)).await;
}
