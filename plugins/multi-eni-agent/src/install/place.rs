//! Where things are on a host, and where the host is.

use std::path::{Path, PathBuf};

/// The places of a host. Their paths are the host's; this process may see the host below another folder.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Where this process sees the host: `/`, or where a container has it.
    pub(crate) root: PathBuf,
    /// Where the runtime looks for plugins.
    pub(crate) programs: PathBuf,
    /// Where the runtime looks for network configurations.
    pub(crate) networks: PathBuf,
}

impl Places {
    /// Where the node's settings are, and what was installed is on record.
    pub(crate) const SETTINGS: &'static str = "/etc/multi-eni";

    /// Where this process finds a path of the host.
    pub(super) fn on_host(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The settings of the host; those of an empty file where it has none.
    pub(crate) fn settings(&self) -> Result<node::settings::Settings, node::settings::Error> {
        let path = self.on_host(node::settings::DEFAULT_PATH);
        if path.exists() { node::settings::Settings::read(&path) } else { Ok(node::settings::Settings::default()) }
    }
}
