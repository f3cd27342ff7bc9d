//! What the instance metadata service says of this instance.

use crate::id::SecurityGroupId;
use crate::id::{InstanceId, MacAddress, NetworkInterfaceId, SubnetId, VpcId};
use crate::interface::Slot;
use ipnetwork::{Ipv4Network, Ipv6Network};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// This instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its type (`m5.xlarge`).
    pub instance_type: String,
    /// The region (`eu-central-1`).
    pub region: String,
    /// The name of the zone (`eu-central-1a`).
    pub availability_zone: String,
    /// The Ethernet address of the ENI at card 0, index 0.
    pub primary_mac: MacAddress,
}

/// An ENI of this instance as the metadata service has it (`network/interfaces/macs/<mac>/`). It may be some seconds old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataInterface {
    /// Its Ethernet address.
    pub mac_address: MacAddress,
    /// Its id (`interface-id`).
    pub id: NetworkInterfaceId,
    /// Its place (`network-card`, absent for card 0 on most types, and `device-number`).
    pub slot: Slot,
    /// Its subnet (`subnet-id`).
    pub subnet: SubnetId,
    /// Its VPC (`vpc-id`).
    pub vpc: VpcId,
    /// `subnet-ipv4-cidr-block`.
    pub subnet_ipv4_cidr: Option<Ipv4Network>,
    /// `subnet-ipv6-cidr-blocks`.
    pub subnet_ipv6_cidrs: Vec<Ipv6Network>,
    /// `vpc-ipv4-cidr-blocks`.
    pub vpc_ipv4_cidrs: Vec<Ipv4Network>,
    /// `vpc-ipv6-cidr-blocks`.
    pub vpc_ipv6_cidrs: Vec<Ipv6Network>,
    /// `local-ipv4s`, the primary one first.
    pub ipv4: Vec<Ipv4Addr>,
    /// `ipv6s`.
    pub ipv6: Vec<Ipv6Addr>,
    /// `ipv4-prefix`.
    pub ipv4_prefixes: Vec<Ipv4Network>,
    /// `ipv6-prefix`.
    pub ipv6_prefixes: Vec<Ipv6Network>,
    /// `security-group-ids`.
    pub security_groups: Vec<SecurityGroupId>,
}

/// Why the metadata service did not say it. That a part is not there is no error; that is an absent or empty field.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It did not answer, or not in time.
    #[error(
        "the instance metadata service does not answer for {path}: in a container that is not in the host's network, the \
         instance's hop limit (HttpPutResponseHopLimit) must be 2"
    )]
    NoAnswer {
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It answered with neither the thing nor that there is none.
    #[error("the instance metadata service answers {status} for {path}")]
    Refused {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// It has no such part, though every instance has.
    #[error("the instance metadata service has no {path}")]
    Missing {
        /// What was asked for.
        path: String,
    },
    /// What it answered is not of the kind.
    #[error("the instance metadata service's answer for {path} makes no sense")]
    Invalid {
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
