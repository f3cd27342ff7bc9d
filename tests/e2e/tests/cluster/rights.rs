//! What a ServiceAccount may do, as `kubectl auth can-i --list` says it.

use std::collections::BTreeSet;

use e2e::Cluster;
use e2e::cluster::{CLUSTER_AGENT, NAMESPACE, NODE_AGENT};

/// What the node agent may do beyond what everybody may.
const OF_THE_NODE: &[(&str, &str, &str)] = &[
    ("eninodes.networking.k8s.aws", "", "[get create patch]"),
    ("eninodes.networking.k8s.aws/status", "", "[patch]"),
    ("events.events.k8s.io", "", "[create patch]"),
    ("namespaces", "kube-system", "[get]"),
    ("nodeenis.networking.k8s.aws", "", "[get list watch]"),
    ("nodes", "", "[get list watch]"),
    ("pods", "", "[get list watch]"),
];

/// What the cluster's agent may do in its own namespace beyond that.
const OF_THE_CLUSTER: &[(&str, &str, &str)] = &[
    ("deployments.apps", "eni-controller", "[get]"),
    ("eninodes.networking.k8s.aws", "", "[get list watch]"),
    ("leases.coordination.k8s.io", "", "[create]"),
    ("leases.coordination.k8s.io", "multi-eni-cluster-agent", "[get update]"),
    ("leases.coordination.k8s.io", "nodeeni-controller-leader-election", "[get]"),
    ("namespaces", "kube-system", "[get]"),
    ("nodeenis.networking.k8s.aws", "", "[get list watch patch]"),
    ("nodeenis.networking.k8s.aws/status", "", "[patch]"),
    ("nodes", "", "[get list watch]"),
];

/// Each agent has what its part needs, and nothing else: no `exec`, no `nodes/proxy`, no pod that it could delete.
#[track_caller]
pub(crate) fn are_the_least(cluster: &Cluster) {
    cluster.kubectl(&["create", "serviceaccount", "nobody", "--namespace", NAMESPACE]);
    let nobodys = rights(cluster, "nobody");
    for (account, allowed) in [(NODE_AGENT, OF_THE_NODE), (CLUSTER_AGENT, OF_THE_CLUSTER)] {
        let theirs: BTreeSet<_> = rights(cluster, account).difference(&nobodys).cloned().collect();
        let row = |(resource, name, verbs): &(&str, &str, &str)| [resource, name, verbs].map(|cell| (*cell).to_owned());
        let allowed: BTreeSet<_> = allowed.iter().map(row).collect();
        assert_eq!(theirs, allowed, "{account}");
    }
    cluster.kubectl(&["delete", "serviceaccount", "nobody", "--namespace", NAMESPACE]);
}

/// Resource, name and verbs of each.
fn rights(cluster: &Cluster, account: &str) -> BTreeSet<[String; 3]> {
    let user = format!("--as=system:serviceaccount:{NAMESPACE}:{account}");
    let listed = cluster.kubectl(&["auth", "can-i", "--list", &user, "--namespace", NAMESPACE]);
    let rows = crate::table::rows(&listed);
    assert!(!rows.is_empty(), "{listed}");
    let cell =
        |row: &std::collections::BTreeMap<String, String>, name: &str| row[name].trim_matches(['[', ']']).to_owned();
    let right = |row| {
        let urls = cell(row, "Non-Resource URLs");
        let resource = if urls.is_empty() { row["Resources"].clone() } else { urls };
        [resource, cell(row, "Resource Names"), row["Verbs"].clone()]
    };
    rows.iter().map(right).collect()
}
