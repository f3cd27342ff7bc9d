//! The inventory: what is known of each ENI of the node. Written by the agent, read by the plugins, which may be of an older
//! version: fields that are not known here are passed over.

#[cfg(test)]
pub(crate) mod sample;

use crate::device::Device;
use crate::names::{EniId, IfName, MacAddr, PciAddr, PoolName};
use crate::store::Kept;
use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is on record about one ENI, in `inventory/<network-interface-id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// EC2's id.
    pub network_interface_id: EniId,
    /// EC2's `MacAddress`.
    pub mac_address: MacAddr,
    /// Where it sits on the node; nothing before the kernel has shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci_address: Option<PciAddr>,
    /// Its subnet.
    pub subnet: Subnet,
    /// Its VPC.
    pub vpc: Vpc,
    /// Its IPv4 addresses, the primary one first.
    pub ipv4_addresses: Vec<Ipv4Address>,
    /// Its IPv6 addresses.
    #[serde(default)]
    pub ipv6_addresses: Vec<Ipv6Address>,
    /// The pool that it is in; nothing for an ENI that the agent saw and that is not the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// EC2's `DeviceIndex`, unique on its card; (0, 0) is the primary ENI.
    pub device_index: u32,
    /// EC2's `NetworkCardIndex`.
    pub network_card_index: u32,
    /// The name of its link on the host.
    pub host_name: IfName,
    /// The kernel driver that it belongs to when nothing has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_driver: Option<String>,
    /// The MTU that its link has on the host, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// How its device was when the agent last looked; nothing before it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// EC2's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Where it is in its life.
    pub state: State,
    /// What only the agent reads.
    #[serde(default)]
    pub upkeep: Upkeep,
}

/// What the agent remembers of an ENI from one pass to the next, and over its own death. EC2 can tell all of it again, but
/// for the times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upkeep {
    /// When it came into its state, in seconds since the boot.
    #[serde(default)]
    pub since: u64,
    /// EC2's `AttachmentId`, `eni-attach-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<String>,
    /// EC2's `DeleteOnTermination` of that attachment, as last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_on_termination: Option<bool>,
    /// EC2's `SourceDestCheck`, as last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_dest_check: Option<bool>,
    /// EC2's `GroupSet`, as last heard, by id.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// When EC2 first said that it is on no instance, though it should be; in seconds since the boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unattached_since: Option<u64>,
    /// How many looks in a row EC2 did not show it at all.
    #[serde(default)]
    pub unseen: u32,
    /// When EC2 last looked like that, in seconds since the boot.
    #[serde(default)]
    pub unseen_at: u64,
    /// When its addresses were last changed by us: an older answer of EC2 does not count.
    #[serde(default)]
    pub addresses_changed_at: u64,
    /// Whether it was found in EC2 without a record of its own: then it was another agent's, which may live.
    #[serde(default)]
    pub found: bool,
}

/// How a device was when the agent last looked: for people and for the kubelet. What depends on it is read anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The driver that it was bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The group that user space had it in, `7` or without an IOMMU `noiommu-0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The NUMA node that it is next to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numa_node: Option<u32>,
    /// Whether writes to its memory were combined, `unknown`, `yes` or `no`; nothing where no user space has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_combining: Option<String>,
}

impl Seen {
    /// Whether user space had it in its hands, by `vfio-pci`.
    pub fn is_for_user_space(&self) -> bool {
        self.driver.as_deref() == Some(crate::pci::VFIO_PCI)
    }
}

/// An ENI's subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// EC2's `SubnetId`.
    pub id: String,
    /// EC2's `CidrBlock`; nothing in an IPv6-only subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4_cidr: Option<IpNetwork>,
    /// EC2's `Ipv6CidrBlockAssociationSet`.
    #[serde(default)]
    pub ipv6_cidrs: Vec<IpNetwork>,
}

/// An ENI's VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vpc {
    /// All IPv4 CIDRs that are associated with it.
    #[serde(default)]
    pub ipv4_cidrs: Vec<IpNetwork>,
    /// All IPv6 CIDRs that are associated with it.
    #[serde(default)]
    pub ipv6_cidrs: Vec<IpNetwork>,
}

/// A private IPv4 address of an ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv4Address {
    /// The address.
    pub address: Ipv4Addr,
    /// Whether it is EC2's primary one.
    #[serde(default)]
    pub primary: bool,
}

/// An IPv6 address of an ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Address {
    /// The address.
    pub address: Ipv6Addr,
    /// Whether it is EC2's primary one (`IsPrimaryIpv6`).
    #[serde(default)]
    pub primary: bool,
}

/// What an ENI's pool says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// How its ENIs are given out.
    #[serde(default)]
    pub sharing: Sharing,
    /// What becomes of an ENI's device.
    #[serde(default)]
    pub mode: Mode,
    /// How long an address of a shared ENI rests between two pods, in seconds.
    #[serde(default = "default_cooldown")]
    pub cooldown_seconds: u64,
    /// The resource that the kubelet gives its devices out by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
}

/// How long an address or an ENI rests between two pods where nothing else is said, in seconds: neighbours in a VPC may send
/// to an address's last user for this long (amazon-vpc-cni's `IP_COOLDOWN_PERIOD`).
pub const DEFAULT_COOLDOWN_SECONDS: u64 = 30;

fn default_cooldown() -> u64 {
    DEFAULT_COOLDOWN_SECONDS
}

/// How a pool's ENIs are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// A whole ENI to a pod.
    #[default]
    Exclusive,
    /// An address of an ENI to a pod; the ENI stays on the host.
    Shared,
}

/// What becomes of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Its link moves into the pod.
    #[default]
    Netdev,
    /// It is bound to `vfio-pci` for user space.
    VfioPci,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Netdev => "netdev",
            Self::VfioPci => "vfio-pci",
        })
    }
}

/// Where an ENI is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Asked for.
    Creating,
    /// EC2 has it, unattached.
    Created,
    /// Its attachment is asked for.
    Attaching,
    /// EC2 says that it is attached.
    Attached,
    /// On the node, free to be taken.
    Ready,
    /// In the hands of a pod.
    InUse,
    /// Resting after a pod.
    Cooling,
    /// Its detachment is asked for.
    Detaching,
    /// Off the node.
    Detached,
    /// Its deletion is asked for.
    Deleting,
    /// EC2 has it no more.
    Deleted,
    /// Out of order until somebody looks.
    Quarantined,
}

impl State {
    /// Whether a plugin may find a pod's ENI in this state: it is on the node. Whether it is free is for the records to say.
    pub fn is_on_node(self) -> bool {
        matches!(self, Self::Ready | Self::InUse | Self::Cooling)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Ready => "ready",
            Self::InUse => "in use",
            Self::Cooling => "cooling",
            Self::Detaching => "detaching",
            Self::Detached => "detached",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Quarantined => "quarantined",
        })
    }
}

impl Entry {
    /// Whether it is the instance's primary ENI.
    pub fn is_primary_eni(&self) -> bool {
        (self.network_card_index, self.device_index) == (0, 0)
    }

    /// The name of its pool.
    pub fn pool_name(&self) -> Option<&PoolName> {
        self.pool.as_ref().map(|pool| &pool.name)
    }

    /// Whether pods share it.
    pub fn is_shared(&self) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.sharing == Sharing::Shared)
    }

    /// Its device.
    pub fn device(&self) -> Device {
        Device {
            mac_address: self.mac_address,
            pci_address: self.pci_address,
            network_interface_id: Some(self.network_interface_id.clone()),
        }
    }

    /// All its addresses, IPv4 before IPv6.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let ipv4 = self.ipv4_addresses.iter().map(|assigned| IpAddr::from(assigned.address));
        ipv4.chain(self.ipv6_addresses.iter().map(|assigned| IpAddr::from(assigned.address)))
    }

    /// The subnet's CIDR that an address is in.
    pub fn subnet_of(&self, address: IpAddr) -> Option<IpNetwork> {
        self.subnet.ipv4_cidr.iter().chain(&self.subnet.ipv6_cidrs).copied().find(|cidr| cidr.contains(address))
    }
}

impl Kept for Entry {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        file_name(&self.network_interface_id)
    }
}

pub(crate) fn file_name(eni: &EniId) -> String {
    format!("{eni}.json")
}
