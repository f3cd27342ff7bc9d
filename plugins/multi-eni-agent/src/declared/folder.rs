//! The folder of manifests, read again and again: a manifest that was right and has a fault now goes on as it was.

use super::fault::Fault;
use super::reading::{Reading, Right};
use super::selector::NodeLabels;
use super::{Declared, Pool, Unknown};
use node::inventory::Sharing;
use node::names::PoolName;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder, and what was last right in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    resource_prefix: String,
    right: BTreeMap<PoolName, Right>,
    made: BTreeMap<PoolName, Sharing>,
}

impl Folder {
    /// The folder at a path, for a node where a resource without a domain is of this one; nothing is read yet.
    pub(crate) fn new(path: impl Into<PathBuf>, resource_prefix: impl Into<String>) -> Self {
        let resource_prefix = resource_prefix.into();
        Self { path: path.into(), resource_prefix, right: BTreeMap::new(), made: BTreeMap::new() }
    }

    /// Says how the pools that have ENIs were made, by the inventory: what a pool is cannot change under its pods.
    pub(crate) fn hold_to(&mut self, made: BTreeMap<PoolName, Sharing>) {
        self.made = made;
    }

    /// Reads it, for a node with these labels.
    pub(crate) fn read(&mut self, labels: &NodeLabels) -> Declared {
        let mut reading = Reading::of(&self.resource_prefix);
        match files(&self.path) {
            Ok(files) => files.iter().for_each(|file| reading.file(file)),
            Err(error) => {
                reading.faults.push(Fault::of_file(&self.path, format_args!("the folder of the pools: {error}")));
                reading.unnamed.extend(self.right.values().map(|right| right.file.clone()));
                reading.unnamed.insert(self.path.clone());
            }
        }
        reading.refuse_clashes(labels);
        reading.refuse_one_device_twice(labels);
        reading.refuse_other_sharing(&self.made);
        self.conclude(reading, labels)
    }

    /// Puts what is right now and what was right before together.
    fn conclude(&mut self, reading: Reading, labels: &NodeLabels) -> Declared {
        let Reading { mut right, wrong, unnamed, faults, notes, .. } = reading;
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
        earlier.retain(|name| pools.iter().any(|pool| pool.name == *name));
        Declared { pools, faults, notes, earlier, held, unknown }
    }

    /// The pools that are right and for other nodes, each with what this node does not have.
    pub(super) fn elsewhere(&self, labels: &NodeLabels) -> Vec<(PoolName, Vec<String>)> {
        let others = self.right.iter().filter(|(_, right)| !right.valid.selector.selects(labels));
        others.map(|(name, right)| (name.clone(), right.valid.selector.misses(labels))).collect()
    }
}

/// The manifests of a folder, by name. Names that begin with a dot are an editor's, or a mounted ConfigMap's inner life.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !hidden && ending.is_some_and(|ending| matches!(ending, "yaml" | "yml" | "json")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
