//! The agent's part of the node's settings, the table `[agent]`.

use super::value::{self, ClusterIdError};
use log::LevelFilter;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Who attaches an ENI when a pod finds its pool empty: the key `attach`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attach {
    /// The agent that runs on the node, asked over its socket.
    #[default]
    Agent,
    /// The agent's program, run for one pass.
    Once,
    /// Nobody: a pod waits until a pool has an ENI.
    Never,
}

/// What all nodes of one cluster have in common and nodes of no other cluster: the key `cluster_id`. 8 to 128 letters,
/// digits and `-`, so that it is a legal value of an EC2 tag and hardly a name that somebody else chose, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ClusterId(String);

impl ClusterId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClusterId {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, ClusterIdError> {
        let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if legal && (8..=128).contains(&text.len()) { Ok(Self(text.to_string())) } else { Err(ClusterIdError) }
    }
}

impl TryFrom<String> for ClusterId {
    type Error = ClusterIdError;

    fn try_from(text: String) -> Result<Self, ClusterIdError> {
        text.parse()
    }
}

/// Where the NodeENI manifests are: the key `manifests`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manifests {
    /// In a folder of the node.
    #[default]
    Folder,
    /// With the API server, which also has the node's labels.
    Kubernetes,
}

/// How the agent's log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object on each line.
    Json,
}

/// The agent's settings. Every key has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agent {
    /// This node's name, if neither [`NODE_NAME`] nor the kernel's host name is it; see [`Agent::node_name`].
    #[serde(deserialize_with = "value::node_name")]
    pub node_name: Option<String>,
    /// What stands in for the labels of the Kubernetes node: the pools' `nodeSelector` looks at them.
    #[serde(deserialize_with = "value::labels")]
    pub labels: BTreeMap<String, String>,
    /// Where the NodeENI manifests are.
    pub manifests: Manifests,
    /// The folder of the NodeENI manifests.
    #[serde(deserialize_with = "value::absolute")]
    pub pools_dir: PathBuf,
    /// Where `/metrics`, `/healthz` and `/readyz` are served; nothing if nowhere.
    #[serde(deserialize_with = "value::listen")]
    pub listen: Option<SocketAddr>,
    /// EC2's endpoint, if it is not the region's.
    #[serde(deserialize_with = "value::endpoint")]
    pub ec2_endpoint: Option<String>,
    /// The instance metadata service's endpoint, if it is not the link-local one.
    #[serde(deserialize_with = "value::endpoint")]
    pub imds_endpoint: Option<String>,
    /// The region, if it is not to be asked of the instance metadata.
    #[serde(deserialize_with = "value::region")]
    pub region: Option<String>,
    /// How often everything is looked at though nothing happened, in seconds; each time moved at random by the agent.
    #[serde(deserialize_with = "value::seconds::<1, _>")]
    pub resync_seconds: u64,
    /// How often EC2 is asked for the node's ENIs though nothing happened, in seconds.
    #[serde(deserialize_with = "value::seconds::<600, _>")]
    pub describe_seconds: u64,
    /// How long the namespace of an attachment has to be gone before its ENI is released, in seconds.
    #[serde(deserialize_with = "value::seconds::<1, _>")]
    pub release_grace_seconds: u64,
    /// How long lies between the two looks at an unattached ENI of ours before it is deleted, in seconds.
    #[serde(deserialize_with = "value::seconds::<1, _>")]
    pub orphan_grace_seconds: u64,
    /// How many ENIs all pools together may have on this node; nothing if only the instance type limits them.
    pub max_enis: Option<NonZeroU32>,
    /// How many of the instance's interfaces are left to others, amazon-vpc-cni for one.
    pub reserved_enis: u32,
    /// Whether ENIs that the original controller made for a pool of this node become the project's. Only where that controller
    /// is not at work any more.
    pub adopt_original: bool,
    /// Calls to EC2 that only read, per second in the long run.
    pub reads_per_second: NonZeroU32,
    /// Calls to EC2 that change something, per second in the long run.
    pub writes_per_second: NonZeroU32,
    /// The domain of a pool's resource that is named without one.
    #[serde(deserialize_with = "value::domain")]
    pub resource_prefix: String,
    /// The folder of the documents about devices that the kubelet gives out (Device Information Specification 1.1.0).
    #[serde(deserialize_with = "value::absolute")]
    pub device_plugin_info_dir: PathBuf,
    /// The host's `/proc`; elsewhere in a container.
    #[serde(deserialize_with = "value::absolute")]
    pub proc_dir: PathBuf,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The least grave level that is logged.
    #[serde(deserialize_with = "value::level")]
    pub log_level: LevelFilter,
}

/// The environment variable by which a pod is told its Node's name (Kubernetes, "Expose Pod Information to Containers Through
/// Environment Variables").
pub const NODE_NAME: &str = "NODE_NAME";

/// One bucket of requests per account and region is what all its nodes share: EC2 fills that of reads by 20 per second and that
/// of most writes by 5 (EC2 API reference, "Request throttling").
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

impl Default for Agent {
    fn default() -> Self {
        Self {
            node_name: None,
            labels: BTreeMap::new(),
            manifests: Manifests::default(),
            pools_dir: "/etc/multi-eni/pools".into(),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 61680))),
            ec2_endpoint: None,
            imds_endpoint: None,
            region: None,
            resync_seconds: 300,
            describe_seconds: 600,
            release_grace_seconds: 30,
            orphan_grace_seconds: 300,
            max_enis: None,
            reserved_enis: 0,
            adopt_original: false,
            reads_per_second: PER_SECOND,
            writes_per_second: PER_SECOND,
            resource_prefix: "intel.com".into(),
            device_plugin_info_dir: "/var/run/k8s.cni.cncf.io/devinfo/dp".into(),
            proc_dir: "/proc".into(),
            log_format: LogFormat::Text,
            log_level: LevelFilter::Info,
        }
    }
}

impl Agent {
    /// This node's name: the setting, else what the environment says ([`NODE_NAME`]), else the kernel's host name in lower case,
    /// as the kubelet does it.
    ///
    /// # Errors
    /// The kernel's word on `/proc/sys/kernel/hostname`.
    pub fn node_name(&self) -> std::io::Result<String> {
        self.node_name_beside(std::env::var(NODE_NAME).ok())
    }

    fn node_name_beside(&self, of_environment: Option<String>) -> std::io::Result<String> {
        match self.node_name.clone().or(of_environment.filter(|name| !name.is_empty())) {
            Some(name) => Ok(name),
            None => Ok(std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_lowercase()),
        }
    }

    /// [`Self::resync_seconds`].
    pub fn resync(&self) -> Duration {
        Duration::from_secs(self.resync_seconds)
    }

    /// [`Self::describe_seconds`].
    pub fn describe(&self) -> Duration {
        Duration::from_secs(self.describe_seconds)
    }

    /// [`Self::release_grace_seconds`].
    pub fn release_grace(&self) -> Duration {
        Duration::from_secs(self.release_grace_seconds)
    }

    /// [`Self::orphan_grace_seconds`].
    pub fn orphan_grace(&self) -> Duration {
        Duration::from_secs(self.orphan_grace_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_name_is_the_settings_then_the_environments_then_the_kernels() {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_lowercase();
        let mut agent = Agent::default();
        assert_eq!(agent.node_name_beside(None).unwrap(), host);
        assert_eq!(agent.node_name_beside(Some(String::new())).unwrap(), host);
        assert_eq!(agent.node_name_beside(Some("node-1".into())).unwrap(), "node-1");
        agent.node_name = Some("node-2".into());
        assert_eq!(agent.node_name_beside(Some("node-1".into())).unwrap(), "node-2");
    }
}
