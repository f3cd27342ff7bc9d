//! The actions of EC2 that this project calls.

use std::fmt;

/// An action of the EC2 API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A new ENI.
    CreateNetworkInterface,
    /// An ENI to an instance.
    AttachNetworkInterface,
    /// One attribute of an ENI.
    ModifyNetworkInterfaceAttribute,
    /// An ENI from its instance.
    DetachNetworkInterface,
    /// An ENI away.
    DeleteNetworkInterface,
    /// Further IPv4 addresses to an ENI.
    AssignPrivateIpAddresses,
    /// IPv4 addresses from an ENI.
    UnassignPrivateIpAddresses,
    /// Further IPv6 addresses to an ENI.
    AssignIpv6Addresses,
    /// IPv6 addresses from an ENI.
    UnassignIpv6Addresses,
    /// Tags of an ENI.
    CreateTags,
    /// ENIs by filter.
    DescribeNetworkInterfaces,
    /// Subnets by filter.
    DescribeSubnets,
    /// Security groups by filter.
    DescribeSecurityGroups,
    /// What types of instance take.
    DescribeInstanceTypes,
    /// Instances by filter.
    DescribeInstances,
}

/// EC2 has one request bucket for actions that look and another for those that change
/// (EC2, "Request throttling for the Amazon EC2 API").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::CreateNetworkInterface,
        Self::AttachNetworkInterface,
        Self::ModifyNetworkInterfaceAttribute,
        Self::DetachNetworkInterface,
        Self::DeleteNetworkInterface,
        Self::AssignPrivateIpAddresses,
        Self::UnassignPrivateIpAddresses,
        Self::AssignIpv6Addresses,
        Self::UnassignIpv6Addresses,
        Self::CreateTags,
        Self::DescribeNetworkInterfaces,
        Self::DescribeSubnets,
        Self::DescribeSecurityGroups,
        Self::DescribeInstanceTypes,
        Self::DescribeInstances,
    ];

    /// Its name in the API and in IAM policies (there after `ec2:`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateNetworkInterface => "CreateNetworkInterface",
            Self::AttachNetworkInterface => "AttachNetworkInterface",
            Self::ModifyNetworkInterfaceAttribute => "ModifyNetworkInterfaceAttribute",
            Self::DetachNetworkInterface => "DetachNetworkInterface",
            Self::DeleteNetworkInterface => "DeleteNetworkInterface",
            Self::AssignPrivateIpAddresses => "AssignPrivateIpAddresses",
            Self::UnassignPrivateIpAddresses => "UnassignPrivateIpAddresses",
            Self::AssignIpv6Addresses => "AssignIpv6Addresses",
            Self::UnassignIpv6Addresses => "UnassignIpv6Addresses",
            Self::CreateTags => "CreateTags",
            Self::DescribeNetworkInterfaces => "DescribeNetworkInterfaces",
            Self::DescribeSubnets => "DescribeSubnets",
            Self::DescribeSecurityGroups => "DescribeSecurityGroups",
            Self::DescribeInstanceTypes => "DescribeInstanceTypes",
            Self::DescribeInstances => "DescribeInstances",
        }
    }

    /// Which of EC2's buckets it draws on.
    pub fn kind(self) -> Kind {
        match self {
            Self::CreateNetworkInterface
            | Self::AttachNetworkInterface
            | Self::ModifyNetworkInterfaceAttribute
            | Self::DetachNetworkInterface
            | Self::DeleteNetworkInterface
            | Self::AssignPrivateIpAddresses
            | Self::UnassignPrivateIpAddresses
            | Self::AssignIpv6Addresses
            | Self::UnassignIpv6Addresses
            | Self::CreateTags => Kind::Write,
            Self::DescribeNetworkInterfaces
            | Self::DescribeSubnets
            | Self::DescribeSecurityGroups
            | Self::DescribeInstanceTypes
            | Self::DescribeInstances => Kind::Read,
        }
    }

    /// Whether done twice is the same as done once: an answer that was lost is then no reason not to ask again. A creation
    /// carries a client token, tags and attributes are set to values, and of two deletions the second finds nothing.
    /// Attaching and detaching would answer the second time that the state is wrong, and assigning would assign more.
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::CreateNetworkInterface
            | Self::ModifyNetworkInterfaceAttribute
            | Self::DeleteNetworkInterface
            | Self::CreateTags
            | Self::DescribeNetworkInterfaces
            | Self::DescribeSubnets
            | Self::DescribeSecurityGroups
            | Self::DescribeInstanceTypes
            | Self::DescribeInstances => true,
            Self::AttachNetworkInterface
            | Self::DetachNetworkInterface
            | Self::AssignPrivateIpAddresses
            | Self::UnassignPrivateIpAddresses
            | Self::AssignIpv6Addresses
            | Self::UnassignIpv6Addresses => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
