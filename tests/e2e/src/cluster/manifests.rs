//! Objects of the API as the tests have them.

use serde_json::{Value, json};

use crate::binaries::IMAGE;

/// The name of the node.
pub const NODE: &str = "node1";

/// The API of the project.
const GROUP: &str = "/apis/networking.k8s.aws/v1alpha1";

/// The path of the node.
#[must_use]
pub fn node_path() -> String {
    format!("/api/v1/nodes/{NODE}")
}

/// The path of a pod in namespace `default`.
#[must_use]
pub fn pod_path(name: &str) -> String {
    format!("/api/v1/namespaces/default/pods/{name}")
}

/// The path of a NodeENI.
#[must_use]
pub fn node_eni_path(name: &str) -> String {
    format!("{GROUP}/nodeenis/{name}")
}

/// The path of a node's ENINode.
#[must_use]
pub fn eni_node_path(node: &str) -> String {
    format!("{GROUP}/eninodes/{node}")
}

/// A pod whose container sleeps, with these limits of resources.
#[must_use]
pub fn pod(name: &str, limits: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": false,
            // The first process of a container is deaf to SIGTERM.
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "main", "image": IMAGE, "imagePullPolicy": "Never", "resources": {"limits": limits},
            }],
        },
    })
}

/// Whether a node or a pod is there and ready.
#[must_use]
pub fn is_ready(object: Option<&Value>) -> bool {
    object.and_then(|object| condition(object, "Ready")).is_some_and(|ready| ready["status"] == "True")
}

/// What a condition of an object says, as `True`, `False` or nothing.
#[must_use]
pub fn status_of<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    condition(object, kind)?["status"].as_str()
}

/// A condition of an object's status.
#[must_use]
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}
