//! The record of an attachment: who holds which device, how that was before, and what has to be undone. Written by the
//! plugin that took the device, before it touches it.

use crate::device::Device;
use crate::inventory::Mode;
use crate::names::{AltName, IfName, MacAddr, PoolName};
use crate::netlink::Link;
use crate::netns;
use crate::pci::Access;
use crate::step::Step;
use crate::store::Kept;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::PathBuf;

/// Who holds: CNI's key of an attachment. The texts are checked where a request comes in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The network configuration's `name`.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
}

impl Owner {
    /// The first 32 hexadecimal digits of the SHA-256 of the three, each behind its length: names that are long or odd
    /// make no odd files, and no two owners one file.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.network, &self.container_id, &self.ifname] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}.json", self.key())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {} ({} of network {})", self.container_id, self.ifname, self.network)
    }
}

/// A pod, as `CNI_ARGS` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// `K8S_POD_NAMESPACE`.
    pub namespace: String,
    /// `K8S_POD_NAME`.
    pub name: String,
    /// `K8S_POD_UID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}/{}", self.namespace, self.name)
    }
}

/// The namespace that the device went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// Where it was found; another one may be found there later.
    pub path: PathBuf,
    /// What makes it itself.
    pub identity: netns::Identity,
}

/// How the link was on the host before it was taken, and how it will be again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    /// Its name.
    pub name: IfName,
    /// Its alternative names.
    pub altnames: Vec<AltName>,
    /// Bytes.
    pub mtu: u32,
    /// Its Ethernet address.
    pub mac_address: MacAddr,
    /// `ifalias`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whether it was up.
    pub up: bool,
}

impl Home {
    /// As this link is now; nothing if it has a name or an address that no device should have.
    pub fn of(link: &Link) -> Option<Self> {
        Some(Self {
            name: link.name.parse().ok()?,
            altnames: link.altnames.iter().map(|name| name.parse().ok()).collect::<Option<_>>()?,
            mtu: link.mtu,
            mac_address: link.mac?,
            alias: link.alias.clone(),
            up: link.up,
        })
    }
}

/// What was done to a device's PCI function so that user space has it, and how it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// The driver that user space has it by.
    pub driver: String,
    /// The driver that it had; nothing if it had none. The same as `driver` for what was bound already, and stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Who could open the node of its group, if that was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Access>,
}

impl Bound {
    /// Whether user space had it before.
    pub fn was_so(&self) -> bool {
        self.before.as_ref() == Some(&self.driver)
    }
}

/// How far an attachment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Taken; the device may be anywhere on its way.
    Claimed,
    /// ADD has answered.
    Committed,
    /// Given back, but something could not be done yet; the device is nobody's.
    Released,
}

/// What of a release could not be done yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// The device is not home, or not quite as it was.
    #[serde(default)]
    pub device: bool,
    /// The IPAM plugin did not release.
    #[serde(default)]
    pub ipam: bool,
}

impl Pending {
    /// Whether nothing is left.
    pub fn is_nothing(&self) -> bool {
        !self.device && !self.ipam
    }
}

/// What the plugin was called with, so that an IPAM plugin can be asked to release without the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The whole network configuration.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// `CNI_PATH`.
    pub path: String,
    /// `CNI_ARGS`.
    pub args: String,
}

impl Call {
    /// The pod that the runtime named in `CNI_ARGS`, if it did.
    pub fn pod(&self) -> Option<Pod> {
        let value = |key: &str| {
            let pairs = self.args.split(';').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| *name == key).map(|(_, value)| value.to_string()).next_back()
        };
        Some(Pod {
            namespace: value("K8S_POD_NAMESPACE")?,
            name: value("K8S_POD_NAME")?,
            uid: value("K8S_POD_UID").filter(|uid| !uid.is_empty()),
        })
    }
}

/// An attachment on record, in `attachments/<key>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Who holds it.
    pub owner: Owner,
    /// The pod, if the runtime named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    /// What is held.
    pub device: Device,
    /// The pool that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// What became of it.
    pub mode: Mode,
    /// The pod's namespace.
    pub namespace: Namespace,
    /// Its name there.
    pub interface_name: IfName,
    /// How its link was before; nothing for a device that had none, since user space had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// How its PCI function was before; nothing where that is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// What of the attachment outlives the device's leaving the pod, as steps that undo it.
    pub leftovers: Vec<Step>,
    /// How far it has come.
    pub phase: Phase,
    /// What is left to do of a release.
    #[serde(default)]
    pub pending: Pending,
    /// The call that made it.
    pub call: Call,
}

impl Record {
    /// Whether somebody has the device.
    pub fn holds(&self) -> bool {
        self.phase != Phase::Released
    }

    /// The owner and its pod in words.
    pub fn holder(&self) -> String {
        match &self.pod {
            Some(pod) => format!("{} of {pod}", self.owner),
            None => self.owner.to_string(),
        }
    }
}

impl Kept for Record {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        self.owner.file_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_that_differ_only_in_where_a_part_ends_have_different_keys() {
        let owner = |network: &str, container_id: &str, ifname: &str| Owner {
            network: network.to_string(),
            container_id: container_id.to_string(),
            ifname: ifname.to_string(),
        };
        assert_ne!(owner("ab", "c", "net1").key(), owner("a", "bc", "net1").key());
        assert_eq!(owner("a", "b", "net1").key().len(), 32);
        assert_eq!(owner("a", "b", "net1").key(), owner("a", "b", "net1").key());
    }
}
