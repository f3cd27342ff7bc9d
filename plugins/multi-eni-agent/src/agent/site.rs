//! What the agent works with and on: the same for all of its tasks.

use std::sync::Arc;

use ec2::{InstanceId, MetadataInterface, Subnet};
use node::names::PoolName;
use node::settings::{ClusterId, Settings};
use node::store::Store;

use super::ledger::Ledger;
use crate::declared::Pool;
use crate::devices::Devices;
use crate::kernel::PodUids;
use crate::kubernetes::Snapshot;
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
    /// What the API server says; nothing where the manifests are in a folder.
    pub(crate) cluster: Option<Snapshot>,
    pub(crate) settings: Settings,
    /// This node's name.
    pub(crate) node: String,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

impl<C, M, K> Site<C, M, K> {
    /// The cluster's identity, if it is known.
    pub(crate) fn cluster_id(&self) -> Option<ClusterId> {
        let learnt = || self.cluster.as_ref().and_then(|snapshot| snapshot.known().cluster);
        self.settings.cluster_id.clone().or_else(learnt)
    }

    /// The pods of this node by the API server's word, if it has given it.
    pub(crate) fn pods(&self) -> Option<Arc<PodUids>> {
        self.cluster.as_ref().and_then(|snapshot| snapshot.known().pods)
    }
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
