//! One reading of the files: which manifests are right, and what is wrong with the others.

use super::document::{self, Document};
use super::fault::{Fault, Faults};
use super::file;
use super::pool::Pool;
use super::selector::NodeLabels;
use super::validate::{Found, Valid, valid};
use node::inventory::Sharing;
use node::names::PoolName;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// A manifest that was right when it was last read.
#[derive(Debug, Clone)]
pub(super) struct Right {
    pub(super) file: PathBuf,
    pub(super) valid: Valid,
}

/// What the files have now.
#[derive(Debug, Default)]
pub(super) struct Reading {
    resource_prefix: String,
    pub(super) right: BTreeMap<PoolName, Right>,
    /// Names with a fault, and where they are.
    pub(super) wrong: BTreeMap<PoolName, PathBuf>,
    /// Those of them that are right by themselves, and not on this node.
    pub(super) refused: BTreeSet<PoolName>,
    /// Files that have something whose name nobody knows.
    pub(super) unnamed: BTreeSet<PathBuf>,
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<Fault>,
}

impl Reading {
    /// Nothing yet; a resource without a domain is of this one.
    pub(super) fn of(resource_prefix: &str) -> Self {
        Self { resource_prefix: resource_prefix.to_string(), ..Self::default() }
    }

    pub(super) fn file(&mut self, path: &Path) {
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

    /// An object of an API server.
    pub(super) fn object(&mut self, place: &str, document: Document) {
        self.document(Path::new(place), document);
    }

    fn document(&mut self, path: &Path, document: Document) {
        let Document { name, spec, misshapen, mut faults } = document;
        let mut found = Found::default();
        let known = name.as_ref().zip(spec);
        let valid = known.map(|(name, spec)| valid(name, &spec, &misshapen, &self.resource_prefix, &mut found));
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
    pub(super) fn refuse_clashes(&mut self, labels: &NodeLabels) {
        self.refuse_what_two_have("spec.linkName", labels, |pool| pool.link_name.clone());
    }

    /// Refuses pools of this node that would offer one device twice.
    pub(super) fn refuse_one_device_twice(&mut self, labels: &NodeLabels) {
        self.refuse_what_two_have("spec.dpdkPCIAddress", labels, |pool| pool.pci_address);
    }

    fn refuse_what_two_have<T: Ord + Display>(
        &mut self,
        path: &str,
        labels: &NodeLabels,
        of: impl Fn(&Pool) -> Option<T>,
    ) {
        let mut wishes: BTreeMap<T, Vec<PoolName>> = BTreeMap::new();
        for right in self.right.values().filter(|right| right.valid.selector.selects(labels)) {
            if let Some(wished) = of(&right.valid.pool) {
                wishes.entry(wished).or_default().push(right.valid.pool.name.clone());
            }
        }
        for (wished, pools) in wishes.into_iter().filter(|(_, pools)| pools.len() > 1) {
            for name in &pools {
                let others: Vec<&str> = pools.iter().filter(|other| *other != name).map(PoolName::as_str).collect();
                let why = format!("is {wished}, and that of {} on this node, too", others.join(", "));
                self.refuse(name, path, why);
            }
        }
    }

    /// Refuses to make shared pools of exclusive ones that have ENIs, and the reverse.
    pub(super) fn refuse_other_sharing(&mut self, made: &BTreeMap<PoolName, Sharing>) {
        let sharing = |name| self.right.get(name).map(|right| right.valid.pool.sharing);
        let others = made.iter().filter(|&(name, made)| sharing(name).is_some_and(|sharing| sharing != *made));
        for name in others.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let why = "is fixed while the pool has ENIs; declare one of another name, and take this one away";
            self.refuse(&name, "spec.sharing", why.into());
        }
    }

    /// Takes one that was right by itself out.
    fn refuse(&mut self, name: &PoolName, path: &str, why: String) {
        if let Some(right) = self.right.remove(name) {
            self.fault(&right.file, name, path, why);
            self.wrong.insert(name.clone(), right.file);
            self.refused.insert(name.clone());
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
