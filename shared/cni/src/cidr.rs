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

impl From<IpNetwork> for Cidr {
    fn from(network: IpNetwork) -> Self {
        Self(network)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn host_bits_are_kept_and_cleared_on_request() {
        let address = cidr("10.0.3.7/24");
        assert_eq!(address.to_string(), "10.0.3.7/24");
        assert_eq!(address.network(), cidr("10.0.3.0/24"));
        assert_eq!(cidr("2001:db8::7/64").network(), cidr("2001:db8::/64"));
        assert_eq!(cidr("10.1.2.3/0").network(), cidr("0.0.0.0/0"));
        assert_eq!(cidr("fe80::1/0").network(), cidr("::/0"));
        assert_eq!(cidr("10.1.2.3/32").network(), cidr("10.1.2.3/32"));
    }

    #[test]
    fn cfg_3_addresses_are_read_strictly() {
        for bad in [
            "",
            "/",
            "10.0.0.5",
            "10.0.0.5/",
            "/24",
            "10.0.0.5/33",
            "10.0.0.5/+24",
            "10.0.0.5/024",
            "10.0.0.5/00",
            "10.0.0.5/255.255.255.0",
            "010.0.0.5/24",
            "10.0.5/24",
            " 10.0.0.5/24",
            "10.0.0.5/24 ",
            "10.0.0.5 /24",
            "10.0.0.5/24/24",
            "10.0.0.5/-1",
            "null/32",
            "::1/129",
            "fe80::1%eth0/64",
            "::1/1e1",
            "10.0.0.5/٣",
            "10.0.0.5/256",
            "10.0.0.5/99999999999999999999",
            "0x0a.0.0.5/24",
            "[::1]/64",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_canonical_form_is_written() {
        assert_eq!(cidr("2001:0DB8:0:0:0:0:0:1/64").to_string(), "2001:db8::1/64");
        assert_eq!(serde_json::to_string(&cidr("::/0")).unwrap(), "\"::/0\"");
        assert_eq!(serde_json::from_str::<Cidr>("\"10.0.0.5/8\"").unwrap(), cidr("10.0.0.5/8"));
        assert!(serde_json::from_str::<Cidr>("\"10.0.0.5\"").is_err());
        assert!(serde_json::from_str::<Cidr>("null").is_err());
    }

    #[test]
    fn a_network_contains_only_its_own_family() {
        assert!(cidr("10.0.0.0/8").contains("10.9.9.9".parse().unwrap()));
        assert!(!cidr("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(!cidr("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(cidr("10.0.0.1/8").contains("10.0.0.0".parse().unwrap()));
    }

    #[test]
    fn a_length_of_the_other_family_is_refused() {
        assert!(Cidr::new("10.0.0.1".parse().unwrap(), 33).is_err());
        assert!(Cidr::new("::1".parse().unwrap(), 128).is_ok());
    }
}
