//! Manifests as people write them, and what becomes of them.

mod checking;
mod fields;
mod going_on;
mod reading;
mod samples;
mod selecting;

use super::{Declared, Folder, NodeLabels, Pool};
use std::fs;
use tempfile::TempDir;

/// The least that a spec needs, each on a line of its own.
pub(super) const LEAST: &str =
    "nodeSelector: {}\nsubnetID: subnet-0123456789abcdef0\nsecurityGroupIDs: [sg-0123456789abcdef0]\n";

/// A manifest with these lines below `spec`.
pub(super) fn manifest(name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: networking.k8s.aws/v1alpha1\nkind: NodeENI\nmetadata:\n  name: {name}\nspec:\n{spec}")
}

/// A folder of manifests.
pub(super) struct Site {
    place: TempDir,
    folder: Folder,
    labels: NodeLabels,
}

impl Site {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let labels = [("ng", "multi-eni"), ("kubernetes.io/hostname", "node-1")];
        let site = Self {
            folder: Folder::new(place.path(), "intel.com"),
            labels: labels.map(|(key, value)| (key.to_string(), value.to_string())).into_iter().collect(),
            place,
        };
        files.iter().for_each(|(name, content)| site.write(name, content));
        site
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        fs::write(self.place.path().join(name), content).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.place.path().join(name)).unwrap();
    }

    pub(super) fn relabel(&mut self, labels: &[(&str, &str)]) {
        self.labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    }

    pub(super) fn read(&mut self) -> Declared {
        self.folder.read(&self.labels)
    }

    /// The faults, without the folder's name.
    pub(super) fn faults(&mut self) -> Vec<String> {
        let folder = format!("{}/", self.place.path().display());
        self.read().faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
    }
}

/// The only pool of a spec of the least and these lines; there is no fault.
pub(super) fn pool(more: &str) -> Pool {
    let mut site = Site::new(&[("pool.yaml", &manifest("pool", &format!("{LEAST}{more}")))]);
    let mut declared = site.read();
    assert_eq!(declared.faults, [], "{more}");
    declared.pools.pop().unwrap()
}

/// What is said about a spec of the least and these lines, which replace its own of the same name.
pub(super) fn faults(more: &str) -> Vec<String> {
    let key = |line: &str| line.split(':').next().unwrap().to_string();
    let kept = LEAST.lines().filter(|line| !more.lines().any(|other| key(other) == key(line)));
    let spec: String = kept.chain(more.lines()).map(|line| format!("{line}\n")).collect();
    let faults = Site::new(&[("pool.yaml", &manifest("pool", &spec))]).faults();
    faults.into_iter().map(|fault| fault.replace("pool.yaml: pool: spec.", "")).collect()
}

/// The one thing that is said about them.
pub(super) fn fault(more: &str) -> String {
    let mut faults = faults(more);
    assert_eq!(faults.len(), 1, "{more}: {faults:?}");
    faults.remove(0)
}
