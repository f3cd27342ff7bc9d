//! What the fabric refuses, in EC2's terms where EC2 would refuse it too.

use std::net::IpAddr;
use std::str::FromStr;

use crate::ids::{EniId, InstanceId, SubnetId};
use crate::imds::ImdsError;
use crate::netns::NetnsError;
use crate::wire::WireError;

/// Why a part of the fabric could not be made, changed or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value of a builder does not fit; `rule` says what would.
    #[error("{what} {value:?}: {rule}")]
    Value { what: &'static str, value: String, rule: &'static str },
    /// No such resource, or it was deleted.
    #[error("{0} is not in this fabric")]
    NotThere(String),
    /// EC2: `InvalidIPAddress.InUse`.
    #[error("{address} belongs to {owner}")]
    AddressInUse { address: IpAddr, owner: EniId },
    /// EC2: `InvalidParameterValue`, for an address outside the subnet or one of the five that are reserved.
    #[error("{address} is not an address for an ENI in {subnet}")]
    AddressNotOfSubnet { address: IpAddr, subnet: SubnetId },
    /// EC2: `InsufficientFreeAddressesInSubnet`.
    #[error("{0} has no free IPv4 address")]
    SubnetFull(SubnetId),
    /// EC2: `InvalidParameterValue`, for an IPv6 address of a subnet that has no IPv6 CIDR.
    #[error("{0} has no IPv6 CIDR")]
    NoIpv6(SubnetId),
    /// A part of a region that no kernel plays was asked for its namespace.
    #[error("no kernel plays this region")]
    OnPaper,
    /// EC2: `InvalidNetworkInterface.InUse`.
    #[error("{eni} is attached to {instance}")]
    Attached { eni: EniId, instance: InstanceId },
    /// EC2: `InvalidAttachmentID.NotFound`.
    #[error("{0} is not attached")]
    NotAttached(EniId),
    /// EC2: `InvalidParameterValue`, "device index is in use".
    #[error("card {card}, device index {index} of {instance} is taken by {owner}")]
    SlotInUse { instance: InstanceId, card: u32, index: u32, owner: EniId },
    /// The fabric was deleted while a handle to a part of it was kept.
    #[error("the fabric is deleted")]
    Deleted,
    /// The link did not come back: within the limit, or because the fabric could not make it.
    #[error("{eni} did not come back: {reason}")]
    NotBack { eni: EniId, reason: String },
    /// The kernel refused.
    #[error("the fabric's namespace refuses")]
    Wire(#[from] WireError),
    /// The API's server could not start.
    #[error("the API cannot listen on {address}")]
    Serve { address: String, source: std::io::Error },
    /// The metadata service.
    #[error("no metadata service")]
    Imds(#[from] ImdsError),
    /// A namespace could not be reached.
    #[error("no way into a network namespace")]
    Netns(#[from] NetnsError),
}

/// Reads a builder's text.
pub(crate) fn parse<T: FromStr>(what: &'static str, value: &str, rule: &'static str) -> Result<T, Error> {
    value.parse().map_err(|_| Error::Value { what, value: value.to_owned(), rule })
}
