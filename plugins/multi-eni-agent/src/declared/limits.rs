//! What the numbers and texts of a NodeENI may be: the CRD's schema says it to the API server, and the agent checks by the same.

use std::ops::RangeInclusive;

/// 0 is the primary ENI; amazon-vpc-cni has a table of 100 indices and looks at all of an instance's.
pub(super) const DEVICE_INDEX: RangeInclusive<u32> = 1..=99;
/// The largest instance types have 32.
pub(super) const NETWORK_CARD: RangeInclusive<u32> = 0..=63;
/// The `ena` driver takes 128 (`ENA_MIN_MTU` in `drivers/net/ethernet/amazon/ena/ena_netdev.h`) and above; 9001 is EC2's most
/// ("Network MTU for your EC2 instance").
pub(crate) const MTU: RangeInclusive<u32> = 128..=9001;
/// No instance type has more than 50 IPv4 addresses on an ENI (EC2, "Maximum IP addresses per network interface"), the
/// primary one among them.
pub(super) const SECONDARY_IPV4: RangeInclusive<u32> = 0..=49;
/// Nor more than 50 IPv6 addresses.
pub(super) const IPV6: RangeInclusive<u32> = 0..=50;
/// A neighbour may send to an address's last user for half a minute; a day is a mistake.
pub(super) const COOLDOWN: RangeInclusive<u64> = 0..=86_400;
/// An ENI may have 5 security groups, and 16 where the quota was raised as far as EC2 does it ("Amazon VPC quotas").
pub(super) const MOST_GROUPS: usize = 16;
/// EC2 takes 50 tags of a resource ("Tag restrictions"), and the agent puts up to 7 of its own on each ENI.
pub(crate) const MOST_TAGS: usize = 50 - 7;
/// EC2, "Tag restrictions".
pub(crate) const TAG_VALUE: usize = 256;
/// A tag `Name`, a group's name, a `Description`: in characters.
pub(super) const EC2_TEXT: usize = 255;
/// By what the descriptions of amazon-vpc-cni's and of the VPC resource controller's ENIs begin, in any case of letters: their
/// sweeps look at it.
pub(crate) const DESCRIPTION_OF_OTHERS: &str = "aws-k8s-";

/// The same rules as patterns, where the agent has a parser. In the dialect of Go, as the API server reads them; a test holds
/// them to the parsers. The original writes empty texts for what is not said.
pub(crate) mod pattern {
    pub(crate) const SUBNET_ID: &str = "^subnet-([0-9a-f]{8}|[0-9a-f]{17})$";
    pub(crate) const SUBNET_ID_OR_NONE: &str = "^(subnet-([0-9a-f]{8}|[0-9a-f]{17}))?$";
    pub(crate) const GROUP_ID: &str = "^sg-([0-9a-f]{8}|[0-9a-f]{17})$";
    /// EC2's filters read `*`, `?` and the backslash as their own.
    pub(crate) const NAME: &str = r"^[^*?\\\p{Cc}]*$";
    pub(crate) const ONE_LINE: &str = r"^\P{Cc}*$";
    pub(crate) const PCI_ADDRESS_OR_NONE: &str = "^(([0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F][.][0-7])?$";
    /// A name without a domain gets the node's.
    pub(crate) const RESOURCE_OR_NONE: &str = "^(([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)?$";
    pub(crate) const RESOURCE_OF_KUBERNETES: &str = "^([^/]*[.])?kubernetes[.]io/";
    pub(crate) const LABEL_KEY: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$";
    pub(crate) const LABEL_VALUE: &str = "^([a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)?$";
    pub(crate) const LINK_NAME: &str = r"^[^/:%\x00\s\x0b]{1,15}$";
}
