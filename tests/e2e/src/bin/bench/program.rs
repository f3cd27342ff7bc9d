//! Plugins, from their start to their end, with nothing between the clock and them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::binaries;
use serde_json::{Value, json};

use crate::site::{self, GATEWAY, MTU, POD_NAME, Site, VPC};

/// A plugin with the configuration and the environment of one attachment.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    /// `multi-eni` with `multi-eni-ipam`, for an ENI counted from 0.
    pub(crate) fn ours(site: &Site, index: usize) -> Self {
        let path = binaries::multi_eni();
        let config = json!({
            "cniVersion": "1.0.0", "name": "bench", "type": "multi-eni", "device": site::host_name(index), "mtu": MTU,
            "ipam": {"type": "multi-eni-ipam", "families": ["ipv4"]},
        });
        Self::new(site, index, "ours", path, &config)
    }

    /// Debian's `host-device` with `host-local`, the same link and the same address.
    pub(crate) fn host_device(site: &Site, index: usize) -> Self {
        let address = site::address(index);
        let ip = address.split('/').next().expect("an address");
        let range = json!({"subnet": "10.0.1.0/24", "gateway": GATEWAY, "rangeStart": ip, "rangeEnd": ip});
        let config = json!({
            "cniVersion": "1.0.0", "name": "reference", "type": "host-device", "device": site::host_name(index),
            "ipam": {"type": "host-local", "dataDir": "/run/host-local", "ranges": [[range]], "routes": [{"dst": VPC}]},
        });
        Self::new(site, index, "host-device", binaries::reference("host-device"), &config)
    }

    fn new(site: &Site, index: usize, name: &str, path: PathBuf, config: &Value) -> Self {
        let file = site.lab.host.folder().join(format!("{name}-{index}.json"));
        fs::write(&file, config.to_string()).expect("a configuration");
        let ipam = binaries::multi_eni_ipam();
        let folder = ipam.parent().expect("a folder of the IPAM plugin").display().to_string();
        let environment = vec![
            ("CNI_CONTAINERID", format!("bench{index}")),
            ("CNI_IFNAME", POD_NAME.to_string()),
            ("CNI_NETNS", site.pods[index].path().display().to_string()),
            ("CNI_PATH", format!("{folder}:{}", binaries::REFERENCE_PLUGINS)),
            ("MULTI_ENI_NODE_TOML", site.settings().display().to_string()),
        ];
        Self { path, config: file, environment }
    }

    /// The command of a verb, with its answer in pipes that hold all of it.
    pub(crate) fn command(&self, verb: &str) -> Command {
        self.command_by(&self.path, verb)
    }

    /// As [`Program::command`], started by another program, whose first argument it is.
    pub(crate) fn command_by(&self, starter: &Path, verb: &str) -> Command {
        let mut command = Command::new(starter);
        if starter != self.path {
            command.arg(&self.path);
        }
        let stdin = File::open(&self.config).expect("a configuration");
        command.env_clear().envs(self.environment.iter().cloned()).env("CNI_COMMAND", verb);
        command.current_dir("/").stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command) -> Child {
    let mut child = command.spawn().expect("a plugin's start");
    child.wait().expect("a plugin's end");
    child
}

/// What it answered, which has to be a success. Not within what is measured.
pub(crate) fn answer(mut child: Child) -> String {
    let status = child.wait().expect("a plugin's end");
    let [mut stdout, mut stderr] = [String::new(), String::new()];
    child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("its stdout");
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("its stderr");
    assert!(status.success(), "{status}: {stdout}{stderr}");
    stdout
}
