//! What a node that dies leaves in EC2.

use e2e::Cluster;
use ec2sim::EniStatus;
use serde_json::json;

use crate::POOL;

/// A cluster that has nothing to do with this one.
const FOREIGN: &str = "9e8d7c6b-5a49-4382-9170-6f5e4d3c2b1a";

#[test]
fn what_a_node_that_is_gone_left_is_deleted_and_nothing_of_others() {
    let cluster = Cluster::without_us();
    cluster.install();
    let cloud = &cluster.cloud;
    cluster.apply(&cloud.node_eni(POOL, &json!({"min": 1})));
    cluster.apply(
        &cloud.node_eni(
            "kept",
            &json!({"nodeSelector": {"kubernetes.io/hostname": "node2"}, "deleteOnTermination": false}),
        ),
    );
    cloud.until_ready(POOL, 1);

    let node = cluster.other_node("node2");
    let own = cloud.cluster_id();
    let left = cluster.eni_on(&node, POOL, &own);
    let kept = cluster.eni_on(&node, "kept", &own);
    let foreign = cluster.eni_on(&node, POOL, FOREIGN);
    cloud.console().terminate(&node.instance);
    cloud.until("the instance has left its ENIs", |_| {
        [&left, &kept, &foreign].iter().all(|eni| eni.facts().is_ok_and(|facts| facts.status == EniStatus::Available))
    });
    cluster.kubectl(&["delete", "node", "node2"]);
    cloud.until("what was left is deleted", |_| left.facts().is_err());
    // As long as its NodeENI is there.
    assert!(kept.facts().is_ok() && foreign.facts().is_ok(), "{cluster}");
    cluster.kubectl(&["delete", "nodeeni", "kept"]);
    cloud.until("nobody keeps it any more", |_| kept.facts().is_err());

    assert!(foreign.facts().is_ok(), "{cluster}");
    assert_eq!(cloud.ours().len(), 1, "{cluster}");
    let refused = |call: &ec2sim::Call| matches!(call.outcome, ec2sim::Outcome::Refused(_));
    assert!(!cloud.calls_of_the_cluster().iter().any(refused), "{cluster}");
}
