//! What EC2 answers, by the names of the API reference.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnetwork::{Ipv4Network, Ipv6Network};

use crate::ids::{AttachmentId, EniId, InstanceId, SubnetId, VpcId};
use crate::mac::MacAddr;
use crate::record::{AttachmentStatus, EniStatus, InstanceState, SecurityGroup, Tags};

/// `NetworkInterfaceAttachment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterfaceAttachment {
    pub attachment_id: AttachmentId,
    pub instance_id: InstanceId,
    pub device_index: u32,
    pub network_card_index: u32,
    pub status: AttachmentStatus,
    pub delete_on_termination: bool,
    /// Since the epoch.
    pub attach_time: Duration,
}

/// `NetworkInterface`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    pub network_interface_id: EniId,
    pub mac_address: MacAddr,
    pub subnet_id: SubnetId,
    pub vpc_id: VpcId,
    pub availability_zone: String,
    pub status: EniStatus,
    pub description: String,
    pub groups: Vec<SecurityGroup>,
    pub private_ip_address: Ipv4Addr,
    pub secondary_private_ip_addresses: Vec<Ipv4Addr>,
    pub ipv6_addresses: Vec<Ipv6Addr>,
    pub ipv4_prefixes: Vec<Ipv4Network>,
    pub ipv6_prefixes: Vec<Ipv6Network>,
    pub source_dest_check: bool,
    pub interface_type: String,
    /// The service that manages it.
    pub requester_id: Option<String>,
    pub owner_id: String,
    pub tags: Tags,
    pub attachment: Option<NetworkInterfaceAttachment>,
}

/// `Subnet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetDescription {
    pub subnet_id: SubnetId,
    pub vpc_id: VpcId,
    pub availability_zone: String,
    pub cidr_block: Ipv4Network,
    pub ipv6_cidr_block: Option<Ipv6Network>,
    pub available_ip_address_count: u32,
    pub owner_id: String,
    pub tags: Tags,
}

/// `SecurityGroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroupDescription {
    pub group_id: String,
    pub group_name: String,
    pub vpc_id: VpcId,
    pub owner_id: String,
    pub tags: Tags,
}

/// `Instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDescription {
    pub instance_id: InstanceId,
    pub instance_type: String,
    pub availability_zone: String,
    pub state: InstanceState,
    pub tags: Tags,
    pub network_interfaces: Vec<NetworkInterface>,
}

/// A request that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    NetworkInterfaces {
        items: Vec<NetworkInterface>,
        next_token: Option<String>,
    },
    NetworkInterface(Box<NetworkInterface>),
    Attached {
        attachment_id: AttachmentId,
        network_card_index: u32,
    },
    AssignedIpv4 {
        network_interface_id: EniId,
        addresses: Vec<Ipv4Addr>,
    },
    AssignedIpv6 {
        network_interface_id: EniId,
        addresses: Vec<Ipv6Addr>,
    },
    UnassignedIpv6 {
        network_interface_id: EniId,
        addresses: Vec<Ipv6Addr>,
    },
    Subnets {
        items: Vec<SubnetDescription>,
        next_token: Option<String>,
    },
    SecurityGroups {
        items: Vec<SecurityGroupDescription>,
        next_token: Option<String>,
    },
    InstanceTypes {
        items: Vec<super::types::InstanceType>,
        next_token: Option<String>,
    },
    Instances {
        items: Vec<InstanceDescription>,
        next_token: Option<String>,
    },
    Terminating(Vec<InstanceId>),
    /// `<return>true</return>`.
    Done,
}
