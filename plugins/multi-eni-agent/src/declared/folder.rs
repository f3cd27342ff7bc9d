//! The folder of manifests, read again and again.

use super::Declared;
use super::fault::Fault;
use super::kept::Kept;
use super::selector::NodeLabels;
use node::inventory::Sharing;
use node::names::PoolName;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder, and what was last right in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    kept: Kept,
}

impl Folder {
    /// The folder at a path, for a node where a resource without a domain is of this one; nothing is read yet.
    pub(crate) fn new(path: impl Into<PathBuf>, resource_prefix: impl Into<String>) -> Self {
        Self { path: path.into(), kept: Kept::new(resource_prefix) }
    }

    /// Says how the pools that have ENIs were made, by the inventory: what a pool is cannot change under its pods.
    pub(crate) fn hold_to(&mut self, made: BTreeMap<PoolName, Sharing>) {
        self.kept.hold_to(made);
    }

    /// Reads it, for a node with these labels.
    pub(crate) fn read(&mut self, labels: &NodeLabels) -> Declared {
        let mut reading = self.kept.reading();
        match files(&self.path) {
            Ok(files) => files.iter().for_each(|file| reading.file(file)),
            Err(error) => {
                reading.faults.push(Fault::of_file(&self.path, format_args!("the folder of the pools: {error}")));
                reading.unnamed.extend(self.kept.right().map(|right| right.file.clone()));
                reading.unnamed.insert(self.path.clone());
            }
        }
        self.kept.conclude(reading, labels)
    }

    /// The pools that are right and for other nodes, each with what this node does not have.
    pub(super) fn elsewhere(&self, labels: &NodeLabels) -> Vec<(PoolName, Vec<String>)> {
        self.kept.elsewhere(labels)
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
