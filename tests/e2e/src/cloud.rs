//! A node that the agent keeps: a [`Host`] in a simulated region whose API and metadata service it reaches over loopback,
//! its settings and manifests, and the agent's own program, which a test starts, kills and asks.

mod asked;
mod build;
mod confined;
mod console;
mod pci;
mod process;
mod region;
mod seen;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ec2sim::{Ec2, Fabric, Imds, Instance, SecurityGroup, Server, Subnet, Vpc};
use node::store::Store;
use serde_json::{Value, json};

pub use build::{CloudBuilder, brisk};
pub use console::Console;
pub use seen::Page;

use self::build::installed_policy;
use crate::lab::invocation;
use crate::until::until_within;
use crate::{Host, Invocation, LIMIT, PodNetns, Running, binaries};

/// The access key of the agent.
pub const AGENT: &str = "AKIAIOSFODNN7NODE001";
/// Its secret key, which nothing may show.
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLENOD";
/// Its session token, which nothing may show.
pub const TOKEN: &str = "FwoGZXIvYXdzEXAMPLETOKENwithManyCharacters0123456789";
/// The access key of the cluster's agent.
pub const CLUSTER_AGENT: &str = "AKIAIOSFODNN7CLUSTER";
/// The cluster of every node that has not joined another one.
pub const CLUSTER: &str = "3f1c2d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f";
/// The tag of the project's ENIs.
pub const CLUSTER_TAG: &str = "multi-eni.networking.k8s.aws/cluster";

/// A node with an agent. What it is made of goes in the order of its fields: the agent first.
pub struct Cloud {
    agent: RefCell<Option<Running>>,
    server: RefCell<Option<Server>>,
    imds: RefCell<Option<Imds>>,
    /// The API of the region.
    pub ec2: Ec2,
    /// The node, in EC2's eyes.
    pub instance: Instance,
    /// Its VPC, 10.0.0.0/16 and 2001:db8::/56.
    pub vpc: Vpc,
    /// Where pools have their ENIs unless said otherwise: 10.0.1.0/24 and 2001:db8:0:1::/64.
    pub subnet: Subnet,
    /// The security group of every pool, unless said otherwise.
    pub group: SecurityGroup,
    /// The region.
    pub fabric: Fabric,
    /// The node.
    pub host: Host,
    name: String,
    cluster: RefCell<String>,
    pools: PathBuf,
}

impl Cloud {
    /// A node as any, of a type that takes 8 interfaces of 30 addresses, with the agent's installed policy in force.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A node that is to be made.
    pub fn builder() -> CloudBuilder {
        CloudBuilder::default()
    }

    /// Where the node's records are.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.host.state_dir()
    }

    /// The node's settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.host.settings()
    }

    /// Where the kubelet's folders of pods would be.
    #[must_use]
    pub fn kubelet_dir(&self) -> PathBuf {
        self.host.kubelet_dir()
    }

    /// The node's records.
    #[must_use]
    pub fn store(&self) -> Store {
        self.host.store()
    }

    /// The manifest of a pool: this subnet and security group, every node, and what `spec` says besides or instead.
    #[must_use]
    pub fn node_eni(&self, name: &str, spec: &Value) -> Value {
        let mut whole = json!({
            "nodeSelector": {}, "subnetID": self.subnet.id(), "securityGroupIDs": [self.group.id],
        });
        if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
            whole.extend(spec.clone());
            // A field that is null is none.
            whole.retain(|_, value| !value.is_null());
        }
        json!({
            "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI", "metadata": {"name": name}, "spec": whole,
        })
    }

    /// Writes that manifest into the node's folder of them.
    pub fn declare(&self, name: &str, spec: &Value) {
        let manifest = self.node_eni(name, spec);
        let draft = self.host.folder().join(format!("{name}.draft"));
        std::fs::write(&draft, manifest.to_string()).expect("a manifest");
        std::fs::rename(draft, self.manifest(name)).expect("a manifest in its folder");
    }

    /// The cluster whose ENIs are the project's.
    #[must_use]
    pub fn cluster_id(&self) -> String {
        self.cluster.borrow().clone()
    }

    /// Has the node be one of this cluster: its ENIs are the project's, and the agents' policies are for them.
    pub fn join(&self, cluster_id: &str) {
        cluster_id.clone_into(&mut self.cluster.borrow_mut());
        self.ec2.set_policy_of(AGENT, &installed_policy("node-agent", cluster_id));
        self.ec2.set_policy_of(CLUSTER_AGENT, &installed_policy("cluster-agent", cluster_id));
    }

    /// Takes the manifest of a pool away.
    pub fn withdraw(&self, name: &str) {
        std::fs::remove_file(self.manifest(name)).expect("a manifest");
    }

    /// Where the manifest of a pool is.
    #[must_use]
    pub fn manifest(&self, name: &str) -> PathBuf {
        self.pools.join(format!("{name}.json"))
    }

    /// An ADD of `multi-eni` for an ENI of this pool, with the addresses that EC2 gave it. Its environment has no
    /// credentials.
    #[must_use]
    pub fn add(&self, pod: &PodNetns, container: &str, pool: &str) -> Invocation {
        self.call(pod, container, &json!({"pool": pool, "ipam": {"type": "multi-eni-ipam"}}))
    }

    /// A call of `multi-eni` with this configuration; `cniVersion`, `name` and `type` are there.
    #[must_use]
    pub fn call(&self, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        self.call_of(&binaries::multi_eni(), pod, container, config)
    }

    /// As [`Cloud::call`], of another build of the plugin.
    #[must_use]
    pub fn call_of(&self, binary: &Path, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        invocation(binary, &self.settings(), pod, container, config)
    }

    /// Waits until this holds.
    ///
    /// # Panics
    ///
    /// With all that is known of the node, when it does not come to hold.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl FnMut(&Self) -> bool) {
        self.until_within(LIMIT, what, holds);
    }

    /// As [`Cloud::until`], with another limit.
    ///
    /// # Panics
    ///
    /// As [`Cloud::until`].
    #[track_caller]
    pub fn until_within(&self, limit: Duration, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        until_within(limit, || holds(self), || format!("{what}\n{self}"));
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a node in {}", self.host.folder().display())
    }
}
