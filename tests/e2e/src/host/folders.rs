//! Where a node has what is the project's.

use std::path::PathBuf;

use node::store::Store;

use crate::Host;

impl Host {
    /// The records.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// The settings, `node.toml`.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.folder().join("node.toml")
    }

    /// Where log files may lie.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Where the kubelet's folders of pods would be.
    #[must_use]
    pub fn kubelet_dir(&self) -> PathBuf {
        self.folder().join("kubelet")
    }

    /// The lines of `node.toml` that name these folders.
    pub(crate) fn named_folders(&self) -> String {
        let folders = [
            ("state_dir", self.state_dir()),
            ("log_dir", self.log_dir()),
            ("kubelet_dir", self.kubelet_dir()),
            ("device_info_dir", self.folder().join("devinfo")),
        ];
        folders.iter().map(|(name, folder)| format!("{name} = {:?}\n", folder.display().to_string())).collect()
    }

    /// The records, opened on a thread of the node, which may have another file system there.
    ///
    /// # Panics
    ///
    /// When they cannot be opened.
    #[must_use]
    pub fn store(&self) -> Store {
        let folder = self.state_dir();
        self.run(move || Store::open(&folder).expect("the node's records"))
    }
}
