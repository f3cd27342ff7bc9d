//! The guest as a node: the agent, pools, pods, and what became of the NICs.

mod devices;
mod ec2;
mod pools;

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use node::store::Store;
use serde_json::{Value, json};

use super::brief::Brief;
use super::network;
use super::program::say;
use crate::cloud::{AGENT, CLUSTER, SECRET, TOKEN};
use crate::lab::invocation;
use crate::until::until_within;
use crate::{Host, HostCommand, Invocation, LIMIT, PodNetns, Running, binaries};

/// Longer than any guest lives.
const LIFE: Duration = Duration::from_secs(3600);

/// The guest.
pub struct Node {
    /// The machine.
    pub host: Host,
    /// The namespace that plays the VPC: its router, and a peer in another subnet.
    pub vpc: PodNetns,
    brief: Brief,
    agent: RefCell<Option<Running>>,
}

impl Node {
    pub(super) fn new(brief: Brief) -> Self {
        let host = Host::of_this_machine();
        let vpc = network::bring_up(&host, &brief);
        let node = Self { host, vpc, brief, agent: RefCell::new(None) };
        for folder in [node.pools(), node.host.kubelet_dir().join("pods")] {
            fs::create_dir_all(folder).expect("a folder of the node");
        }
        node.write_settings("");
        node
    }

    /// Writes `node.toml`: the node's own folders and endpoints, and these lines before its first table.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write_settings(&self, top: &str) {
        let text = format!(
            "{}cluster_id = {CLUSTER:?}\nagent_program = {:?}\n{top}\n\
             [agent]\nnode_name = \"node-1\"\npools_dir = {:?}\nec2_endpoint = {:?}\nimds_endpoint = {:?}\n\
             release_grace_seconds = 1\norphan_grace_seconds = 1\nresync_seconds = 1\n",
            self.host.named_folders(),
            binaries::multi_eni_agent().display().to_string(),
            self.pools().display().to_string(),
            self.brief.ec2,
            self.brief.imds,
        );
        fs::write(self.host.settings(), text).expect("node.toml");
    }

    fn pools(&self) -> PathBuf {
        self.host.folder().join("pools")
    }

    /// The node's records.
    #[must_use]
    pub fn store(&self) -> Store {
        self.host.store()
    }

    /// Tells people how far a scenario is.
    pub fn say(&self, line: &str) {
        say(&format!("  {line}"));
    }

    /// Makes a pod's namespace.
    #[must_use]
    pub fn pod(&self, name: &str) -> PodNetns {
        self.host.netns(name)
    }

    /// An ADD of `multi-eni` for an ENI of this pool, with the addresses that EC2 gave it.
    #[must_use]
    pub fn add(&self, pod: &PodNetns, container: &str, pool: &str) -> Invocation {
        self.call(pod, container, &json!({"pool": pool, "ipam": {"type": "multi-eni-ipam"}}))
    }

    /// A call of `multi-eni` with this configuration; `cniVersion`, `name` and `type` are there.
    #[must_use]
    pub fn call(&self, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        self.call_of(&binaries::multi_eni(), pod, container, config)
    }

    /// As [`Node::call`], of another build of the plugin.
    #[must_use]
    pub fn call_of(&self, binary: &Path, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        invocation(binary, &self.host.settings(), pod, container, config)
    }

    /// Waits until this holds.
    ///
    /// # Panics
    ///
    /// When it does not come to hold.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        until_within(LIMIT, &mut holds, || what.to_string());
    }

    /// Starts the agent, unless it runs.
    pub fn start(&self) {
        self.start_as(&binaries::multi_eni_agent(), &[]);
    }

    /// Starts a build of the agent with these variables, unless one runs.
    pub fn start_as(&self, program: &Path, variables: &[(&str, &str)]) {
        if self.agent.borrow_mut().as_mut().is_some_and(Running::is_running) {
            return;
        }
        let script = r#"exec "$0" run >>"$1" 2>&1"#;
        let command = self.host.command("sh").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let command = command.env(node::settings::PATH_VARIABLE, self.host.settings());
        let secrets = [("AWS_ACCESS_KEY_ID", AGENT), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_SESSION_TOKEN", TOKEN)];
        let set = |command: HostCommand, (name, value): &(&str, &str)| command.env(name, value);
        let command = secrets.iter().chain(variables).fold(command, set);
        let command = command.args(["-c", script]).arg(program).arg(self.log_path()).limit(LIFE);
        self.agent.replace(Some(command.spawn()));
    }

    /// Kills the agent with SIGKILL.
    ///
    /// # Panics
    ///
    /// When none was started.
    pub fn kill(&self) {
        self.agent.take().expect("an agent that was started").kill();
    }

    /// Whether the agent runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.agent.borrow_mut().as_mut().is_some_and(Running::is_running)
    }

    fn log_path(&self) -> PathBuf {
        self.host.folder().join("agent.log")
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the guest, {}", self.host.folder().display())
    }
}

/// All that is known, for a scenario that fails.
impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "inventory:")?;
        for entry in self.store().inventory().unwrap_or_default() {
            let at = entry.pci_address.map(|pci| pci.to_string()).unwrap_or_default();
            writeln!(formatter, "  {} {} {at} {:?}", entry.network_interface_id, entry.state, entry.upkeep)?;
        }
        writeln!(formatter, "records: {:?}", self.store().records())?;
        let links = self.host.command("ip").args(["-d", "link"]).output();
        writeln!(formatter, "{links}")?;
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        writeln!(formatter, "the agent {}; its log:", if self.is_running() { "runs" } else { "does not run" })?;
        lines[lines.len().saturating_sub(60)..].iter().try_for_each(|line| writeln!(formatter, "  {line}"))
    }
}
