//! What is known of each resource, as plain values.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use serde::Serialize;

use crate::ids::{AttachmentId, InstanceId, SubnetId, VpcId};
use crate::mac::MacAddr;
use crate::netns::Netns;

/// Tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// A security group, by identifier and name. The fabric reports groups and does not enforce them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecurityGroup {
    /// `sg-…`
    pub id: String,
    /// As in the metadata's `security-groups`.
    pub name: String,
}

#[derive(Debug, Clone)]
pub(crate) struct VpcRecord {
    pub(crate) ipv4: Vec<Ipv4Network>,
    pub(crate) ipv6: Vec<Ipv6Network>,
}

#[derive(Debug, Clone)]
pub(crate) struct SubnetRecord {
    pub(crate) vpc: VpcId,
    pub(crate) zone: String,
    pub(crate) ipv4: Ipv4Network,
    pub(crate) ipv6: Option<Ipv6Network>,
    pub(crate) tags: Tags,
}

#[derive(Debug, Clone)]
pub(crate) struct GroupRecord {
    pub(crate) vpc: VpcId,
    pub(crate) name: String,
    pub(crate) tags: Tags,
}

/// The life of an instance, as far as network interfaces see it
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    Running,
    ShuttingDown,
    Terminated,
}

#[derive(Debug, Clone)]
pub(crate) struct InstanceRecord {
    pub(crate) kind: String,
    pub(crate) zone: String,
    pub(crate) cards: u32,
    /// None where no kernel plays the machine.
    pub(crate) host: Option<Netns>,
    pub(crate) state: InstanceState,
    pub(crate) tags: Tags,
    /// What its metadata say beside the facts, by their paths below `latest/meta-data/`.
    pub(crate) announced: BTreeMap<String, String>,
    /// A limit of interfaces that EC2 enforces, lower than what it tells of the type.
    pub(crate) refused_beyond: Option<u32>,
}

/// The life of an attachment (`NetworkInterfaceAttachment.status` of the API reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentStatus {
    Attaching,
    Attached,
    Detaching,
}

/// The life of an ENI (`NetworkInterface.status` of the API reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EniStatus {
    Pending,
    Available,
    Attaching,
    InUse,
    Detaching,
}

#[derive(Debug, Clone)]
pub(crate) struct AttachmentRecord {
    pub(crate) id: AttachmentId,
    pub(crate) instance: InstanceId,
    pub(crate) index: u32,
    pub(crate) card: u32,
    pub(crate) host_name: String,
    pub(crate) status: AttachmentStatus,
    pub(crate) delete_on_termination: bool,
    pub(crate) since: Duration,
    /// Whether the machine has the NIC.
    pub(crate) plugged: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct EniRecord {
    pub(crate) mac: MacAddr,
    pub(crate) mtu: u32,
    pub(crate) subnet: SubnetId,
    pub(crate) primary: Ipv4Addr,
    pub(crate) secondaries: Vec<Ipv4Addr>,
    pub(crate) ipv6: Vec<Ipv6Addr>,
    pub(crate) ipv4_prefixes: Vec<Ipv4Network>,
    pub(crate) ipv6_prefixes: Vec<Ipv6Network>,
    pub(crate) groups: Vec<SecurityGroup>,
    pub(crate) attachment: Option<AttachmentRecord>,
    pub(crate) tags: Tags,
    pub(crate) description: String,
    pub(crate) source_dest_check: bool,
    /// `interface`, `efa`, `trunk`, …
    pub(crate) interface_type: String,
    /// The service that made it for itself, as `amazon-elb`.
    pub(crate) requester: Option<String>,
    pub(crate) pending: bool,
    pub(crate) created: Duration,
}

impl EniRecord {
    /// The addresses that are its own one by one.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let v4 = std::iter::once(self.primary).chain(self.secondaries.iter().copied()).map(IpAddr::V4);
        v4.chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }

    pub(crate) fn prefixes(&self) -> impl Iterator<Item = IpNetwork> + '_ {
        let v4 = self.ipv4_prefixes.iter().copied().map(IpNetwork::V4);
        v4.chain(self.ipv6_prefixes.iter().copied().map(IpNetwork::V6))
    }

    pub(crate) fn status(&self) -> EniStatus {
        match self.attachment.as_ref().map(|attachment| attachment.status) {
            None if self.pending => EniStatus::Pending,
            None => EniStatus::Available,
            Some(AttachmentStatus::Attaching) => EniStatus::Attaching,
            Some(AttachmentStatus::Attached) => EniStatus::InUse,
            Some(AttachmentStatus::Detaching) => EniStatus::Detaching,
        }
    }

    pub(crate) fn attachment_to(&self, instance: &InstanceId) -> Option<&AttachmentRecord> {
        self.attachment.as_ref().filter(|attachment| attachment.instance == *instance)
    }
}
