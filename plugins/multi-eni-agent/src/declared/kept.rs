//! What was last right, wherever it was read: a manifest that was right and has a fault now goes on as it was.

use super::reading::{Reading, Right};
use super::selector::NodeLabels;
use super::{Declared, Pool, Unknown};
use node::inventory::Sharing;
use node::names::PoolName;
use std::collections::{BTreeMap, BTreeSet};

/// The manifests that were right when they were last read.
#[derive(Debug)]
pub(super) struct Kept {
    resource_prefix: String,
    right: BTreeMap<PoolName, Right>,
    made: BTreeMap<PoolName, Sharing>,
}

impl Kept {
    /// None, for a node where a resource without a domain is of this one.
    pub(super) fn new(resource_prefix: impl Into<String>) -> Self {
        Self { resource_prefix: resource_prefix.into(), right: BTreeMap::new(), made: BTreeMap::new() }
    }

    /// Says how the pools that have ENIs were made, by the inventory: what a pool is cannot change under its pods.
    pub(super) fn hold_to(&mut self, made: BTreeMap<PoolName, Sharing>) {
        self.made = made;
    }

    /// A reading, of which nothing was read yet.
    pub(super) fn reading(&self) -> Reading {
        Reading::of(&self.resource_prefix)
    }

    /// All that was right when it was last read.
    pub(super) fn right(&self) -> impl Iterator<Item = &Right> {
        self.right.values()
    }

    /// Puts what is right now and what was right before together, for a node with these labels.
    pub(super) fn conclude(&mut self, mut reading: Reading, labels: &NodeLabels) -> Declared {
        reading.refuse_clashes(labels);
        reading.refuse_one_device_twice(labels);
        reading.refuse_other_sharing(&self.made);
        let Reading { mut right, wrong, mut refused, unnamed, faults, notes, .. } = reading;
        let unknown = if unnamed.is_empty() { Unknown::Nothing } else { Unknown::Something };
        let mut earlier = BTreeSet::new();
        for (name, before) in std::mem::take(&mut self.right) {
            let goes_on = wrong.contains_key(&name) || unnamed.contains(&before.file);
            if goes_on && !right.contains_key(&name) {
                earlier.insert(name.clone());
                right.insert(name, before);
            }
        }
        let held = wrong.into_keys().filter(|name| !right.contains_key(name)).collect();
        self.right = right;
        let here = self.right.values().filter(|right| right.valid.selector.selects(labels));
        let pools: Vec<Pool> = here.map(|right| right.valid.pool.clone()).collect();
        let is_here = |name: &PoolName| pools.iter().any(|pool| pool.name == *name);
        earlier.retain(is_here);
        refused.retain(|name| !is_here(name));
        Declared { pools, faults, notes, earlier, refused, held, unknown }
    }

    /// The pools that are right and for other nodes, each with what this node does not have.
    pub(super) fn elsewhere(&self, labels: &NodeLabels) -> Vec<(PoolName, Vec<String>)> {
        let others = self.right.iter().filter(|(_, right)| !right.valid.selector.selects(labels));
        others.map(|(name, right)| (name.clone(), right.valid.selector.misses(labels))).collect()
    }
}
