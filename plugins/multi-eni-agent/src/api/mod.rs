//! The API of `networking.k8s.aws/v1alpha1`: NodeENI, which people write, ENINode, which each node's agent writes, and their CRDs.

pub(crate) mod crds;
mod eni_node;
mod node_eni;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use crate::declared::manifest::NodeEni;
pub(crate) use eni_node::{Eni, EniNode, EniNodeStatus, Owner, PoolStatus, Slots};
pub(crate) use node_eni::{Attachment, NodeEniStatus, Problem};

use node::inventory::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many ENIs there are, by what they are doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EniCounts {
    /// All of them.
    pub(crate) total: u32,
    /// Free for a pod.
    pub(crate) ready: u32,
    /// With a pod.
    pub(crate) in_use: u32,
    /// Given back, and resting.
    pub(crate) cooling: u32,
    /// Being made and attached.
    pub(crate) coming: u32,
    /// Set aside, because something about them is not as it should be.
    pub(crate) quarantined: u32,
    /// Being detached and deleted.
    pub(crate) leaving: u32,
}

impl EniCounts {
    /// One more, in this state; nothing for one that this version does not know.
    pub(crate) fn add(&mut self, state: Option<State>) {
        self.total += 1;
        match state {
            Some(State::Ready) => self.ready += 1,
            Some(State::InUse) => self.in_use += 1,
            Some(State::Cooling) => self.cooling += 1,
            Some(State::Quarantined) => self.quarantined += 1,
            // One that is on no instance is on its way to one, or is deleted at once.
            Some(State::Creating | State::Created | State::Attaching | State::Attached | State::Detached) => {
                self.coming += 1;
            }
            Some(State::Detaching | State::Deleting | State::Deleted) => self.leaving += 1,
            None => {}
        }
    }
}

/// A list of Kubernetes' `Condition`, each type once.
fn conditions(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "Kubernetes' conditions.",
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "description": "What it is about."},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
                "observedGeneration": {
                    "type": "integer", "format": "int64", "minimum": 0, "description": "Of which generation it was said."
                },
                "lastTransitionTime": {
                    "type": "string", "format": "date-time", "description": "Since when it has its status."
                },
                "reason": {
                    "type": "string", "minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                    "description": "Why, in one word."
                },
                "message": {"type": "string", "maxLength": 32768, "description": "Why, and what to do."},
            },
        },
    })
}
