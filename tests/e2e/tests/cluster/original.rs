//! A cluster that comes from the original controller: its manifests, and itself, still at work.

use std::fs;

use e2e::cluster::{CLUSTER_AGENT, NODE, condition, node_eni_path, status_of};
use e2e::{Cluster, cases};
use ec2sim::EniFacts;
use serde_json::{Value, json};

use crate::wire::Wire;

const NAMESPACE: &str = "eni-controller-system";
/// Says whose an ENI is.
const POOL_TAG: &str = "multi-eni.networking.k8s.aws/pool";
const LEASE: &str = "nodeeni-controller-leader-election";

/// The manifests of `conf/`, of this region.
fn manifests(cluster: &Cluster, other_subnet: &str) -> String {
    let text = fs::read_to_string(cases::tree().join("conf/nodeenis/original.yaml")).unwrap();
    let cloud = &cluster.cloud;
    let places = [
        ("subnet-0123456789abcdef0", cloud.subnet.id().to_string()),
        ("subnet-0123456789abcdef1", other_subnet.to_owned()),
        ("sg-0123456789abcdef0", cloud.group.id.clone()),
    ];
    places.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Whether the NodeENI's condition `Managed` is so, with this reason.
fn is_managed(declared: Option<&Value>, status: &str, reason: &str) -> bool {
    declared
        .and_then(|declared| condition(declared, "Managed"))
        .is_some_and(|managed| managed["status"] == status && (reason.is_empty() || managed["reason"] == reason))
}

#[test]
fn nothing_is_done_while_the_original_controller_is_at_work_and_its_manifests_are_taken_then() {
    let cluster = Cluster::without_us();
    let cloud = &cluster.cloud;
    let other = cloud.vpc.subnet("10.0.2.0/24").tag("Name", "multus").create().unwrap();
    cloud.vpc.security_group("multus").create().unwrap();
    cluster.kubectl(&["label", "node", NODE, "ng=multi-eni"]);
    cluster.kubectl(&["create", "namespace", NAMESPACE]);
    renew(&cluster, 1);
    cluster.install();
    cluster.apply_text(&manifests(&cluster, other.id().as_str()));
    // Its only record of what it has attached; one of them is of a node that is no more.
    let (plain, wire) = (node_eni_path("original-plain"), Wire::to(cluster.api_socket()));
    let attached = json!([attachment(NODE, "eni-0000000000000aaaa"), attachment("gone", "eni-0000000000000bbbb")]);
    wire.patch_status(&plain, &json!({"status": {"attachments": attached}}));
    // One that is there may be left over; one that is renewed is not.
    cluster.until("a cluster agent has looked", &lease_of_ours(), |lease| {
        lease.is_some_and(|lease| lease["spec"]["holderIdentity"].is_string())
    });
    for renewal in 2.. {
        renew(&cluster, renewal);
        if is_managed(cluster.get(&plain).as_ref(), "False", "OriginalControllerAtWork") {
            break;
        }
        assert!(renewal < 10_000, "{cluster}");
    }
    cluster.until("it is told why nothing is done", &node_eni_path("original-plain"), |declared| {
        is_managed(declared, "False", "OriginalControllerAtWork")
    });
    assert_eq!(cloud.writes(), []);
    assert_eq!(cloud.ours(), []);
    let declared = cluster.get(&plain).unwrap();
    assert_eq!(declared["status"]["attachments"], attached, "{declared:#}");
    // A write on what was there before the original's next is refused, forced or not.
    let mut late = json!({"apiVersion": declared["apiVersion"], "kind": declared["kind"]});
    late["metadata"] = json!({"name": "original-plain", "resourceVersion": declared["metadata"]["resourceVersion"]});
    late["status"] = json!({"nodes": 1, "enis": declared["status"]["enis"], "attachments": []});
    let attached = json!([attachment(NODE, "eni-0000000000000cccc")]);
    wire.patch_status(&plain, &json!({"status": {"attachments": attached}}));
    assert_eq!(wire.apply_status(&plain, &late), 409);
    assert_eq!(cluster.get(&plain).unwrap()["status"]["attachments"], attached);

    cluster.kubectl(&["delete", "lease", LEASE, "--namespace", NAMESPACE]);
    cluster.until("the pool is managed", &node_eni_path("original-plain"), |declared| is_managed(declared, "True", ""));
    cloud.until_ready("original-plain", 2);
    let declared = cluster.until("the original's status is there", &node_eni_path("original-plain"), |declared| {
        declared.is_some_and(|declared| declared["status"]["attachments"].as_array().is_some_and(|all| all.len() == 3))
    });
    let attachments = declared.unwrap()["status"]["attachments"].clone();
    assert!(attachments.as_array().unwrap().contains(&attached[0]), "nobody has taken it over: {attachments:#}");
    let of_pool = |eni: &EniFacts| eni.tags.get(POOL_TAG).is_some_and(|pool| pool == "original-plain");
    let enis: Vec<EniFacts> = cloud.ours().into_iter().filter(of_pool).collect();
    assert_eq!(enis.len(), 2, "{cluster}");
    for eni in enis {
        let attachment =
            attachments.as_array().unwrap().iter().find(|one| one["eniID"] == eni.network_interface_id.as_str());
        let attachment = attachment.unwrap_or_else(|| panic!("{attachments:#} has no {}", eni.network_interface_id));
        let at = eni.attachment.as_ref().unwrap();
        assert_eq!(attachment["nodeID"], NODE);
        assert_eq!(attachment["instanceID"], cloud.instance.id().as_str());
        assert_eq!(attachment["attachmentID"], at.attachment_id.as_str());
        assert_eq!(attachment["subnetID"], eni.subnet_id.as_str());
        assert_eq!(attachment["deviceIndex"], at.device_index);
        assert_eq!(attachment["status"], "attached");
    }

    // Its README's name of a field, which its own schema had dropped without a word.
    let mut misnamed = cloud.node_eni("misnamed", &json!({"min": 1}));
    misnamed["spec"]["dpdkEnabled"] = json!(true);
    cluster.apply(&misnamed);
    let refused = cluster.until("the misnamed field is refused", &node_eni_path("misnamed"), |declared| {
        declared.is_some_and(|declared| status_of(declared, "Valid") == Some("False"))
    });
    let said = condition(&refused.unwrap(), "Valid").unwrap()["message"].to_string();
    assert!(said.contains("enableDPDK"), "{said}");
}

/// An attachment as the original writes it.
fn attachment(node: &str, eni: &str) -> Value {
    json!({
        "nodeID": node, "eniID": eni, "subnetID": "subnet-0123456789abcdef0",
        "subnetCIDR": "10.0.1.0/24", "deviceIndex": 1, "status": "attached", "lastUpdated": "2026-01-01T00:00:00Z",
    })
}

/// The original's Lease, renewed so often.
fn renew(cluster: &Cluster, renewals: u32) {
    cluster.apply(&json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE, "namespace": NAMESPACE},
        "spec": {
            "holderIdentity": "eni-controller-0", "leaseDurationSeconds": 3600, "renewTime": now(cluster),
            "leaseTransitions": renewals,
        },
    }));
}

fn lease_of_ours() -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{CLUSTER_AGENT}", e2e::cluster::NAMESPACE)
}

/// As a Lease says it.
fn now(cluster: &Cluster) -> String {
    cluster.cloud.host.sh("date --utc +%Y-%m-%dT%H:%M:%S.000000Z").trim().to_owned()
}
