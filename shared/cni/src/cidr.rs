//! Addresses with a prefix length, read strictly.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

/// An address and a prefix length, `10.0.3.7/24`. Host bits are kept.
///
/// Stricter than [`IpNetwork`]: the length has to be there, as a decimal number without sign or leading zeros, so that
/// a text is never made into a network that its writer did not mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(IpNetwork);

/// Why a text is no [`Cidr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// There is no `/`.
    #[error("{0:?} has no prefix length, it has to look like \"10.0.3.7/24\"")]
    NoPrefix(String),
    /// What stands before the `/`.
    #[error("{0:?} does not begin with an IP address")]
    Address(String),
    /// What stands after the `/`.
    #[error("{0:?} does not end with a prefix length of that address family")]
    Prefix(String),
}

impl Cidr {
    /// Puts an address and a length together.
    ///
    /// # Errors
    /// The length is more than 32 for IPv4 or 128 for IPv6.
    pub fn new(ip: IpAddr, prefix: u8) -> Result<Self, CidrError> {
        IpNetwork::new(ip, prefix).map(Self).map_err(|_| CidrError::Prefix(format!("{ip}/{prefix}")))
    }

    /// The address, host bits included.
    pub fn ip(&self) -> IpAddr {
        self.0.ip()
    }

    /// The length of the prefix in bits.
    pub fn prefix(&self) -> u8 {
        self.0.prefix()
    }

    /// The same network with its host bits cleared.
    #[must_use]
    pub fn network(&self) -> Self {
        match self.0 {
            IpNetwork::V4(v4) => {
                let bits = v4.ip().to_bits() & v4.mask().to_bits();
                Self(IpNetwork::V4(Ipv4Network::new_checked(Ipv4Addr::from_bits(bits), v4.prefix()).unwrap_or(v4)))
            }
            IpNetwork::V6(v6) => {
                let bits = v6.ip().to_bits() & v6.mask().to_bits();
                Self(IpNetwork::V6(Ipv6Network::new_checked(Ipv6Addr::from_bits(bits), v6.prefix()).unwrap_or(v6)))
            }
        }
    }

    /// Whether the address is in this network. An address of the other family never is.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(ip)
    }

    /// Whether this is IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.0.is_ipv4()
    }

    /// The value for arithmetic.
    pub fn inner(&self) -> IpNetwork {
        self.0
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (ip, prefix) = text.split_once('/').ok_or_else(|| CidrError::NoPrefix(text.to_owned()))?;
        let ip: IpAddr = ip.parse().map_err(|_| CidrError::Address(text.to_owned()))?;
        let canonical = prefix == "0" || (!prefix.starts_with('0') && prefix.bytes().all(|b| b.is_ascii_digit()));
        let prefix = prefix.parse().ok().filter(|_| canonical).ok_or_else(|| CidrError::Prefix(text.to_owned()))?;
        Self::new(ip, prefix).map_err(|_| CidrError::Prefix(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.ip(), self.0.prefix())
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}
