//! What surrounds ENIs: subnets, security groups, and what a type of instance takes.

use crate::id::{SecurityGroupId, SubnetId, VpcId};
use ipnetwork::{Ipv4Network, Ipv6Network};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which subnets or security groups: those of the ids and those of the names, all of them. An id or name that EC2 does not
/// know is left out of the answer, and a name that several have brings all of these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Ids, as text: that of a manifest, which may be no id at all.
    pub ids: BTreeSet<String>,
    /// Names: the tag `Name`, and for a security group its group name too.
    pub names: BTreeSet<String>,
    /// Only those of this VPC.
    pub vpc: Option<VpcId>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its tag `Name`.
    pub name: Option<String>,
    /// Its VPC.
    pub vpc: VpcId,
    /// The name of its zone (`eu-central-1a`).
    pub availability_zone: String,
    /// None for a subnet of IPv6 only.
    pub ipv4_cidr: Option<Ipv4Network>,
    /// Those that are associated.
    pub ipv6_cidrs: Vec<Ipv6Network>,
    /// Free IPv4 addresses when EC2 was asked.
    pub available_ipv4: u32,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its group name, unique in its VPC.
    pub name: String,
    /// Its tag `Name`.
    pub tag_name: Option<String>,
    /// Its VPC.
    pub vpc: VpcId,
}

/// What an instance of a type takes (`DescribeInstanceTypes`, `networkInfo`). A refusal by EC2 is believed over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceTypeLimits {
    /// The type (`m5.xlarge`).
    pub name: String,
    /// ENIs on all cards, the primary one among them.
    pub interfaces: u32,
    /// IPv4 addresses of one ENI, the primary one among them.
    pub ipv4_per_interface: u32,
    /// IPv6 addresses of one ENI.
    pub ipv6_per_interface: u32,
    /// The network cards, in the order of their index.
    pub cards: Vec<Card>,
}

/// A network card of a type of instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Its index.
    pub index: u32,
    /// ENIs that it takes.
    pub interfaces: u32,
}
