//! Who has something, and who waits for it.

use node::names::{IfName, PoolName};
use node::record::{Owner, Phase, Pod, Record};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An attachment as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    #[serde(flatten)]
    pub(crate) owner: Owner,
    #[serde(default)]
    pub(crate) pod: Option<Pod>,
    /// The interface's name in the pod.
    #[serde(default)]
    pub(crate) interface_name: Option<IfName>,
    #[serde(default)]
    pub(crate) phase: Option<Phase>,
}

impl Holder {
    pub(crate) fn of_record(record: &Record) -> Self {
        Self {
            owner: record.owner.clone(),
            pod: record.pod.clone(),
            interface_name: Some(record.interface_name.clone()),
            phase: Some(record.phase),
        }
    }

    pub(crate) fn of_owner(owner: &Owner) -> Self {
        Self::of_pod(owner, None)
    }

    fn of_pod(owner: &Owner, pod: Option<&Pod>) -> Self {
        Self { owner: owner.clone(), pod: pod.cloned(), interface_name: None, phase: None }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As many digits as container runtimes show of an id.
        let container: String = self.owner.container_id.chars().take(12).collect();
        let ifname = &self.owner.ifname;
        match &self.pod {
            Some(pod) => write!(f, "{}/{} {ifname} (container {container})", pod.namespace, pod.name),
            None => write!(f, "container {container} {ifname}"),
        }
    }
}

/// A request for an ENI that is not answered yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestView {
    pub(crate) pool: PoolName,
    pub(crate) owner: Owner,
    #[serde(default)]
    pub(crate) pod: Option<Pod>,
    /// When it came.
    pub(crate) since: u64,
    /// When the plugin gives up.
    #[serde(default)]
    pub(crate) deadline: Option<u64>,
}

impl RequestView {
    pub(crate) fn holder(&self) -> Holder {
        Holder::of_pod(&self.owner, self.pod.as_ref())
    }
}

/// A request for an ENI that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalView {
    pub(crate) pool: PoolName,
    /// The owner of the last try.
    pub(crate) owner: Owner,
    #[serde(default)]
    pub(crate) pod: Option<Pod>,
    /// When the plugin was told.
    pub(crate) at: u64,
    /// What it was told.
    pub(crate) why: String,
}

impl RefusalView {
    pub(crate) fn holder(&self) -> Holder {
        Holder::of_pod(&self.owner, self.pod.as_ref())
    }
}
