//! CNI plugins, run as a runtime runs them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::binaries::REFERENCE_PLUGINS;
use crate::{Host, HostCommand, LIMIT, Output, Running};

/// The UID of the pod of [`Invocation::of_pod`].
pub const POD_UID: &str = "0b7dbd3c-4c2e-4f1c-9d53-1a8b1f1f0001";

/// One call of a plugin. It starts as an ADD of interface `eth0` for a container, with Debian's plugins in `CNI_PATH`;
/// clones of it make the calls that follow.
#[derive(Debug, Clone)]
pub struct Invocation {
    plugin: PathBuf,
    environment: Vec<(String, String)>,
    stdin: Vec<u8>,
    limit: Duration,
}

impl Invocation {
    #[must_use]
    pub fn new(plugin: impl Into<PathBuf>) -> Self {
        let plugin = plugin.into();
        let own_folder = plugin.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let call = Self { plugin, environment: Vec::new(), stdin: Vec::new(), limit: LIMIT };
        call.verb("ADD")
            .container("container")
            .ifname("eth0")
            .env("CNI_PATH", format!("{own_folder}:{REFERENCE_PLUGINS}"))
            // What plugins call by name, as portmap does with iptables.
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    }

    /// `CNI_COMMAND`.
    #[must_use]
    pub fn verb(self, verb: &str) -> Self {
        self.env("CNI_COMMAND", verb)
    }

    /// `CNI_CONTAINERID`.
    #[must_use]
    pub fn container(self, id: &str) -> Self {
        self.env("CNI_CONTAINERID", id)
    }

    /// `CNI_IFNAME`.
    #[must_use]
    pub fn ifname(self, name: &str) -> Self {
        self.env("CNI_IFNAME", name)
    }

    /// `CNI_NETNS`.
    #[must_use]
    pub fn netns(self, path: impl AsRef<Path>) -> Self {
        self.env("CNI_NETNS", path.as_ref().display().to_string())
    }

    /// `CNI_ARGS`.
    #[must_use]
    pub fn args(self, args: &str) -> Self {
        self.env("CNI_ARGS", args)
    }

    /// For the pod `p1` of namespace `default`, whose UID is [`POD_UID`], as kubelets and Multus tell of it in `CNI_ARGS`.
    #[must_use]
    pub fn of_pod(self) -> Self {
        let pod = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=p1";
        self.args(&format!("IgnoreUnknown=1;{pod};K8S_POD_UID={POD_UID}"))
    }

    /// A folder in which delegates are looked for first.
    #[must_use]
    pub fn search(self, folder: impl AsRef<Path>) -> Self {
        let known = self.environment.iter().find(|(name, _)| name == "CNI_PATH").map(|(_, path)| path.clone());
        let path = format!("{}:{}", folder.as_ref().display(), known.unwrap_or_default());
        self.env("CNI_PATH", path)
    }

    #[must_use]
    pub fn env(self, name: &str, value: impl Into<String>) -> Self {
        let mut call = self.without(name);
        call.environment.push((name.into(), value.into()));
        call
    }

    /// Without this variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// The network configuration on stdin.
    #[must_use]
    pub fn config(self, config: &Value) -> Self {
        self.stdin(config.to_string())
    }

    /// Any bytes on stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(&self, host: &Host) -> Outcome {
        Outcome { output: self.command(host).output() }
    }

    /// Starts it, to be killed or looked at on its way; [`Outcome::of`] takes what comes of it.
    #[must_use]
    pub fn spawn(&self, host: &Host) -> Running {
        self.command(host).spawn()
    }

    fn command(&self, host: &Host) -> HostCommand {
        let command = host.command(&self.plugin).env_clear().current_dir("/").limit(self.limit);
        let set = |command: HostCommand, (name, value): &(String, String)| command.env(name, value);
        self.environment.iter().fold(command, set).stdin(self.stdin.clone())
    }
}

/// An error as the CNI specification has plugins print it. Those of the reference plugins have no version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CniError {
    #[serde(default)]
    pub cni_version: String,
    pub code: u32,
    pub msg: String,
    #[serde(default)]
    pub details: String,
}

/// What a plugin answered. Each reading of it checks the exit status that goes with it.
#[derive(Debug)]
pub struct Outcome {
    pub output: Output,
}

impl Outcome {
    #[must_use]
    pub fn of(running: Running) -> Self {
        Self { output: running.wait() }
    }

    /// The result of a success: one JSON document.
    ///
    /// # Panics
    ///
    /// When it is no success, or anything else is on stdout.
    #[must_use]
    #[track_caller]
    pub fn result(&self) -> Value {
        assert!(self.output.status.success(), "{}", self.output);
        self.document()
    }

    /// A success that says nothing, as DEL, CHECK, GC and STATUS have it.
    ///
    /// # Panics
    ///
    /// When it is no success, or anything is on stdout.
    #[track_caller]
    pub fn empty(&self) {
        assert!(self.output.status.success() && self.output.stdout.is_empty(), "{}", self.output);
    }

    /// The error of a failure: exit status 1 and one JSON document.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> CniError {
        assert_eq!(self.output.code(), Some(1), "{}", self.output);
        serde_json::from_value(self.document()).unwrap_or_else(|error| panic!("{error}: {}", self.output))
    }

    #[track_caller]
    fn document(&self) -> Value {
        serde_json::from_slice(&self.output.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.output))
    }
}
