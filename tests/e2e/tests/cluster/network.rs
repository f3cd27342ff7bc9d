//! A pool as the network of all pods.

use e2e::cluster::{NODE, is_ready, pod, pod_path};
use e2e::{Cloud, Cluster};
use node::inventory::State;
use serde_json::json;

use crate::{POOL, exec, only};

#[test]
fn a_pod_has_an_eni_of_the_pool_and_gives_it_back() {
    let cloud = Cloud::builder().named(NODE).build();
    cloud.declare(POOL, &json!({"min": 1, "cooldownSeconds": 1}));
    cloud.start();
    cloud.until_ready(POOL, 1);
    let ipam = json!({"type": "multi-eni-ipam", "defaultRoute": true});
    let multi_eni = json!({"type": "multi-eni", "pool": POOL, "ipam": ipam});
    let cluster = Cluster::start(cloud, &json!({"cniVersion": "1.0.0", "name": "vpc", "plugins": [multi_eni]}));
    let cloud = &cluster.cloud;
    let (eni, before) = (only(cloud), cloud.host.snapshot(&[]));

    cluster.apply(&pod("one", &json!({})));
    let one = cluster.until("the pod runs", &pod_path("one"), is_ready).unwrap();
    assert_eq!(one["status"]["podIP"], eni.primary.to_string());
    let link = exec(&cluster, "one", &["ip", "link", "show", "eth0"]);
    assert!(link.contains(&eni.mac.to_string()), "{link}");
    let echoed = exec(&cluster, "one", &["ping", "-c1", "-W5", "10.0.1.1"]);
    assert!(echoed.contains("1 packets received"), "{echoed}");
    // The kubelet's own word for the pod is what the agent knows it by.
    let explained = String::from_utf8(cloud.agent(&["explain", "default/one"]).stdout).unwrap();
    assert!(explained.contains(eni.network_interface_id.as_str()), "{explained}");

    cluster.delete_pod("one");
    cloud.until("the ENI is free", |cloud| cloud.in_state(POOL, State::Ready).len() == 1);
    before.assert_same(&cloud.host.snapshot(&[]));
}
