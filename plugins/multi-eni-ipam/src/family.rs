//! IPv4 and IPv6, and what a VPC has of each.

use cni::{Cidr, CidrError};
use ipnetwork::IpNetwork;
use node::inventory::Entry;
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A VPC's router in every IPv6 subnet, beside the subnet's own second address
/// (`fe80:ec2::1`, Amazon VPC user guide, "VPC route tables"); link-local, as a router of IPv6 is known by.
const IPV6_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0x0ec2, 0, 0, 0, 0, 0, 1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// An address of an ENI, and whether it is EC2's primary one of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) address: IpAddr,
    pub(crate) primary: bool,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// The ENI's addresses of this family, a primary one first, else as EC2 lists them.
    pub(crate) fn assigned(self, entry: &Entry) -> Vec<Assigned> {
        let mut assigned: Vec<Assigned> = match self {
            Self::Ipv4 => entry
                .ipv4_addresses
                .iter()
                .map(|one| Assigned { address: one.address.into(), primary: one.primary })
                .collect(),
            Self::Ipv6 => entry
                .ipv6_addresses
                .iter()
                .map(|one| Assigned { address: one.address.into(), primary: one.primary })
                .collect(),
        };
        assigned.sort_by_key(|one| !one.primary);
        assigned
    }

    /// The addresses that a shared ENI has for pods: the primary one stays the host's.
    pub(crate) fn for_pods(self, entry: &Entry) -> Vec<IpAddr> {
        self.assigned(entry).into_iter().filter(|one| !one.primary).map(|one| one.address).collect()
    }

    /// The CIDRs of the ENI's VPC.
    pub(crate) fn vpc_cidrs(self, entry: &Entry) -> &[IpNetwork] {
        match self {
            Self::Ipv4 => &entry.vpc.ipv4_cidrs,
            Self::Ipv6 => &entry.vpc.ipv6_cidrs,
        }
    }

    /// The destination of a default route.
    pub(crate) fn everything(self) -> Result<Cidr, CidrError> {
        match self {
            Self::Ipv4 => Cidr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            Self::Ipv6 => Cidr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        }
    }
}

/// The VPC's router in a subnet: the address after the network's own (Amazon VPC user guide, "Subnet CIDR blocks"), and
/// for IPv6 the link-local one.
pub(crate) fn gateway(subnet: IpNetwork) -> IpAddr {
    match subnet {
        IpNetwork::V4(subnet) => Ipv4Addr::from_bits(subnet.network().to_bits().saturating_add(1)).into(),
        IpNetwork::V6(_) => IPV6_ROUTER.into(),
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}
