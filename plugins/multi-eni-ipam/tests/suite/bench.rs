//! A node of a test's own: settings, store, chain plugins, and a namespace that the test's thread and its children are
//! in.

use node::inventory::Entry;
use node::record::{Owner, Record};
use node::store::{AgentPass, Store};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) const ENI: &str = "eni-0123456789abcdef0";
pub(crate) const MAC: &str = "02:00:00:00:00:01";

pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
}

/// What a call ended with.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) succeeded: bool,
    pub(crate) answer: Value,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn ips(&self) -> Vec<&str> {
        assert!(self.succeeded, "{self:?}");
        self.answer["ips"].as_array().unwrap().iter().map(|ip| ip["address"].as_str().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn done(&self) {
        assert!(self.succeeded && self.answer.is_null(), "{self:?}");
    }

    /// Whether it failed with this code, saying all of these.
    #[track_caller]
    pub(crate) fn failed(&self, code: u64, parts: &[&str]) {
        assert!(!self.succeeded && self.answer["code"] == code, "{self:?}");
        let text = format!("{} {}", self.answer["msg"], self.answer["details"]);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
}

impl Bench {
    /// A node with an inventory of these, on which an agent has finished a pass.
    pub(crate) fn with(entries: &[Entry]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        let state = dir.path().join("state");
        let settings = format!("state_dir = {state:?}\nlog_dir = {:?}\n", dir.path().join("log"));
        fs::write(dir.path().join("node.toml"), settings).unwrap();
        let store = Store::open(&state).unwrap();
        for entry in entries {
            store.write_entry(entry).unwrap();
        }
        store.write_agent_pass(&AgentPass { finished_at: 1 }).unwrap();
        Self { dir, store }
    }

    /// The same in a namespace of its own, with the link `ens6` (also called `data-link`) that has the ENI's MAC.
    pub(crate) fn with_link(entries: &[Entry]) -> Self {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("these tests need root");
        ip(&["link", "add", "ens6", "address", MAC, "type", "veth", "peer", "name", "peer0"]);
        ip(&["link", "property", "add", "dev", "ens6", "altname", "data-link"]);
        Self::with(entries)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn call(&self, verb: &str, container: &str, config: &Value) -> Outcome {
        self.call_with(verb, container, config, "")
    }

    pub(crate) fn call_with(&self, verb: &str, container: &str, config: &Value, args: &str) -> Outcome {
        Self::end(self.start(verb, container, config, args))
    }

    /// A call for the namespace of this path.
    pub(crate) fn call_in(&self, netns: &Path, verb: &str, container: &str, config: &Value) -> Outcome {
        Self::end(self.start_in(netns, verb, container, config, ""))
    }

    /// Starts a call that is ended by [`Self::end`], for a namespace that is gone.
    pub(crate) fn start(&self, verb: &str, container: &str, config: &Value, args: &str) -> Child {
        self.start_in(Path::new("/gone"), verb, container, config, args)
    }

    fn start_in(&self, netns: &Path, verb: &str, container: &str, config: &Value, args: &str) -> Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_multi-eni-ipam"))
            .env_clear()
            .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("CNI_COMMAND", verb), ("CNI_CONTAINERID", container)])
            .envs([("CNI_IFNAME", "net1"), ("CNI_ARGS", args)])
            .env("CNI_NETNS", netns)
            .env("CNI_PATH", self.path("bin"))
            .env("MULTI_ENI_NODE_TOML", self.path("node.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        serde_json::to_writer(child.stdin.take().unwrap(), config).unwrap();
        child
    }

    /// Waits for a call's end.
    pub(crate) fn end(child: Child) -> Outcome {
        let output = child.wait_with_output().unwrap();
        let answer =
            if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() };
        Outcome { succeeded: output.status.success(), answer }
    }

    /// Waits until a call has come to the lock over addresses.
    pub(crate) fn await_lock(&self, child: &mut Child) {
        let (lock, files) = (self.path("state/lock/addresses"), format!("/proc/{}/fd", child.id()));
        let waits = || {
            let mut open = fs::read_dir(&files).unwrap().flatten().filter_map(|file| fs::read_link(file.path()).ok());
            open.any(|path| path == lock)
        };
        while !waits() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended without the lock");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Puts a plugin into `CNI_PATH` that notes its calls and then runs this shell text.
    pub(crate) fn plugin(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        let calls = self.path("calls");
        let text = format!(
            "#!/bin/sh\ncat > {}\necho \"{name} $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME\" >> {}\n{body}\n",
            self.path(&format!("{name}.stdin")).display(),
            calls.display(),
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The calls of the plugins since the last look.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        fs::write(self.path("calls"), "").unwrap();
        text.lines().map(str::to_string).collect()
    }
}

pub(crate) fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
}

pub(crate) fn owner(container: &str) -> Owner {
    Owner { network: "data".to_string(), container_id: container.to_string(), ifname: "net1".to_string() }
}

/// An ENI with a primary IPv4 address, and so many secondary ones: 10.0.3.11 and on.
pub(crate) fn eni(secondary: u8, sharing: &str) -> Entry {
    let addresses: Vec<Value> =
        (10..=10 + secondary).map(|n| json!({"address": format!("10.0.3.{n}"), "primary": n == 10})).collect();
    serde_json::from_value(json!({
        "networkInterfaceId": ENI, "macAddress": MAC,
        "subnet": {"id": "subnet-1", "ipv4Cidr": "10.0.3.0/24"},
        "vpc": {"ipv4Cidrs": ["10.0.0.0/16"]},
        "ipv4Addresses": addresses,
        "pool": {"name": "data-pool", "sharing": sharing, "cooldownSeconds": 3600},
        "deviceIndex": 1, "networkCardIndex": 0, "hostName": "ens6", "state": "ready",
    }))
    .unwrap()
}

/// What `multi-eni` has on record when it runs us.
pub(crate) fn record(container: &str, eni: Option<&str>) -> Record {
    serde_json::from_value(json!({
        "owner": owner(container), "device": {"macAddress": MAC, "networkInterfaceId": eni}, "mode": "netdev",
        "namespace": {"path": "/gone", "identity": {"cookie": 1, "device": 1, "inode": 1}}, "interfaceName": "net1",
        "home": {"name": "ens6", "altnames": [], "mtu": 9001, "macAddress": MAC, "up": false},
        "leftovers": [], "phase": "claimed", "call": {"config": {}, "path": "", "args": ""},
    }))
    .unwrap()
}

/// A configuration of the network `data`.
pub(crate) fn config(plugin: &str, ipam: &Value) -> Value {
    let mut config = json!({"cniVersion": "1.1.0", "name": "data", "type": plugin, "ipam": {"type": "multi-eni-ipam"}});
    if plugin == "ipvlan" {
        config["master"] = json!("ens6");
    }
    for (key, value) in ipam.as_object().unwrap() {
        config["ipam"][key] = value.clone();
    }
    config
}
