//! What a node or a namespace looks like, as facts that can be compared.

mod files;
mod network;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::Host;

/// Facts about a network and about files, each a line for people: two snapshots are the same if their lines are.
///
/// What the kernel does in its own time is left out, since it may or may not have happened yet: carrier and operational
/// state, whether an address is still tentative, IPv6 link-local addresses with their routes, and lifetimes.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    facts: BTreeSet<String>,
}

impl Snapshot {
    pub(crate) fn of_network(host: &Host, namespace: &[&str]) -> Self {
        Self { facts: network::facts(host, namespace) }
    }

    pub(crate) fn of_files(folders: &[PathBuf]) -> Self {
        Self { facts: folders.iter().flat_map(|folder| files::facts(folder)).collect() }
    }

    pub(crate) fn with(mut self, other: Self) -> Self {
        self.facts.extend(other.facts);
        self
    }

    /// The facts that start with `prefix`, for instance `"link net1 "`, `"address net1 "` or `"route inet table 100 "`.
    #[must_use]
    pub fn about(&self, prefix: &str) -> Vec<&str> {
        self.facts.iter().map(String::as_str).filter(|fact| fact.starts_with(prefix)).collect()
    }

    /// What is no more (`- `) and what is new (`+ `) in a later snapshot, a line each; empty if nothing changed.
    #[must_use]
    pub fn changes_to(&self, later: &Self) -> String {
        let gone = self.facts.difference(&later.facts).map(|fact| format!("- {fact}\n"));
        let new = later.facts.difference(&self.facts).map(|fact| format!("+ {fact}\n"));
        gone.chain(new).collect()
    }

    /// # Panics
    ///
    /// With the changes, when a later snapshot is not the same.
    #[track_caller]
    pub fn assert_same(&self, later: &Self) {
        let changes = self.changes_to(later);
        assert!(changes.is_empty(), "not as it was before:\n{changes}");
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.iter().try_for_each(|fact| writeln!(formatter, "{fact}"))
    }
}
