//! The pods of this node, as far as it has to be known that they are alive.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;

/// What a static pod's mirror has: the UID that the kubelet knows the pod by.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";

/// Of a pod: its UID, and that by which the kubelet calls it, if it is another.
pub(super) fn read(pod: &PartialObjectMeta<Pod>) -> (String, Option<String>) {
    let hash = pod.annotations().get(CONFIG_HASH).cloned();
    (pod.uid().unwrap_or_default(), hash)
}
