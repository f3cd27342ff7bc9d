//! What the API server has said, last.

use std::collections::BTreeMap;
use std::sync::Arc;

use node::settings::ClusterId;
use tokio::sync::watch;

use super::{NodeEniObject, ThisNode};
use crate::kernel::PodUids;

/// Something that a watch tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Heard<T> {
    /// No whole list has come yet: nothing follows from that.
    #[default]
    Nothing,
    /// It is not there.
    Absent,
    /// It is this.
    There(Arc<T>),
}

/// What is known. A value is exchanged when it is another one, and only then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The NodeENIs of the cluster, by name; nothing before the first whole list.
    pub(crate) node_enis: Option<Arc<BTreeMap<String, NodeEniObject>>>,
    /// This node's Node.
    pub(crate) node: Heard<ThisNode>,
    /// The pods of this node; nothing before the first whole list.
    pub(crate) pods: Option<Arc<PodUids>>,
    /// The UID of the namespace kube-system.
    pub(crate) cluster: Option<ClusterId>,
}

/// What is known, kept up to date. A clone shows the same.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot(Arc<watch::Sender<Known>>);

impl Known {
    /// Whether the API server has told all that the agent acts on.
    pub(crate) fn is_whole(&self) -> bool {
        self.node_enis.is_some() && self.node != Heard::Nothing && self.pods.is_some() && self.cluster.is_some()
    }
}

impl Snapshot {
    /// Nothing is known but perhaps the cluster's identity, where the settings have it.
    pub(crate) fn of(cluster: Option<ClusterId>) -> Self {
        Self(Arc::new(watch::Sender::new(Known { cluster, ..Known::default() })))
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        self.0.borrow().clone()
    }

    /// Tells of changes from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Known> {
        self.0.subscribe()
    }

    /// Nobody is told of what is as it was.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Known)) {
        self.0.send_if_modified(|known| {
            let before = known.clone();
            change(known);
            *known != before
        });
    }
}
