//! What befalls a node's agent in a cluster: its own death, the kubelet's, the API server's, the Node's, and an update.

use e2e::cluster::{NAMESPACE, NODE, NODE_AGENT, eni_node_path, is_ready, node_eni_path, node_path, pod, pod_path};
use e2e::{Cloud, Cluster};
use ec2sim::Action;
use serde_json::{Value, json};

use crate::{POOL, exec, second_network};

fn attached(cloud: &Cloud) -> usize {
    cloud.calls_of(Action::AttachNetworkInterface).len()
}

/// A cluster with the project installed, and a pool of so many ENIs.
fn with_pool(count: u32) -> Cluster {
    let cluster = Cluster::without_us();
    cluster.install();
    declare(&cluster, count);
    cluster.cloud.until_ready(POOL, count.try_into().unwrap());
    cluster
}

fn declare(cluster: &Cluster, count: u32) {
    cluster.apply(&cluster.cloud.node_eni(POOL, &json!({"min": count, "max": count, "cooldownSeconds": 0})));
}

#[test]
fn a_cluster_with_bad_luck_loses_no_eni_and_no_pod() {
    let mut cluster = with_pool(1);
    cluster.set_second_network(&second_network());
    cluster.apply(&pod("one", &json!({})));
    cluster.until("the pod runs", &pod_path("one"), is_ready);
    the_agent_dies_while_it_attaches(&cluster);
    the_kubelet_starts_again(&mut cluster);
    the_api_server_is_away(&mut cluster);
    the_agent_is_updated_while_pods_come_and_go(&cluster);
    the_node_is_deleted_and_comes_back(&mut cluster);
    let link = exec(&cluster, "one", &["ip", "link", "show", "eth1"]);
    assert!(link.contains("UP"), "{link}");
}

/// Kills the container of the node's agent, which the kubelet starts again.
fn the_agent_dies_while_it_attaches(cluster: &Cluster) {
    let cloud = &cluster.cloud;
    let before = attached(cloud);
    declare(cluster, 3);
    cloud.until("the agent attaches", |cloud| attached(cloud) > before);
    let pod = cluster.pods_of(NODE_AGENT).remove(0);
    let container = pod["status"]["containerStatuses"][0]["containerID"].as_str().unwrap().to_owned();
    cluster.containerd.kill(container.strip_prefix("containerd://").unwrap());
    cluster.until("the agent runs again", &agent_path(&pod), |pod| {
        is_ready(pod) && pod.is_some_and(|pod| pod["status"]["containerStatuses"][0]["restartCount"] == 1)
    });
    until_whole(cluster, 3);
}

/// Waits until the pool has so many ENIs, one of them with the pod, and the API says the same.
#[track_caller]
fn until_whole(cluster: &Cluster, count: usize) {
    cluster
        .cloud
        .until(&format!("{count} ENIs and no other"), |cloud| cloud.ours().len() == count && cloud.is_settled());
    cluster.until("the ENINode has them", &eni_node_path(NODE), |seen| {
        seen.is_some_and(|seen| {
            let counts = &seen["status"]["counts"];
            counts["total"] == count && counts["inUse"] == 1 && counts["ready"] == count - 1
        })
    });
    cluster.until("the NodeENI counts them", &node_eni_path(POOL), |declared| {
        declared.is_some_and(|declared| {
            let enis = &declared["status"]["enis"];
            enis["total"] == count && enis["inUse"] == 1
        })
    });
}

fn agent_path(pod: &Value) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/pods/{}", pod["metadata"]["name"].as_str().unwrap())
}

fn the_kubelet_starts_again(cluster: &mut Cluster) {
    let agent = agent_path(&cluster.pods_of(NODE_AGENT)[0]);
    let restarts = |pod: Option<Value>| pod.unwrap()["status"]["containerStatuses"][0]["restartCount"].clone();
    let before = restarts(cluster.get(&agent));
    cluster.restart_kubelet();
    cluster.apply(&pod("two", &json!({})));
    cluster.until("a pod runs", &pod_path("two"), is_ready);
    cluster.delete_pod("two");
    assert_eq!(restarts(cluster.get(&agent)), before);
    until_whole(cluster, 3);
}

/// What is known goes on: a pod gets an ENI and gives it back, and nothing is taken away.
fn the_api_server_is_away(cluster: &mut Cluster) {
    cluster.stop_api_server();
    let cloud = &cluster.cloud;
    cloud.until("the agent says that the API server is away", |cloud| {
        cloud.metric(r#"multi_eni_kubernetes_requests_total{result="silent"}"#) > 0.0
    });
    let page = cloud.page("/readyz").unwrap();
    assert_eq!(page.status, 200, "{}", page.text);
    let before = cloud.ours();
    let meanwhile = cluster.containerd.run_pod("meanwhile").unwrap();
    meanwhile.stop().unwrap();
    meanwhile.remove().unwrap();
    assert_eq!(cloud.ours(), before);
    cluster.start_api_server();
    declare(cluster, 4);
    until_whole(cluster, 4);
}

/// Each ADD finds a free ENI and each DEL gives it back, whether an agent runs or not.
fn the_agent_is_updated_while_pods_come_and_go(cluster: &Cluster) {
    let old = cluster.pods_of(NODE_AGENT)[0]["metadata"]["uid"].clone();
    cluster.kubectl(&["rollout", "restart", "daemonset", NODE_AGENT, "--namespace", NAMESPACE]);
    let is_updated = || {
        let pods = cluster.pods_of(NODE_AGENT);
        pods.len() == 1 && pods[0]["metadata"]["uid"] != old && is_ready(pods.first())
    };
    let mut count = 0;
    while !is_updated() {
        count += 1;
        let pod = cluster.containerd.run_pod(&format!("burst-{count}")).unwrap();
        pod.stop().unwrap();
        pod.remove().unwrap();
    }
    assert!(count > 0);
    until_whole(cluster, 4);
}

/// The same machine under the same name, and another object.
fn the_node_is_deleted_and_comes_back(cluster: &mut Cluster) {
    let before: Vec<_> = cluster.cloud.ours().into_iter().map(|eni| eni.network_interface_id).collect();
    cluster.kubectl(&["delete", "node", NODE]);
    cluster.restart_kubelet();
    let node = cluster.until("the node is ready", &node_path(), is_ready).unwrap();
    cluster.until("the ENINode is the new Node's", &eni_node_path(NODE), |seen| {
        seen.is_some_and(|seen| {
            seen["status"]["nodeUID"] == node["metadata"]["uid"]
                && seen["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]
        })
    });
    until_whole(cluster, 4);
    let after: Vec<_> = cluster.cloud.ours().into_iter().map(|eni| eni.network_interface_id).collect();
    assert_eq!(before, after);
}
