//! What the agent works with and on: the same for all of its tasks.

use std::sync::Arc;

use ec2::{InstanceId, MetadataInterface, Subnet};
use node::names::PoolName;
use node::settings::Settings;
use node::store::Store;

use super::ledger::Ledger;
use crate::declared::Pool;
use crate::devices::Devices;
use crate::seen::health::Health;
use crate::seen::metrics::Metrics;
use crate::tags::Identity;

/// EC2, the machine, the clock, and the records.
#[derive(Debug)]
pub(crate) struct Site<C, M, K> {
    pub(crate) cloud: C,
    pub(crate) machine: M,
    pub(crate) clock: K,
    pub(crate) store: Arc<Store>,
    pub(crate) ledger: Ledger,
    /// What the kubelet gives out.
    pub(crate) devices: Devices,
    pub(crate) settings: Settings,
    /// This node's name.
    pub(crate) node: String,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

/// What a task needs of what the loop knew when it began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) identity: Option<Identity>,
    pub(crate) instance: Option<InstanceId>,
    pub(crate) metadata: Option<Vec<MetadataInterface>>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) pools: Vec<Pool>,
}

impl Facts {
    pub(crate) fn pool(&self, name: &PoolName) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == *name)
    }
}
