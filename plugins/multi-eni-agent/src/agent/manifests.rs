//! The manifests of the node's pools, and what the loop does when they change.

use std::collections::BTreeMap;

use node::inventory::{Entry, Sharing};
use node::names::PoolName;

use super::Agent;
use super::clock::Clock;
use crate::apply::policy::{CONFIG, DENIED};
use crate::declared::{Declared, Folder, NodeLabels};
use crate::kernel::Machine;
use crate::observe::Hold;

/// The folder of manifests, and what it declares for this node.
#[derive(Debug)]
pub(crate) struct Manifests {
    folder: Folder,
    labels: NodeLabels,
    made: BTreeMap<PoolName, Sharing>,
    pub(super) declared: Declared,
}

impl Manifests {
    /// Nothing is read yet.
    pub(crate) fn new(folder: Folder, labels: NodeLabels) -> Self {
        Self { folder, labels, made: BTreeMap::new(), declared: Declared::default() }
    }

    /// Whether the pools that have ENIs are others now, or were made in another way.
    fn hold_to(&mut self, entries: &[Entry]) -> bool {
        let pools = entries.iter().filter_map(|entry| entry.pool.as_ref());
        let made: BTreeMap<PoolName, Sharing> = pools.map(|pool| (pool.name.clone(), pool.sharing)).collect();
        let changed = made != self.made;
        if changed {
            self.made.clone_from(&made);
            self.folder.hold_to(made);
        }
        changed
    }

    /// Reads them; whether they say something else now.
    fn read(&mut self) -> bool {
        let declared = self.folder.read(&self.labels);
        let changed = declared != self.declared;
        if changed {
            for fault in declared.faults.iter().filter(|fault| !self.declared.faults.contains(fault)) {
                log::error!("{fault}");
            }
            for note in declared.notes.iter().filter(|note| !self.declared.notes.contains(note)) {
                log::info!("{note}");
            }
            let names: Vec<&str> = declared.pools.iter().map(|pool| pool.name.as_str()).collect();
            log::info!("pools of this node: {}", if names.is_empty() { "none".to_string() } else { names.join(", ") });
        }
        self.declared = declared;
        changed
    }
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// What a pool is cannot change under its ENIs, and can when the last one is gone.
    pub(super) fn hold_manifests_to(&mut self, entries: &[Entry]) {
        if self.manifests.hold_to(entries) {
            self.read_manifests();
        }
    }

    /// Reads the manifests. What EC2 refused of a pool that may be another one now is tried again.
    pub(super) fn read_manifests(&mut self) {
        if !self.manifests.read() {
            return;
        }
        let of_manifest = |code| matches!(code, DENIED | CONFIG);
        self.memory
            .holds
            .forget(|hold, held| matches!(hold, Hold::Pool(_) | Hold::Creation(_)) && of_manifest(held.code));
        self.memory.subnets.retain(|_, known| !known.value.is_empty());
        self.memory.security_groups.retain(|_, known| !known.value.is_empty());
    }
}
