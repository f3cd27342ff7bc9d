//! A NodeENI as far as an agent acts on it. It is read as any object: one that is written wrongly must not hide the others.

use kube::api::{ApiResource, DynamicObject};
use kube::{CustomResourceExt, ResourceExt};
use serde_json::Value;

use crate::api::NodeEni;

/// What of a NodeENI matters to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeEniObject {
    pub(crate) uid: String,
    /// Of its `spec`.
    pub(crate) generation: Option<i64>,
    /// It is deleted, and waits for its ENIs to go.
    pub(crate) is_deleted: bool,
    pub(crate) managed: Managed,
    /// As it was written; nothing if it was not.
    pub(crate) spec: Option<Value>,
}

/// Its condition `Managed`: whether this project may act for it in EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Managed {
    Yes,
    /// Not, and why: the reason in a word, and the message.
    No {
        reason: String,
        message: String,
    },
    /// Nobody has said yet.
    Unsaid,
}

/// The type of the condition.
const MANAGED: &str = "Managed";
/// Its reason while aws-multi-eni-controller works in the cluster.
pub(crate) const ORIGINAL_CONTROLLER_AT_WORK: &str = "OriginalControllerAtWork";

impl Managed {
    /// Whether another controller works on the ENIs of the cluster.
    pub(crate) fn is_another_at_work(&self) -> bool {
        matches!(self, Self::No { reason, .. } if reason == ORIGINAL_CONTROLLER_AT_WORK)
    }
}

/// What to watch.
pub(crate) fn resource() -> ApiResource {
    NodeEni::api_resource()
}

/// Of an object: its name, and what matters.
pub(super) fn read(mut object: DynamicObject) -> (String, NodeEniObject) {
    let read = NodeEniObject {
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation,
        is_deleted: object.metadata.deletion_timestamp.is_some(),
        managed: managed(&object.data),
        spec: object.data.get_mut("spec").map(Value::take).filter(|spec| !spec.is_null()),
    };
    (object.name_any(), read)
}

/// By its text alone: whatever else an earlier version or another project has written into the status does not matter.
fn managed(object: &Value) -> Managed {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let text = |condition: &Value, key: &str| condition.get(key).and_then(Value::as_str).map(ToString::to_string);
    let of_type = |condition: &&Value| condition.get("type").and_then(Value::as_str) == Some(MANAGED);
    let Some(condition) = conditions.into_iter().flatten().find(of_type) else { return Managed::Unsaid };
    match condition.get("status").and_then(Value::as_str) {
        Some("True") => Managed::Yes,
        Some("False") => Managed::No {
            reason: text(condition, "reason").unwrap_or_default(),
            message: text(condition, "message").unwrap_or_default(),
        },
        _ => Managed::Unsaid,
    }
}
