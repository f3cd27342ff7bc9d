//! What is declared: the NodeENIs of a folder or of an API server, checked, and of them the pools of this node.

mod check;
mod document;
mod fault;
mod file;
mod folder;
mod kept;
mod known;
pub(crate) mod limits;
pub(crate) mod manifest;
mod objects;
mod pool;
mod reading;
mod review;
mod selector;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use check::check;
#[cfg(test)]
pub(crate) use document::fields;
pub(crate) use fault::Fault;
pub(crate) use folder::Folder;
pub(crate) use objects::Objects;
pub(crate) use pool::{Pool, Reference, SubnetChoice};
pub(crate) use review::Review;
pub(crate) use selector::NodeLabels;

use node::names::PoolName;
use std::collections::BTreeSet;

/// The pools of this node, and what is wrong with the manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// By name, each once.
    pub(crate) pools: Vec<Pool>,
    /// Why some manifests do not count.
    pub(crate) faults: Vec<Fault>,
    /// What is right and yet not as it may seem.
    pub(crate) notes: Vec<Fault>,
    /// Pools whose manifest has a fault now; an earlier version of it goes on.
    pub(crate) earlier: BTreeSet<PoolName>,
    /// Pools whose manifest is right by itself and does not count on this node, and of which nothing goes on here.
    pub(crate) refused: BTreeSet<PoolName>,
    /// Pools that a manifest with a fault names, and of which nothing else is known.
    held: BTreeSet<PoolName>,
    /// Whether there is a manifest of which not even the name is known.
    unknown: Unknown,
}

/// Whether a manifest that cannot be read may declare any pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Unknown {
    /// Each manifest's name is known.
    #[default]
    Nothing,
    /// Some pool.
    Something,
}

impl Declared {
    /// Whether a pool is certainly not declared for this node any more, so that its ENIs may go. A pool that is
    /// not declared while a manifest with a fault may be its own is not withdrawn.
    pub(crate) fn is_withdrawn(&self, name: &PoolName) -> bool {
        let declared = self.pools.iter().any(|pool| pool.name == *name);
        !declared && !self.held.contains(name) && self.unknown == Unknown::Nothing
    }

    /// What is wrong with the manifest of a pool, a line each.
    pub(crate) fn faults_of(&self, name: &PoolName) -> impl Iterator<Item = String> {
        let of_pool = |fault: &&Fault| fault.pool.as_deref() == Some(name.as_str());
        self.faults.iter().filter(of_pool).map(|fault| format!("{}: {}", fault.path, fault.why))
    }

    /// The pool of this name.
    #[cfg(test)]
    pub(crate) fn pool(&self, name: &PoolName) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == *name)
    }
}
