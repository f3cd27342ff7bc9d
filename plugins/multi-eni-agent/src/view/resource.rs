//! A resource that the kubelet gives the node's devices out by.

use serde::{Deserialize, Serialize};

/// A resource of this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceView {
    pub(crate) name: String,
    /// How many devices the kubelet is told of.
    pub(crate) devices: u32,
    /// How many of them it may give out or has given out.
    pub(crate) healthy: u32,
    /// How many containers have, or had a moment ago.
    pub(crate) given_out: u32,
    /// How often the kubelet took its registration.
    pub(crate) registrations: u64,
    /// Whether the kubelet waits for changes of the list.
    pub(crate) is_listened_to: bool,
    /// Why the kubelet did not take it at the last try.
    pub(crate) error: Option<String>,
}
