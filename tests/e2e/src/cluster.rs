//! A node as Kubernetes runs it: Debian's etcd, API server, controllers, scheduler and kubelet around containerd and our
//! plugins, all of them in the namespaces of one [`Cloud`], so that they end with the test and two clusters side by side
//! share nothing.
//!
//! ```no_run
//! use e2e::{Cloud, Cluster, cluster};
//! use serde_json::json;
//!
//! let cloud = Cloud::builder().named(cluster::NODE).build();
//! cloud.declare("data", &json!({"min": 1}));
//! cloud.start();
//! let network = json!({"cniVersion": "1.0.0", "name": "vpc", "plugins": [{"type": "multi-eni", "pool": "data"}]});
//! let cluster = Cluster::start(cloud, &network);
//! cluster.apply(&cluster::pod("one", &json!({})));
//! cluster.until("the pod runs", &cluster::pod_path("one"), |pod| cluster::is_ready(pod));
//! ```

mod control_plane;
mod daemon;
mod installation;
mod kubelet;
mod manifests;
mod other_node;
mod watch;

use std::fmt;
use std::io::{Write, stderr};
use std::path::Path;
use std::thread;

use serde_json::Value;

pub use self::installation::{CLUSTER_AGENT, NAMESPACE, NODE_AGENT};
pub use self::manifests::{
    NODE, condition, eni_node_path, is_ready, node_eni_path, node_path, pod, pod_path, status_of,
};
pub use self::other_node::OtherNode;

use self::control_plane::{ControlPlane, kubeconfig};
use self::daemon::Daemon;
use self::watch::Api;
use crate::{Cloud, Containerd, binaries};

/// A cluster of one node. What it is made of ends in the order of its fields: the kubelet first.
pub struct Cluster {
    kubelet: Daemon,
    api: Api,
    control_plane: ControlPlane,
    /// What runs the pods.
    pub containerd: Containerd,
    /// The node, its agent and its region.
    pub cloud: Cloud,
}

impl Cluster {
    /// Starts it on this node, with one network for all pods, and waits until the node is ready.
    ///
    /// # Panics
    ///
    /// When something does not come up; then with its log.
    #[must_use]
    pub fn start(cloud: Cloud, network: &Value) -> Self {
        let host = &cloud.host;
        let settings = cloud.settings().display().to_string();
        let plugins = [binaries::multi_eni(), binaries::multi_eni_ipam(), binaries::deviceid_from_kubelet()];
        let containerd = Containerd::start_with(host, network, &plugins, &[("MULTI_ENI_NODE_TOML", &settings)]);
        Self::around(cloud, containerd)
    }

    /// Starts what keeps this node's pods.
    fn around(cloud: Cloud, containerd: Containerd) -> Self {
        let host = &cloud.host;
        let control_plane = ControlPlane::start(host);
        let api = Api::start(host);
        let kubelet = kubelet::start(host, NODE, &containerd.socket());
        let cluster = Self { kubelet, api, control_plane, containerd, cloud };
        cluster.until("the node is ready", &node_path(), is_ready);
        // Without it no pod is admitted.
        cluster.until("pods have an account", "/api/v1/namespaces/default/serviceaccounts/default", |account| {
            account.is_some_and(|account| account["secrets"].is_array())
        });
        cluster
    }

    /// Runs `kubectl` as a user does, and gives what it printed.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, Vec::new())
    }

    /// `kubectl apply` of this manifest.
    ///
    /// # Panics
    ///
    /// When the API server refuses it.
    pub fn apply(&self, manifest: &Value) {
        self.apply_text(&manifest.to_string());
    }

    /// `kubectl apply` of these manifests, in YAML or JSON.
    ///
    /// # Panics
    ///
    /// When the API server refuses one.
    pub fn apply_text(&self, manifests: &str) {
        self.kubectl_with(&["apply", "--filename=-"], manifests);
    }

    /// `kubectl delete` of a pod, which is over when nothing of it is left.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn delete_pod(&self, name: &str) {
        self.kubectl(&["delete", "pod", name, "--wait=false"]);
        self.until(&format!("pod {name} is gone"), &pod_path(name), |pod| pod.is_none());
    }

    fn kubectl_with(&self, arguments: &[&str], stdin: impl Into<Vec<u8>>) -> String {
        self.admin(binaries::kubectl()).args(arguments).stdin(stdin).run()
    }

    /// An object of the API, by its path; nothing where there is none.
    ///
    /// # Panics
    ///
    /// When the API server does not answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Value> {
        self.api.get(path)
    }

    /// Where `kubectl proxy` listens, for a test that speaks HTTP by itself.
    #[must_use]
    pub fn api_socket(&self) -> &Path {
        &self.api.socket
    }

    /// Waits until an object of the API, nothing where there is none, is so, and gives it. The API server tells of each
    /// change.
    ///
    /// # Panics
    ///
    /// With the object as it was last, when it does not come to be so.
    #[track_caller]
    pub fn until(&self, what: &str, path: &str, holds: impl FnMut(Option<&Value>) -> bool) -> Option<Value> {
        self.api.until(path, holds).unwrap_or_else(|seen| {
            let seen = seen.map(|seen| format!("{seen:#}")).unwrap_or_default();
            panic!("it was not so in time that {what}; {path} is {seen}")
        })
    }

    /// Waits until an event about an object of namespace `default` has this in its message, and gives the message.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    #[track_caller]
    pub fn until_event(&self, about: &str, text: &str) -> String {
        let path = format!("/api/v1/namespaces/default/events?watch=true&fieldSelector=involvedObject.name%3D{about}");
        let message = self.api.first(&path, |event| {
            event["object"]["message"].as_str().filter(|message| message.contains(text)).map(Into::into)
        });
        message.unwrap_or_else(|| panic!("no event about {about} has {text:?} in time"))
    }

    /// Kills the API server.
    pub fn stop_api_server(&mut self) {
        self.control_plane.stop_api_server();
    }

    /// Starts the API server again, and waits until it serves.
    pub fn start_api_server(&mut self) {
        self.control_plane.start_api_server(&self.cloud.host);
    }

    /// Kills the kubelet, and starts it again.
    pub fn restart_kubelet(&mut self) {
        self.kubelet.restart();
    }

    /// What the kubelet logged.
    #[must_use]
    pub fn kubelet_log(&self) -> String {
        self.kubelet.log()
    }
}

impl Drop for Cluster {
    /// A test that fails shows what everybody said.
    fn drop(&mut self) {
        if thread::panicking() {
            stderr().write_all(self.to_string().as_bytes()).ok();
        }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_installed(formatter)?;
        let daemons = self.control_plane.daemons().into_iter().chain([&self.api.proxy, &self.kubelet]);
        for daemon in daemons {
            formatter.write_str(&daemon.last_lines())?;
        }
        writeln!(formatter, "the log of containerd:\n{}", self.containerd.log())?;
        self.cloud.fmt(formatter)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a cluster of {:?}", self.cloud)
    }
}
