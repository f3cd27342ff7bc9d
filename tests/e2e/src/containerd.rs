//! A real container runtime in a node.

mod groups;
mod pod;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

pub use self::pod::{Container, Pod};
use crate::cri::{Cri, PodSandboxConfig, RunPodSandboxRequest, RunPodSandboxResponse, StatusRequest, StatusResponse};
use crate::until::until_within;
use crate::{Host, HostCommand, LIMIT, Running, binaries, cnitool};

/// containerd with a root, a state folder, a socket and CNI folders of its own, all in the node's folder. Its pods end
/// with the node; containerd itself when this is dropped.
pub struct Containerd {
    host: Host,
    folder: PathBuf,
    cni: CniFolders,
    environment: Vec<(String, String)>,
    process: Option<Running>,
    cri: Cri,
}

/// Where a runtime looks for plugins and for its network.
#[derive(Debug, Clone)]
pub struct CniFolders {
    bin: PathBuf,
    conf: PathBuf,
}

impl CniFolders {
    /// Folders of the test's own.
    fn below(folder: &Path) -> Self {
        Self { bin: folder.join("bin"), conf: folder.join("conf") }
    }

    /// Those that every runtime has unless told otherwise, which each node has of its own.
    #[must_use]
    pub fn of_the_node() -> Self {
        Self { bin: "/opt/cni/bin".into(), conf: "/etc/cni/net.d".into() }
    }
}

impl Containerd {
    /// Starts it with one network, whose plugins are Debian's and the given ones, and waits until it can run pods.
    ///
    /// # Panics
    ///
    /// When it does not come up; then with its log.
    #[must_use]
    pub fn start(host: &Host, network: &Value, plugins: &[PathBuf]) -> Self {
        Self::start_with(host, network, plugins, &[])
    }

    /// As [`Containerd::start`], with variables in its environment, which its plugins inherit.
    ///
    /// # Panics
    ///
    /// As [`Containerd::start`].
    #[must_use]
    pub fn start_with(host: &Host, network: &Value, plugins: &[PathBuf], environment: &[(&str, &str)]) -> Self {
        let folders = CniFolders::below(&host.folder().join("containerd/cni"));
        Self::start_at(host, folders, network, plugins, environment)
    }

    /// As [`Containerd::start`], with these folders of CNI, in the node's eyes.
    ///
    /// # Panics
    ///
    /// As [`Containerd::start`].
    #[must_use]
    pub fn start_at(
        host: &Host,
        cni: CniFolders,
        network: &Value,
        plugins: &[PathBuf],
        environment: &[(&str, &str)],
    ) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let environment: Vec<(String, String)> = environment.iter().map(owned).collect();
        let folder = host.folder().join("containerd");
        fs::create_dir_all(&folder).expect("a folder of containerd");
        let (CniFolders { bin, conf }, network, plugins) = (cni.clone(), network.clone(), plugins.to_vec());
        host.run(move || cnitool::lay_out(&bin, &conf, &network, &plugins));
        fs::write(folder.join("config.toml"), configuration(&folder, &cni)).expect("containerd's configuration");
        let mut process = spawn(host, &folder, &environment);
        let cri = connect(&mut process, &folder);
        let containerd = Self { host: host.clone(), folder, cni, environment, process: Some(process), cri };
        containerd.import(&binaries::image_archive(), binaries::IMAGE);
        containerd
    }

    /// Has it run other pods than those that run in this network, whose plugins are there.
    ///
    /// # Panics
    ///
    /// When it does not take it.
    pub fn set_network(&self, network: &Value) {
        let (path, text) = (self.cni.conf.join(cnitool::NETWORK), network.to_string());
        self.host.run(move || {
            // It reads the folder at each change there, and half a file is none.
            let draft = path.with_extension("draft");
            fs::write(&draft, text).expect("the network's configuration");
            fs::rename(draft, path).expect("the network's configuration in its folder");
        });
        let taken = || self.information().contains_key("cniconfig") && self.networks().contains(network);
        until_within(LIMIT, taken, || format!("containerd takes {network}: {:?}", self.networks()));
    }

    /// The networks that it knows, as their configurations say them.
    fn networks(&self) -> Vec<Value> {
        let config: Value =
            self.information().get("cniconfig").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let networks = config["Networks"].as_array().cloned().unwrap_or_default();
        networks.iter().filter_map(|one| serde_json::from_str(one["Config"]["Source"].as_str()?).ok()).collect()
    }

    fn information(&self) -> HashMap<String, String> {
        let answer: StatusResponse =
            self.cri.call("Status", StatusRequest { verbose: true }).expect("the runtime's status");
        answer.info
    }

    /// Runs a pod: a sandbox with the network, and no container yet.
    ///
    /// # Errors
    ///
    /// What containerd says, with the plugin's error in its text.
    pub fn run_pod(&self, name: &str) -> Result<Pod<'_>, tonic::Status> {
        self.run(pod::sandbox(name))
    }

    /// Runs a pod of any configuration; [`Pod::config`] has one to start from.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn run(&self, config: PodSandboxConfig) -> Result<Pod<'_>, tonic::Status> {
        let request = RunPodSandboxRequest { config: Some(config.clone()), runtime_handler: String::new() };
        let answer: RunPodSandboxResponse = self.cri.call("RunPodSandbox", request)?;
        Ok(Pod::new(self, answer.pod_sandbox_id, config))
    }

    /// Its CRI, for any other call.
    #[must_use]
    pub fn cri(&self) -> &Cri {
        &self.cri
    }

    /// Kills the first process of a container, as the kernel does when memory is short.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&self, container: &str) {
        let ctr = self.host.command("ctr").arg("--address").arg(socket(&self.folder));
        ctr.args(["--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container]).run();
    }

    /// The conditions that it reports to the kubelet, with what is wrong about each that is not met.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    #[must_use]
    pub fn unmet_conditions(&self) -> Vec<String> {
        let answer: StatusResponse =
            self.cri.call("Status", StatusRequest { verbose: false }).expect("the runtime's status");
        let conditions = answer.status.unwrap_or_default().conditions.into_iter();
        conditions.filter(|one| !one.status).map(|one| format!("{}: {}", one.r#type, one.message)).collect()
    }

    /// Ends it and starts it again. Its pods go on meanwhile.
    ///
    /// # Panics
    ///
    /// When it does not come up again.
    pub fn restart(&mut self) {
        self.stop();
        let mut process = spawn(&self.host, &self.folder, &self.environment);
        self.cri = connect(&mut process, &self.folder);
        self.process = Some(process);
    }

    /// Where it serves the CRI.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        read_log(&self.folder)
    }

    /// Gives it an image, which an archive has under this name.
    ///
    /// # Panics
    ///
    /// When it does not take it.
    pub fn import(&self, archive: &Path, name: &str) {
        let ctr = self.host.command("ctr").arg("--address").arg(socket(&self.folder));
        let import = ctr.args(["--namespace", "k8s.io", "images", "import", "--snapshotter", SNAPSHOTTER]);
        import.arg(archive).run();
        // The CRI part of containerd learns of it by an event.
        let has_image = || self.cri.has_image(name).expect("the runtime's images");
        until_within(LIMIT, has_image, || format!("containerd knows the image {name}:\n{}", self.log()));
    }

    /// The ids of those that run.
    fn containers(&self) -> BTreeSet<OsString> {
        let folder = self.folder.join("state/io.containerd.runtime.v2.task/k8s.io");
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take().filter(|_| !thread::panicking()) {
            process.signal(Signal::SIGTERM);
            process.end();
        }
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.stop();
        groups::remove(&self.containers());
    }
}

impl fmt::Debug for Containerd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "containerd in {}", self.folder.display())
    }
}

/// It works on every file system, and the one image is small.
const SNAPSHOTTER: &str = "native";

fn configuration(folder: &Path, CniFolders { bin, conf }: &CniFolders) -> String {
    let [socket, root, state, opt] = [socket(folder), folder.join("root"), folder.join("state"), folder.join("opt")]
        .map(|path| path.display().to_string());
    let [bin, conf] = [bin, conf].map(|path| path.display().to_string());
    let image = binaries::IMAGE;
    // Without CAP_SYS_RESOURCE, as in many CI machines, no process may make itself less likely to be killed than its
    // parent, and every sandbox would fail of that. Control groups belong to the machine and not to the node.
    format!(
        r#"version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [
    "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.overlayfs", "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{opt}"
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
disable_cgroup = true
sandbox_image = "{image}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{SNAPSHOTTER}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{bin}"
conf_dir = "{conf}"
"#
    )
}

fn spawn(host: &Host, folder: &Path, environment: &[(String, String)]) -> Running {
    let script = r#"exec "$0" --config "$1/config.toml" >>"$1/log" 2>&1"#;
    let set = |command: HostCommand, (name, value): &(String, String)| command.env(name, value);
    let shell = environment.iter().fold(host.command("sh"), set);
    shell.args(["-c", script]).arg(binaries::containerd()).arg(folder).limit(Duration::from_secs(3600)).spawn()
}

fn connect(process: &mut Running, folder: &Path) -> Cri {
    let mut cri = None;
    let mut is_up = || {
        // It opens its socket once it serves the CRI; a socket of a former run refuses until then.
        cri = Cri::connect(&socket(folder)).ok().filter(|cri| cri.has_image(binaries::IMAGE).is_ok());
        assert!(cri.is_some() || process.is_running(), "containerd has ended:\n{}", read_log(folder));
        cri.is_some()
    };
    until_within(LIMIT, &mut is_up, || format!("containerd comes up:\n{}", read_log(folder)));
    cri.expect("a connection to containerd")
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("containerd.sock")
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
