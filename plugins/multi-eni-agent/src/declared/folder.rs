//! The folder of manifests, read again and again: a manifest that was right and has a fault now goes on as it was.

use super::document::{self, Document};
use super::fault::{Fault, Faults};
use super::file;
use super::selector::NodeLabels;
use super::validate::{Found, Valid, valid};
use super::{Declared, Pool, Unknown};
use node::names::{IfName, PoolName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder, and what was last right in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    right: BTreeMap<PoolName, Right>,
}

/// A manifest that was right when it was last read.
#[derive(Debug, Clone)]
struct Right {
    file: PathBuf,
    valid: Valid,
}

/// What the files have now.
#[derive(Debug, Default)]
struct Reading {
    right: BTreeMap<PoolName, Right>,
    /// Names with a fault, and where they are.
    wrong: BTreeMap<PoolName, PathBuf>,
    /// Files that have something whose name nobody knows.
    unnamed: BTreeSet<PathBuf>,
    faults: Vec<Fault>,
    notes: Vec<Fault>,
}

impl Folder {
    /// The folder at a path; nothing is read yet.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), right: BTreeMap::new() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it, for a node with these labels.
    pub(crate) fn read(&mut self, labels: &NodeLabels) -> Declared {
        let mut reading = Reading::default();
        match files(&self.path) {
            Ok(files) => files.iter().for_each(|file| reading.file(file)),
            Err(error) => {
                reading.faults.push(Fault::of_file(&self.path, format_args!("the folder of the pools: {error}")));
                reading.unnamed.extend(self.right.values().map(|right| right.file.clone()));
                reading.unnamed.insert(self.path.clone());
            }
        }
        reading.refuse_clashes(labels);
        self.conclude(reading, labels)
    }

    /// Puts what is right now and what was right before together.
    fn conclude(&mut self, reading: Reading, labels: &NodeLabels) -> Declared {
        let Reading { mut right, wrong, unnamed, faults, notes } = reading;
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

impl Reading {
    fn file(&mut self, path: &Path) {
        match file::documents(path) {
            Ok(documents) => {
                for manifest in documents.into_iter().flat_map(document::manifests) {
                    match document::of_other_kind(&manifest) {
                        Some(kind) => self.notes.push(Fault::of_file(path, format_args!("has a {kind}, left alone"))),
                        None => self.document(path, document::read(&manifest)),
                    }
                }
            }
            Err(error) => {
                self.faults.push(Fault::of_file(path, error));
                self.unnamed.insert(path.to_path_buf());
            }
        }
    }

    fn document(&mut self, path: &Path, document: Document) {
        let Document { name, spec, misshapen, mut faults } = document;
        let mut found = Found::default();
        let valid = name.as_ref().zip(spec).map(|(name, spec)| valid(name, &spec, &misshapen, &mut found));
        faults.append(std::mem::take(&mut found.faults));
        let is_right = faults.is_empty();
        let place = |faults: Faults| placed(path, name.as_ref(), faults);
        self.faults.extend(place(faults));
        self.notes.extend(place(found.notes));
        match (name, valid) {
            (Some(name), Some(valid)) if is_right => self.add(name, Right { file: path.to_path_buf(), valid }),
            (Some(name), _) => {
                // A name that another manifest has as well is not right there either.
                self.right.remove(&name);
                self.wrong.insert(name, path.to_path_buf());
            }
            (None, _) => {
                self.unnamed.insert(path.to_path_buf());
            }
        }
    }

    /// Adds one that is right by itself, if its name is its own: nobody can say which of two is meant.
    fn add(&mut self, name: PoolName, right: Right) {
        let other = self.right.remove(&name).map(|other| other.file).or_else(|| self.wrong.get(&name).cloned());
        match other {
            None => {
                self.right.insert(name, right);
            }
            Some(other) => {
                let why = format!("is the name of another NodeENI in {}, too; neither counts", other.display());
                self.fault(&right.file, &name, "metadata.name", why);
                self.wrong.insert(name, right.file);
            }
        }
    }

    /// Refuses pools of this node that want the same name of a link.
    fn refuse_clashes(&mut self, labels: &NodeLabels) {
        let mut wishes: BTreeMap<IfName, Vec<PoolName>> = BTreeMap::new();
        for right in self.right.values().filter(|right| right.valid.selector.selects(labels)) {
            if let Some(wished) = &right.valid.pool.link_name {
                wishes.entry(wished.clone()).or_default().push(right.valid.pool.name.clone());
            }
        }
        for (wished, pools) in wishes.into_iter().filter(|(_, pools)| pools.len() > 1) {
            for name in &pools {
                let others: Vec<&str> = pools.iter().filter(|other| *other != name).map(PoolName::as_str).collect();
                let why = format!("is {wished}, and that of {} on this node, too", others.join(", "));
                if let Some(right) = self.right.remove(name) {
                    self.fault(&right.file, name, "spec.linkName", why);
                    self.wrong.insert(name.clone(), right.file);
                }
            }
        }
    }

    fn fault(&mut self, file: &Path, name: &PoolName, path: &str, why: String) {
        let mut faults = Faults::default();
        faults.push(path, why);
        self.faults.extend(placed(file, Some(name), faults));
    }
}

fn placed(file: &Path, name: Option<&PoolName>, faults: Faults) -> impl Iterator<Item = Fault> {
    let pool = name.map(ToString::to_string);
    let file = file.to_path_buf();
    faults.into_inner().into_iter().map(move |(path, why)| Fault { file: file.clone(), pool: pool.clone(), path, why })
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
