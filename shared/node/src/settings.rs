//! The node's own settings, `/etc/multi-eni/node.toml`: root's file, which no network configuration can widen.

use crate::device::Device;
use crate::inventory::Entry;
use crate::names::{MacAddr, PciAddr};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

mod agent;
mod cluster;
mod hint;
pub mod label;
pub mod near;
mod newer;
mod value;

pub use agent::{Agent, Attach, ClusterId, LogFormat, Manifests, NODE_NAME};
pub use cluster::Cluster;
pub use value::ClusterIdError;

/// Where the settings are, unless [`PATH_VARIABLE`] names another file.
pub const DEFAULT_PATH: &str = "/etc/multi-eni/node.toml";
/// The environment variable that names another file. A plugin's environment is its runtime's, so root's too.
pub const PATH_VARIABLE: &str = "MULTI_ENI_NODE_TOML";

/// Why the settings could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("cannot read the node's settings {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its content.
    #[error("the node's settings {} are not right", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why, with the line.
        #[source]
        source: toml::de::Error,
    },
}

/// The settings. Every key has a default, and a missing file is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The project's records, on a file system that a reboot empties.
    pub state_dir: PathBuf,
    /// The folder of every `logFile`.
    pub log_dir: PathBuf,
    /// The kubelet's folder; a pod whose folder is below it is alive.
    pub kubelet_dir: PathBuf,
    /// The folder of every `CNIDeviceInfoFile`.
    pub device_info_dir: PathBuf,
    /// The kernel's devices.
    #[serde(deserialize_with = "value::absolute")]
    pub sysfs_dir: PathBuf,
    /// Their nodes.
    #[serde(deserialize_with = "value::absolute")]
    pub dev_dir: PathBuf,
    /// Whether a device may be handed to user space without an IOMMU, which lets that read and write all memory.
    pub allow_no_iommu: bool,
    /// Who attaches an ENI when a pod finds its pool empty.
    pub attach: Attach,
    /// The agent's program, for `attach = "once"`.
    #[serde(deserialize_with = "value::absolute")]
    pub agent_program: PathBuf,
    /// The cluster that this node is in; the agent makes no ENI without it. With [`Manifests::Kubernetes`] it is the UID of the
    /// namespace kube-system, if it is not said.
    pub cluster_id: Option<ClusterId>,
    /// What may be taken beside the ENIs of the inventory's pools.
    pub allow: Option<Allow>,
    /// What only the agent needs.
    pub agent: Agent,
    /// What only the cluster agent needs.
    pub cluster: Cluster,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state_dir: "/run/multi-eni".into(),
            log_dir: "/var/log/multi-eni".into(),
            kubelet_dir: "/var/lib/kubelet".into(),
            device_info_dir: "/var/run/k8s.cni.cncf.io/devinfo/cni".into(),
            sysfs_dir: "/sys".into(),
            dev_dir: "/dev".into(),
            allow_no_iommu: false,
            attach: Attach::default(),
            agent_program: "/opt/cni/bin/multi-eni-agent".into(),
            cluster_id: None,
            allow: None,
            agent: Agent::default(),
            cluster: Cluster::default(),
        }
    }
}

/// Devices that may be taken though no pool has them. A device is covered if one of the lists has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// Single addresses, or ranges `first-last`.
    pub mac_addresses: Vec<Range<MacAddr>>,
    /// Single addresses, or ranges `first-last`.
    pub pci_addresses: Vec<Range<PciAddr>>,
    /// EC2's subnet ids, for ENIs that the agent knows.
    pub subnet_ids: Vec<String>,
    /// EC2's tags, each with its value, for ENIs that the agent knows.
    pub tags: BTreeMap<String, String>,
}

impl Allow {
    /// Whether it covers a device; `entry` is what the inventory has about it, if anything.
    pub fn covers(&self, device: &Device, entry: Option<&Entry>) -> bool {
        let by_mac = self.mac_addresses.iter().any(|range| range.0.contains(&device.mac_address));
        let by_pci =
            device.pci_address.is_some_and(|pci| self.pci_addresses.iter().any(|range| range.0.contains(&pci)));
        let by_entry = entry.is_some_and(|entry| {
            let by_tag = |(key, value)| entry.tags.get(key) == Some(value);
            self.subnet_ids.contains(&entry.subnet.id) || self.tags.iter().any(by_tag)
        });
        by_mac || by_pci || by_entry
    }
}

/// One value, or all between two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String", bound(deserialize = "T: std::str::FromStr<Err: std::fmt::Display> + Ord + Copy"))]
pub struct Range<T>(RangeInclusive<T>);

impl<T: std::str::FromStr<Err: std::fmt::Display> + Ord + Copy> TryFrom<String> for Range<T> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let parse = |text: &str| text.trim().parse::<T>().map_err(|error| error.to_string());
        let (first, last) = (parse(first)?, parse(last)?);
        if first > last {
            return Err(format!("the range {text} ends before it starts"));
        }
        Ok(Self(first..=last))
    }
}

impl Settings {
    /// Those of this node.
    ///
    /// # Errors
    /// [`Error`]; a missing file is none, unless the environment names it.
    pub fn of_node() -> Result<Self, Error> {
        path_of_node().map_or_else(|| Ok(Self::default()), |path| Self::read(&path))
    }

    /// The same for a release, for which a file of a newer version is good enough: keys that are not known here are passed over.
    ///
    /// # Errors
    /// As [`Settings::of_node`]; for a key that is nearly a known one, too.
    pub fn of_node_to_release() -> Result<Self, Error> {
        path_of_node().map_or_else(|| Ok(Self::default()), |path| Self::read_to_release(&path))
    }

    /// Those of this file.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::decode(path, &text(path)?)
    }

    fn read_to_release(path: &Path) -> Result<Self, Error> {
        let text = text(path)?;
        Self::decode(path, &text).or_else(|error| {
            let (settings, unknown) = newer::read(&text).ok_or(error)?;
            log::warn!(
                "going on without {} of {}, which this version does not know",
                unknown.join(", "),
                path.display()
            );
            Ok(settings)
        })
    }

    fn decode(path: &Path, text: &str) -> Result<Self, Error> {
        let content = |source| Error::Content { path: path.to_path_buf(), source };
        toml::from_str(text).map_err(|error| content(hint::of(text).unwrap_or(error)))
    }
}

/// Nothing where there is no file, and none is named.
fn path_of_node() -> Option<PathBuf> {
    let named = std::env::var_os(PATH_VARIABLE).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(DEFAULT_PATH)).filter(|path| path.exists()))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests;
