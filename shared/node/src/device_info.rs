//! The device-info document that Multus copies to the pod's network status (Device Information Specification 1.1.0 of the
//! Kubernetes Network Plumbing Working Group).

use crate::files::{self, Folder};
use crate::names::PciAddr;
use crate::record::Record;
use crate::store::{self, Store};
use serde_json::{Map, Value, json};
use std::path::{Component, Path};

/// A place for the document: a file directly in the folder of `node.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceInfo<'a> {
    folder: &'a Path,
    name: &'a str,
}

impl<'a> DeviceInfo<'a> {
    /// The place of this path; nothing if it is not directly in the folder.
    pub fn new(path: &'a Path, folder: &'a Path) -> Option<Self> {
        let mut parts = path.strip_prefix(folder).ok()?.components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(name)), None) => Some(Self { folder, name: name.to_str()? }),
            _ => None,
        }
    }

    /// The place that a network configuration names (`runtimeConfig.CNIDeviceInfoFile`); nothing if it names none, or one
    /// that is not directly in the folder.
    pub fn of_config(config: &'a Map<String, Value>, folder: &'a Path) -> Option<Self> {
        let path = config.get("runtimeConfig")?.get("CNIDeviceInfoFile")?.as_str()?;
        Self::new(Path::new(path), folder)
    }

    /// Writes the document, unless a device plugin's is there already.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&self, pci_address: PciAddr) -> Result<(), files::Error> {
        let folder = Folder::of_others(self.folder)?;
        if folder.read(self.name)?.is_none() {
            let document = json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": pci_address}});
            folder.write(self.name, document.to_string().as_bytes())?;
        }
        Ok(())
    }

    fn remove(&self) -> Result<(), files::Error> {
        // Where there is no folder there is no document; of_others would make it.
        if self.folder.is_dir() {
            Folder::of_others(self.folder)?.remove(self.name)?;
        }
        Ok(())
    }
}

/// Removes the document of an attachment that has been taken down, if its configuration names one in this folder. One that an
/// attachment which holds a device names too stays: the path is made of pod and network, so the pod's next sandbox has the same.
///
/// # Errors
/// Those of the file and of reading the records.
pub fn remove(store: &Store, config: &Map<String, Value>, folder: &Path) -> Result<(), store::Error> {
    let Some(place) = DeviceInfo::of_config(config, folder) else { return Ok(()) };
    let names_it = |record: &Record| DeviceInfo::of_config(&record.call.config, folder) == Some(place);
    if store.records()?.iter().any(|record| record.holds() && names_it(record)) {
        return Ok(());
    }
    Ok(place.remove()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Bench {
        root: tempfile::TempDir,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let store = Store::open(&root.path().join("state")).unwrap();
            std::fs::create_dir(root.path().join("devinfo")).unwrap();
            Self { root, store }
        }

        fn path(&self, name: &str) -> PathBuf {
            let path = self.root.path().join(name);
            std::fs::write(&path, "{}").unwrap();
            path
        }

        fn remove(&self, path: &Path) {
            remove(&self.store, &config(path), &self.root.path().join("devinfo")).unwrap();
        }
    }

    fn config(path: &Path) -> Map<String, Value> {
        json!({"runtimeConfig": {"CNIDeviceInfoFile": path}}).as_object().unwrap().clone()
    }

    fn record(path: &Path, phase: &str) -> Record {
        serde_json::from_value(json!({
            "owner": {"network": "n", "containerId": "c2", "ifname": "net1"},
            "device": {"macAddress": "02:00:00:00:00:01"}, "mode": "netdev",
            "namespace": {"path": "/run/netns/x", "identity": {"cookie": 1, "device": 4, "inode": 7}},
            "interfaceName": "net1",
            "home": {"name": "ens6", "altnames": [], "mtu": 9001, "macAddress": "02:00:00:00:00:01", "up": false},
            "leftovers": [], "phase": phase, "call": {"config": config(path), "path": "", "args": ""},
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_directly_in_the_folder_is_removed() {
        let bench = Bench::new();
        std::fs::create_dir(bench.root.path().join("devinfo/a")).unwrap();
        let inside = bench.path("devinfo/x.json");
        for elsewhere in ["x.json", "devinfo/a/x.json"] {
            let path = bench.path(elsewhere);
            bench.remove(&path);
            assert!(path.exists(), "{elsewhere}");
        }
        bench.remove(&bench.root.path().join("devinfo/../x.json"));
        assert!(bench.root.path().join("x.json").exists() && inside.exists());
        bench.remove(&inside);
        bench.remove(&inside);
        assert!(!inside.exists());
        std::fs::remove_dir_all(bench.root.path().join("devinfo")).unwrap();
        bench.remove(&inside);
        assert!(!bench.root.path().join("devinfo").exists());
    }

    #[test]
    fn what_the_pods_next_sandbox_has_stays_until_that_is_taken_down() {
        let bench = Bench::new();
        let path = bench.path("devinfo/x.json");
        for phase in ["claimed", "committed"] {
            bench.store.write_record(&record(&path, phase)).unwrap();
            bench.remove(&path);
            assert!(path.exists(), "{phase}");
        }
        bench.store.write_record(&record(&path, "released")).unwrap();
        bench.remove(&path);
        assert!(!path.exists());
    }
}
