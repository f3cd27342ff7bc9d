//! NodeENIs that are objects of an API server, in the place of a folder's manifests.

use super::document;
use super::kept::Kept;
use super::manifest::{API_VERSION, KIND};
use super::selector::NodeLabels;
use super::{Declared, Unknown};
use node::inventory::Sharing;
use node::names::PoolName;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// In the place of a file's name, in what is said about one.
pub(super) const PLACE: &str = "NodeENI";

/// The NodeENIs of a cluster, and what was last right of them.
#[derive(Debug)]
pub(crate) struct Objects(Kept);

impl Objects {
    /// None is known yet.
    pub(crate) fn new(resource_prefix: impl Into<String>) -> Self {
        Self(Kept::new(resource_prefix))
    }

    /// As [`super::Folder::hold_to`].
    pub(crate) fn hold_to(&mut self, made: BTreeMap<PoolName, Sharing>) {
        self.0.hold_to(made);
    }

    /// What they declare for a node with these labels: the `spec` of each that is not being deleted, by name.
    pub(crate) fn read<'a>(
        &mut self,
        specs: impl IntoIterator<Item = (&'a String, Option<&'a Value>)>,
        labels: &NodeLabels,
    ) -> Declared {
        let mut reading = self.0.reading();
        specs.into_iter().for_each(|(name, spec)| reading.object(PLACE, document::read(&manifest(name, spec))));
        self.0.conclude(reading, labels)
    }
}

impl Declared {
    /// Before the API server has told them all: there may be any.
    pub(crate) fn unknown() -> Self {
        Self { unknown: Unknown::Something, ..Self::default() }
    }
}

/// As a manifest.
pub(super) fn manifest(name: &str, spec: Option<&Value>) -> Value {
    let mut manifest = json!({ "apiVersion": API_VERSION, "kind": KIND, "metadata": { "name": name } });
    if let Some(spec) = spec {
        manifest["spec"] = spec.clone();
    }
    manifest
}
