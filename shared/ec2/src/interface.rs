//! An ENI: what is asked of EC2 for one, what EC2 says of one, and what of it can be changed.

use crate::id::{AttachmentId, InstanceId, MacAddress, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// Where on an instance an ENI is attached. A device index alone does not name a place: it repeats on each network card
/// (EC2, "Network cards").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The network card, from 0.
    pub network_card_index: u32,
    /// The device index on this card, from 0; (0, 0) is the instance's primary ENI.
    pub device_index: u32,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card {} index {}", self.network_card_index, self.device_index)
    }
}

/// A new ENI as it is asked for. It can be kept on disk as an intent: asked again with the same client token, EC2 makes no
/// second one (EC2, "Ensuring idempotency").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    /// Up to 64 ASCII characters, unique to this intent.
    pub client_token: String,
    /// Where it gets its addresses; never changes afterwards.
    pub subnet: SubnetId,
    /// All of the subnet's VPC; empty is the VPC's default group.
    pub security_groups: Vec<SecurityGroupId>,
    /// For people; may be empty.
    pub description: String,
    /// IPv4 addresses beside the primary one.
    pub secondary_ipv4_count: u32,
    /// IPv6 addresses.
    pub ipv6_count: u32,
    /// Set in the same call, so that no ENI is ever without them.
    pub tags: Tags,
}

/// An ENI as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// Its Ethernet address, which the kernel's link has too.
    pub mac_address: MacAddress,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// The name of its zone (`eu-central-1a`).
    pub availability_zone: String,
    /// What EC2 is doing with it.
    pub status: Status,
    /// Its security groups, in EC2's order.
    pub security_groups: Vec<SecurityGroupId>,
    /// For people; may be empty.
    pub description: String,
    /// Its private IPv4 addresses, one of them primary.
    pub ipv4: Vec<Ipv4>,
    /// Its IPv6 addresses.
    pub ipv6: Vec<Ipv6>,
    /// Whether EC2 drops what is not from or to its own addresses.
    pub source_dest_check: bool,
    /// `interface` for an ordinary one (`efa`, `trunk`, `branch`, …).
    pub interface_type: String,
    /// Whether an AWS service made it and keeps it.
    pub requester_managed: bool,
    /// Its tags.
    pub tags: Tags,
    /// To what it is attached.
    pub attachment: Option<InstanceAttachment>,
}

/// What EC2 is doing with an ENI (`NetworkInterface.status`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Attached to nothing.
    Available,
    /// On its way to an instance.
    Attaching,
    /// Attached.
    InUse,
    /// On its way from an instance.
    Detaching,
    /// Being created.
    Pending,
    /// One that this project does not know.
    Other(String),
}

/// An IPv4 address of an ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipv4 {
    /// The address.
    pub address: Ipv4Addr,
    /// Whether it is the one that cannot be unassigned.
    pub primary: bool,
}

/// An IPv6 address of an ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipv6 {
    /// The address.
    pub address: Ipv6Addr,
    /// Whether it is the primary one, if the ENI has such.
    pub primary: bool,
}

/// The attachment of an ENI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceAttachment {
    /// Its id, which detaching needs.
    pub id: AttachmentId,
    /// The instance; none if an AWS service has the ENI.
    pub instance: Option<InstanceId>,
    /// The place on the instance.
    pub slot: Slot,
    /// How far it is.
    pub status: AttachmentStatus,
    /// Whether the ENI goes with the instance.
    pub delete_on_termination: bool,
}

/// How far an attachment is (`NetworkInterfaceAttachment.status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttachmentStatus {
    /// Begun.
    Attaching,
    /// Done.
    Attached,
    /// Being undone.
    Detaching,
    /// Undone.
    Detached,
    /// Something that this project does not know: neither here nor gone.
    Other,
}

/// One attribute of an ENI and its new value: EC2 takes one for each call (`ModifyNetworkInterfaceAttribute`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Modification {
    /// Whether the ENI goes with the instance that it is attached to.
    DeleteOnTermination {
        /// The attachment, whose attribute it is.
        attachment: AttachmentId,
        /// The new value.
        value: bool,
    },
    /// Whether EC2 drops what is not from or to the ENI's own addresses.
    SourceDestCheck(bool),
    /// All security groups of the ENI, instead of those that it has.
    SecurityGroups(Vec<SecurityGroupId>),
    /// For people.
    Description(String),
}

/// Whether EC2 detaches without the instance's consent. The guest's link then goes away at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// The guest takes part.
    No,
    /// For an instance that does not answer.
    Yes,
}
