//! The project in a cluster as an administrator installs it: an image on the node, and one folder that is applied.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::daemon::folder;
use super::{Cluster, NODE, kubeconfig};
use crate::containerd::CniFolders;
use crate::{Cloud, Containerd, HostCommand, binaries, cases};

/// Where it is.
pub const NAMESPACE: &str = "multi-eni-system";
/// The DaemonSet and the ServiceAccount of the nodes' agents.
pub const NODE_AGENT: &str = "multi-eni-agent";
/// The Deployment, the ServiceAccount and the Lease of the cluster's agent.
pub const CLUSTER_AGENT: &str = "multi-eni-cluster-agent";

/// As the manifests of `install/` name it, without what a registry would be.
const IMAGE: &str = concat!("multi-eni-cni:", env!("CARGO_PKG_VERSION"));

/// What is applied: `install/base` with what a simulated region needs besides.
const OVERLAY: &str = "tests/cluster/overlay";

impl Cluster {
    /// Starts a cluster whose pods have a network that is none of ours, and where nothing of the project is yet.
    ///
    /// # Panics
    ///
    /// When something does not come up; then with its log.
    #[must_use]
    pub fn without_us() -> Self {
        let cloud = Cloud::builder().named(NODE).for_an_installation().build();
        let host = &cloud.host;
        let records = host.state_dir();
        fs::create_dir_all(&records).expect("a folder of the node's records");
        // Where an installation has them is where the tests look.
        host.command("mkdir").arg("/run/multi-eni").run();
        host.command("mount").arg("--bind").arg(records).arg("/run/multi-eni").run();
        // Whatever runtime the machine has is not the node's.
        host.sh("rm -rf /opt/cni /etc/cni");
        let containerd = Containerd::start_at(host, CniFolders::of_the_node(), &primary_network(&[]), &[], &[]);
        Self::around(cloud, containerd)
    }

    /// Installs the project, and waits until all of it is ready.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn install(&self) {
        self.containerd.import(&binaries::image(), IMAGE);
        let system = self.get("/api/v1/namespaces/kube-system").expect("the namespace kube-system");
        self.cloud.join(system["metadata"]["uid"].as_str().expect("a UID"));
        self.kubectl_of_today(&["apply", "-k", OVERLAY]);
        self.until_installed();
    }

    /// Waits until every agent is ready, and of the manifests that were applied last.
    ///
    /// # Panics
    ///
    /// When it does not come to be so.
    #[track_caller]
    pub fn until_installed(&self) {
        let is_of_now = |status: &Value, whole: &Value| status["observedGeneration"] == whole["metadata"]["generation"];
        self.until("the nodes' agent is ready", &daemon_set(), |set| {
            set.is_some_and(|set| {
                let status = &set["status"];
                is_of_now(status, set) && status["numberReady"] == 1 && status["updatedNumberScheduled"] == 1
            })
        });
        self.until("the cluster's agents are ready", &deployment(), |deployment| {
            deployment.is_some_and(|deployment| {
                let status = &deployment["status"];
                is_of_now(status, deployment) && status["readyReplicas"] == 2 && status["updatedReplicas"] == 2
            })
        });
    }

    /// Takes away what was installed, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it does not go.
    pub fn uninstall(&self) {
        self.kubectl_of_today(&["delete", "-k", OVERLAY]);
    }

    /// Gives the pods that start from now on an ENI beside their primary network, by this configuration of `multi-eni`.
    pub fn set_second_network(&self, multi_eni: &Value) {
        self.containerd.set_network(&primary_network(std::slice::from_ref(multi_eni)));
    }

    /// Runs a `kubectl` that is not as old as the cluster's.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn kubectl_of_today(&self, arguments: &[&str]) -> String {
        self.admin(binaries::kubectl_of_today()).args(arguments).current_dir(cases::tree()).run()
    }

    pub(super) fn admin(&self, kubectl: PathBuf) -> HostCommand {
        let host = &self.cloud.host;
        host.command(kubectl).env("KUBECONFIG", kubeconfig(host)).env("HOME", folder(host, "admin"))
    }

    /// The pods of the nodes' agent or of the cluster's.
    ///
    /// # Panics
    ///
    /// When the API server does not answer.
    #[must_use]
    pub fn pods_of(&self, agent: &str) -> Vec<Value> {
        let selector = format!("labelSelector=app.kubernetes.io/name%3D{agent}");
        let list = self.get(&format!("/api/v1/namespaces/{NAMESPACE}/pods?{selector}")).unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// What the agents of the installation say and what the API has of theirs, for a test that fails.
    pub(super) fn fmt_installed(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: [&[&str]; 4] = [
            &["get", "nodeenis,eninodes", "--output=yaml"],
            &["get", "events", "--all-namespaces"],
            &[
                "logs",
                "--namespace",
                NAMESPACE,
                "--selector",
                "app.kubernetes.io/part-of=multi-eni-cni",
                "--tail=60",
                "--prefix",
                "--all-containers",
            ],
            &["get", "pods", "--namespace", NAMESPACE, "--output=wide"],
        ];
        for arguments in shown {
            writeln!(formatter, "{}", self.admin(binaries::kubectl()).args(arguments).output())?;
        }
        Ok(())
    }
}

/// What connects every pod, and what is chained behind it.
fn primary_network(chained: &[Value]) -> Value {
    let ipam = json!({"type": "host-local", "subnet": "10.244.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]});
    let plugins: Vec<Value> =
        [json!({"type": "ptp", "ipam": ipam})].into_iter().chain(chained.iter().cloned()).collect();
    json!({"cniVersion": "1.0.0", "name": "primary", "plugins": plugins})
}

fn daemon_set() -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{NODE_AGENT}")
}

fn deployment() -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{CLUSTER_AGENT}")
}
