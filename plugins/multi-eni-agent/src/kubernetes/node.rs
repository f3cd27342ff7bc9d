//! This node's Node, as far as it matters to the pools. Its heartbeats do not.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::ResourceExt;

/// What of the Node matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ThisNode {
    pub(crate) uid: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// `spec.unschedulable`: no new pods come.
    pub(crate) is_cordoned: bool,
    /// Why it is about to go, if it is.
    pub(crate) leaving: Option<String>,
}

/// The taints by which those who take nodes away say that this one goes: Cluster Autoscaler (`ToBeDeletedTaint` in its
/// `utils/taints/taints.go`), Karpenter before and since its v1 ("Disruption"), the node termination handler of AWS ("Taint Node"), and a
/// cloud's node lifecycle controller (Kubernetes, "Well-Known Labels, Annotations and Taints").
const TAINTS: [&str; 7] = [
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disruption",
    "karpenter.sh/disrupted",
    "aws-node-termination-handler/spot-itn",
    "aws-node-termination-handler/scheduled-maintenance",
    "aws-node-termination-handler/asg-lifecycle-termination",
    "node.cloudprovider.kubernetes.io/shutdown",
];

/// Of an object.
pub(super) fn read(node: Node) -> ThisNode {
    let spec = node.spec.as_ref();
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let tainted = taints.iter().find(|taint| is_last(taint)).map(|taint| format!("it has the taint {}", taint.key));
    let deleted = node.metadata.deletion_timestamp.as_ref().map(|_| "it is being deleted".to_string());
    ThisNode {
        uid: node.uid().unwrap_or_default(),
        is_cordoned: spec.and_then(|spec| spec.unschedulable).unwrap_or_default(),
        leaving: deleted.or(tainted),
        labels: node.metadata.labels.unwrap_or_default(),
    }
}

fn is_last(taint: &Taint) -> bool {
    TAINTS.contains(&taint.key.as_str())
}
