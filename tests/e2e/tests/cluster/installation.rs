//! The project as an administrator installs it, from the first command to an EC2 account with nothing of ours.

use e2e::cluster::{NODE, eni_node_path, is_ready, node_eni_path, pod, pod_path, status_of};
use e2e::{Cluster, until};
use node::inventory::State;
use serde_json::{Value, json};

use crate::{POOL, exec, rights, second_network, table};

#[test]
fn from_one_folder_that_is_applied_to_an_empty_account() {
    let cluster = Cluster::without_us();
    let cloud = &cluster.cloud;
    let before = cloud.others();
    cluster.install();
    rights::are_the_least(&cluster);

    cluster.apply(&cloud.node_eni(POOL, &json!({"min": 2, "max": 2, "cooldownSeconds": 0})));
    let ready =
        |declared: Option<&Value>| declared.is_some_and(|declared| status_of(declared, "Ready") == Some("True"));
    cluster.until("the NodeENI has what it should", &node_eni_path(POOL), ready);
    cloud.until_ready(POOL, 2);
    columns_have_the_values_of_the_run(&cluster);
    events_tell_of_each_eni(&cluster);

    cluster.set_second_network(&second_network());
    cluster.apply(&pod("one", &json!({})));
    cluster.until("the pod runs", &pod_path("one"), is_ready);
    let held = cloud.in_state(POOL, State::InUse).remove(0);
    let link = exec(&cluster, "one", &["ip", "link", "show", "eth1"]);
    assert!(link.contains(&held.mac_address.to_string()), "{link}");
    cluster.until("its ENI is seen to be the pod's", &eni_node_path(NODE), |seen| {
        let enis = seen.and_then(|seen| seen["status"]["enis"].as_array());
        enis.into_iter()
            .flatten()
            .any(|eni| eni["id"] == held.network_interface_id.as_str() && eni["owner"]["pod"] == "one")
    });
    cluster.until("the pool is seen to be in use", &node_eni_path(POOL), |declared| {
        declared.is_some_and(|declared| declared["status"]["enis"]["inUse"] == 1)
    });

    in_the_wrong_order(&cluster);
    cluster.uninstall();
    assert_eq!(cluster.get("/api/v1/namespaces/multi-eni-system"), None);
    assert_eq!(cluster.get("/apis/networking.k8s.aws/v1alpha1"), None);
    assert_eq!(cloud.ours(), []);
    assert_eq!(cloud.others(), before);
    assert_eq!(cloud.refusals(), []);
}

/// What `kubectl get` prints of both, as the README shows it.
#[track_caller]
fn columns_have_the_values_of_the_run(cluster: &Cluster) {
    let pools = cluster.kubectl(&["get", "neni"]);
    assert_eq!(table::names(&pools), ["NAME", "NODES", "ENIS", "READY", "IN-USE", "PROBLEM", "AGE"]);
    let pool = &table::rows(&pools)[0];
    let cells = ["NAME", "NODES", "ENIS", "READY", "IN-USE", "PROBLEM"].map(|name| pool[name].as_str());
    assert_eq!(cells, [POOL, "1", "2", "2", "0", ""], "{pools}");

    let nodes = cluster.kubectl(&["get", "eninode"]);
    assert_eq!(table::names(&nodes), ["NAME", "INSTANCE", "ENIS", "READY", "IN-USE", "FREE-SLOTS", "PROBLEM", "AGE"]);
    let node = &table::rows(&nodes)[0];
    let cells =
        ["NAME", "INSTANCE", "ENIS", "READY", "IN-USE", "FREE-SLOTS", "PROBLEM"].map(|name| node[name].as_str());
    // 8 that the type takes, less the primary one and these two.
    assert_eq!(cells, [NODE, cluster.cloud.instance.id().as_str(), "2", "2", "0", "5", ""], "{nodes}");
}

/// Of an object without a namespace; which namespace its Events are in depends on the server.
#[track_caller]
fn events_tell_of_each_eni(cluster: &Cluster) {
    until("both ENIs have their Events", || {
        let list = cluster.get("/apis/events.k8s.io/v1/events").unwrap();
        let events = list["items"].as_array().unwrap().iter();
        let is_one = |event: &&Value| {
            event["reason"] == "ENIAttached"
                && event["regarding"]["kind"] == "NodeENI"
                && event["regarding"]["name"] == POOL
        };
        events.filter(is_one).count() == 2
    });
}

/// The pool first, while a pod has one of its ENIs.
#[track_caller]
fn in_the_wrong_order(cluster: &Cluster) {
    let cloud = &cluster.cloud;
    let held = cloud.in_state(POOL, State::InUse).remove(0);
    cluster.kubectl(&["delete", "nodeeni", POOL, "--wait=false"]);
    cluster.until("it says for whom it waits", &node_eni_path(POOL), |declared| {
        declared.is_some_and(|declared| declared["status"].to_string().contains("default/one"))
    });
    cloud.until("only the pod's ENI is left", |cloud| cloud.ours().len() == 1);
    assert_eq!(cloud.ours()[0].network_interface_id.as_str(), held.network_interface_id.as_str());
    assert!(is_ready(cluster.get(&pod_path("one")).as_ref()), "{cluster}");
    let echoed = exec(cluster, "one", &["ping", "-c1", "-W5", "-I", "eth1", "10.0.1.1"]);
    assert!(echoed.contains("1 packets received"), "{echoed}");

    cluster.delete_pod("one");
    cluster.until("the NodeENI is gone", &node_eni_path(POOL), |declared| declared.is_none());
    assert_eq!(cloud.ours(), []);
}
