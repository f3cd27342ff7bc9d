//! The whole node.

use super::{EniView, PoolView, RefusalView, RequestView, ResourceView};
use serde::{Deserialize, Serialize};

/// A node as it is seen. A reader of another version passes over what it does not know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    /// The node's name.
    pub(crate) node: String,
    pub(crate) instance: Option<Instance>,
    /// The running agent's; nothing if none runs, and this comes from the records.
    pub(crate) agent_version: Option<String>,
    /// When this was put together.
    pub(crate) as_of: u64,
    /// When the agent last finished a pass; nothing if none did since the boot.
    pub(crate) last_pass: Option<u64>,
    /// Whether the instance or its node is about to end: nothing is attached any more.
    pub(crate) leaving: bool,
    pub(crate) slots: Option<Slots>,
    pub(crate) pools: Vec<PoolView>,
    pub(crate) enis: Vec<EniView>,
    /// What the kubelet gives out.
    pub(crate) resources: Vec<ResourceView>,
    /// Who waits for an ENI now.
    pub(crate) requests: Vec<RequestView>,
    /// What pods were refused lately.
    pub(crate) refusals: Vec<RefusalView>,
    /// What somebody should know: a plugin that died, a file that was set aside, a device that is not home.
    pub(crate) notes: Vec<String>,
}

/// EC2's words about the instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) instance_type: Option<String>,
    pub(crate) availability_zone: Option<String>,
}

/// The places for ENIs that the instance has, those of others included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Slots {
    pub(crate) limit: u32,
    pub(crate) used: u32,
}

impl Slots {
    pub(crate) fn free(self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

impl Status {
    /// The same with every pool's counts taken from its ENIs, pools that only the ENIs name added, and all in order.
    pub(crate) fn counted(mut self) -> Self {
        for eni in &self.enis {
            let Some(name) = &eni.pool else { continue };
            if !self.pools.iter().any(|pool| pool.name == *name) {
                self.pools.push(PoolView::undeclared(name.clone(), eni.sharing));
            }
        }
        self.pools.sort_by(|a, b| a.name.cmp(&b.name));
        // What has no slot yet comes after what has one.
        let rank = |eni: &EniView| (eni.pool.clone(), eni.slot.is_none(), eni.slot, eni.id.clone());
        self.enis.sort_by_cached_key(rank);
        for pool in &mut self.pools {
            pool.count(&self.enis);
        }
        self
    }
}
