//! The CNI project's own runtime, for one network configuration list.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Host, HostCommand, Outcome, PodNetns, binaries};

/// `cnitool` with a folder of plugins and one of configurations of its own.
#[derive(Debug)]
pub struct Cnitool {
    host: Host,
    network: String,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Cnitool {
    /// For the configuration list `network`, whose plugins are Debian's and the given ones.
    ///
    /// # Panics
    ///
    /// When cnitool or a plugin is not there.
    #[must_use]
    pub fn new(host: &Host, network: &Value, plugins: &[PathBuf]) -> Self {
        let name = network["name"].as_str().expect("a network with a name");
        let folder = host.folder().join(format!("cnitool-{name}"));
        lay_out(&folder.join("bin"), &folder.join("conf"), network, plugins);
        Self { host: host.clone(), network: name.into(), folder, environment: Vec::new() }
    }

    /// With a variable in its environment: `CNI_IFNAME` (else `eth0`), `CNI_ARGS`, `CAP_ARGS`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// `cnitool add`: the result.
    #[must_use]
    pub fn add(&self, pod: &PodNetns) -> Value {
        self.command("add", pod.path()).result()
    }

    /// `cnitool check`.
    pub fn check(&self, pod: &PodNetns) {
        self.command("check", pod.path()).empty();
    }

    /// `cnitool del`.
    pub fn del(&self, pod: &PodNetns) {
        self.command("del", pod.path()).empty();
    }

    /// Any of its commands, whatever comes of it. An error it prints as text.
    #[must_use]
    pub fn command(&self, verb: &str, netns: &Path) -> Outcome {
        let command = self
            .host
            .command(binaries::cnitool())
            .env("CNI_PATH", self.folder.join("bin"))
            .env("NETCONFPATH", self.folder.join("conf"))
            .arg(verb)
            .arg(&self.network)
            .arg(netns);
        let set = |command: HostCommand, (name, value): &(String, String)| command.env(name, value);
        Outcome { output: self.environment.iter().fold(command, set).output() }
    }
}

/// The file of the one network.
pub(crate) const NETWORK: &str = "10-network.conflist";

/// What a runtime is given: a folder with all of Debian's plugins and further ones, by symbolic links, and one with a
/// network configuration list.
pub(crate) fn lay_out(bin: &Path, conf: &Path, network: &Value, plugins: &[PathBuf]) {
    for part in [bin, conf] {
        fs::create_dir_all(part).unwrap_or_else(|error| panic!("{}: {error}", part.display()));
    }
    let reference = fs::read_dir(binaries::REFERENCE_PLUGINS)
        .unwrap_or_else(|error| panic!("{}: {error}: run `tests/prepare`", binaries::REFERENCE_PLUGINS));
    let reference = reference.map(|entry| entry.expect("an entry of a folder").path());
    for plugin in reference.chain(plugins.iter().cloned()) {
        let name = plugin.file_name().expect("a plugin's name");
        symlink(&plugin, bin.join(name)).unwrap_or_else(|error| panic!("{}: {error}", plugin.display()));
    }
    fs::write(conf.join(NETWORK), network.to_string()).expect("the network's configuration");
}
