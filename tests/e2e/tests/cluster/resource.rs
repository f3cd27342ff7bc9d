//! A pool that is a resource of the node: the agent's device plugin and a real kubelet.

use std::net::IpAddr;

use e2e::cluster::{NODE, condition, is_ready, node_path, pod, pod_path};
use e2e::pod_resources::{PodResources, SOCKET};
use e2e::{Cloud, Cluster};
use node::inventory::State;
use serde_json::{Value, json};

use crate::{POOL, exec};

const RESOURCE: &str = "example.com/eni";

/// A cluster whose node has so many ENIs at least, as a resource, and no more than that unless `more` says so.
fn with_devices(min: u32, more: &Value) -> Cluster {
    let cloud = Cloud::builder().named(NODE).agent("release_grace_seconds = 1").build();
    cloud.put_on_pci();
    declare(&cloud, min, more);
    cloud.start();
    cloud.until_ready(POOL, min.try_into().unwrap());
    let network = network(&cloud);
    let cluster = Cluster::start(cloud, &network);
    until_shown(&cluster, min);
    cluster
}

fn declare(cloud: &Cloud, min: u32, more: &Value) {
    let mut spec = json!({"min": min, "max": min, "cooldownSeconds": 1, "resourceName": RESOURCE});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    cloud.declare(POOL, &spec);
}

/// As Multus does it: the pod's device is what the kubelet says.
fn network(cloud: &Cloud) -> Value {
    let delegate = json!({"type": "multi-eni", "pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let asking = json!({
        "type": "deviceid-from-kubelet", "resourceName": RESOURCE, "delegate": delegate,
        "podResources": cloud.kubelet_dir().join(SOCKET),
    });
    json!({"cniVersion": "1.0.0", "name": "vpc", "plugins": [asking]})
}

/// Waits until the node has so many of the resource for pods.
#[track_caller]
fn until_shown(cluster: &Cluster, count: u32) {
    let shown = json!(count.to_string());
    cluster.until(&format!("the node shows {count} of {RESOURCE}"), &node_path(), |node| {
        node.is_some_and(|node| node["status"]["allocatable"][RESOURCE] == shown)
    });
}

/// Starts a pod that asks for one, and gives its address.
#[track_caller]
fn run(cluster: &Cluster, name: &str) -> IpAddr {
    cluster.apply(&asking(name));
    let pod = cluster.until(&format!("pod {name} runs"), &pod_path(name), is_ready).unwrap();
    pod["status"]["podIP"].as_str().unwrap().parse().unwrap()
}

fn asking(name: &str) -> Value {
    pod(name, &json!({RESOURCE: "1"}))
}

/// The device that the kubelet gave a pod.
#[track_caller]
fn device(cluster: &Cluster, pod: &str) -> String {
    let pods = PodResources::connect(&cluster.cloud.kubelet_dir().join(SOCKET)).unwrap().list().unwrap();
    pods.iter().find(|one| one.name == pod).unwrap().devices(RESOURCE).remove(0)
}

#[test]
fn dev_2_the_node_shows_what_the_pool_has_and_a_pod_gets_one_of_them() {
    let cluster = with_devices(1, &json!({}));
    let cloud = &cluster.cloud;
    let shown: Value = serde_json::from_str(&cluster.kubectl(&["get", "node", NODE, "-o", "json"])).unwrap();
    assert_eq!(shown["status"]["capacity"][RESOURCE], "1", "{shown:#}");
    declare(cloud, 2, &json!({}));
    until_shown(&cluster, 2);

    let address = run(&cluster, "one");
    let eni = cloud.ours().into_iter().find(|eni| IpAddr::V4(eni.primary) == address).expect("the ENI of that address");
    let entry = cloud.in_state(POOL, State::InUse).remove(0);
    assert_eq!(entry.network_interface_id.as_str(), eni.network_interface_id.as_str());
    assert_eq!(entry.pci_address.unwrap().to_string(), device(&cluster, "one"));
    let link = exec(&cluster, "one", &["ip", "link", "show", "eth0"]);
    assert!(link.contains(&eni.mac.to_string()), "{link}");

    let told = exec(&cluster, "one", &["sh", "-c", "echo $PCIDEVICE_EXAMPLE_COM_ENI"]);
    assert_eq!(told.trim(), device(&cluster, "one"));

    // The one that the pod has stays.
    declare(cloud, 1, &json!({}));
    until_shown(&cluster, 1);
    cloud.until("one ENI is left", |cloud| cloud.ours().len() == 1 && cloud.is_settled());
    assert_eq!(cloud.ours()[0].network_interface_id, eni.network_interface_id);
    assert!(is_ready(cluster.get(&pod_path("one")).as_ref()), "{cluster}");

    cluster.delete_pod("one");
    cloud.until_ready(POOL, 1);
    assert_eq!(run(&cluster, "two"), address);
}

#[test]
fn a_pod_that_finds_no_device_runs_when_the_pool_has_grown() {
    let cluster = with_devices(1, &json!({}));
    let first = run(&cluster, "one");
    cluster.apply(&asking("two"));
    cluster.until("nothing is left for the second pod", &pod_path("two"), |pod| {
        let scheduled = pod.and_then(|pod| condition(pod, "PodScheduled"));
        scheduled
            .is_some_and(|scheduled| scheduled["message"].to_string().contains(&format!("Insufficient {RESOURCE}")))
    });
    // The pod that waits asks the agent for nothing: what is free has to lead.
    declare(&cluster.cloud, 1, &json!({"warm": 1, "max": 2}));
    let second = cluster.until("pod two runs", &pod_path("two"), is_ready).unwrap();
    assert_ne!(second["status"]["podIP"], first.to_string());
}

#[test]
fn dev_1_a_kubelet_that_starts_again_has_the_resource_again() {
    let mut cluster = with_devices(1, &json!({}));
    let first = run(&cluster, "one");
    cluster.restart_kubelet();
    // Only a kubelet that the agent has registered with again can learn of it.
    declare(&cluster.cloud, 2, &json!({}));
    until_shown(&cluster, 2);
    let second = run(&cluster, "two");
    assert_ne!(first, second);
    let one = cluster.get(&pod_path("one")).unwrap();
    assert!(is_ready(Some(&one)), "{one:#}");
    assert_eq!(one["status"]["containerStatuses"][0]["restartCount"], 0);
    assert_eq!(one["status"]["podIP"], first.to_string());
}

#[test]
fn dev_4_a_pod_gets_no_device_but_its_own() {
    let cluster = with_devices(1, &json!({}));
    run(&cluster, "one");
    let cloud = &cluster.cloud;
    let before = exec(&cluster, "one", &["ip", "addr", "show", "eth0"]);

    let other = cloud.host.netns("other");
    let ipam = json!({"type": "multi-eni-ipam"});
    let call = cloud.call(&other, "c2", &json!({"deviceID": device(&cluster, "one"), "pool": POOL, "ipam": ipam}));
    let refused = call.run(&cloud.host).error();
    assert_eq!(refused.code, 103, "{refused:?}");
    assert!(format!("{}{}", refused.msg, refused.details).contains("default/one"), "{refused:?}");

    // A pod that asks for none gets none of its neighbours'.
    cluster.apply(&pod("none", &json!({})));
    let said = cluster.until_event("none", &format!("pool {POOL}"));
    assert!(!is_ready(cluster.get(&pod_path("none")).as_ref()), "{said}");

    assert_eq!(exec(&cluster, "one", &["ip", "addr", "show", "eth0"]), before);
}
