//! Identities of EC2, each with one constructor that can fail, so that nothing behind it has to check again.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Why a text is not an identity of its kind. Of the text the start is kept, since the message is all that a user gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not {rule}")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

fn invalid(kind: &'static str, text: &str, rule: &'static str) -> InvalidId {
    InvalidId { kind, text: text.chars().take(80).collect(), rule }
}

/// A resource id is its prefix and 8 or 17 lower-case hexadecimal digits (EC2, "Resource IDs" and "Longer resource IDs").
macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if !text.strip_prefix($prefix).is_some_and(is_hexadecimal) {
                    return Err(invalid($kind, text, concat!($prefix, " and 8 or 17 lower-case hexadecimal digits")));
                }
                Ok(Self(text.to_string()))
            }
        }

        text_id!($name);
    };
}

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            /// The identity as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fn is_hexadecimal(digits: &str) -> bool {
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

resource_id! {
    /// An ENI's id: `eni-…`.
    NetworkInterfaceId, "network interface id", "eni-"
}
resource_id! {
    /// A subnet's id: `subnet-…`.
    SubnetId, "subnet id", "subnet-"
}
resource_id! {
    /// A security group's id: `sg-…`.
    SecurityGroupId, "security group id", "sg-"
}
resource_id! {
    /// A VPC's id: `vpc-…`.
    VpcId, "VPC id", "vpc-"
}
resource_id! {
    /// An instance's id: `i-…`.
    InstanceId, "instance id", "i-"
}
resource_id! {
    /// The id of an ENI's attachment to an instance: `eni-attach-…`.
    AttachmentId, "attachment id", "eni-attach-"
}

/// An Ethernet address of an ENI: six pairs of hexadecimal digits with colons, kept in lower case as EC2 writes it, neither
/// zero nor a group address (`is_valid_ether_addr` in the kernel's `linux/etherdevice.h`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(String);
text_id!(MacAddress);

impl FromStr for MacAddress {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refusal = || invalid("MAC address", text, "six pairs of hexadecimal digits of a device's own address");
        let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        let pairs: Vec<&str> = text.split(':').collect();
        let first = pairs.first().and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(refusal)?;
        let is_zero = pairs.iter().all(|&pair| pair == "00");
        if pairs.len() != 6 || !pairs.iter().copied().all(is_pair) || is_zero || first & 1 == 1 {
            return Err(refusal());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_ids_are_short_or_long() {
        assert_eq!("eni-0123456789abcdef0".parse::<NetworkInterfaceId>().unwrap().as_str(), "eni-0123456789abcdef0");
        assert!("i-01234567".parse::<InstanceId>().is_ok());
        assert!("eni-attach-0123456789abcdef0".parse::<AttachmentId>().is_ok());
        for bad in ["", "eni-", "eni-0123456789ABCDEF0", "eni-../../etc/passwd", "eth0", "eni-012345678", "i-01234567"]
        {
            assert!(bad.parse::<NetworkInterfaceId>().is_err(), "{bad:?}");
        }
        assert!("eni-attach-01234567".parse::<NetworkInterfaceId>().is_err());
    }

    #[test]
    fn mac_addresses_are_a_devices_own() {
        assert_eq!("02:AB:00:00:00:01".parse::<MacAddress>().unwrap().as_str(), "02:ab:00:00:00:01");
        for bad in ["", "02:ab", "02:ab:00:00:00:01:02", "00:00:00:00:00:00", "01:00:5e:00:00:01", "+2:ab:00:00:00:01"]
        {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn identities_are_checked_when_they_are_read() {
        assert!(serde_json::from_str::<SubnetId>("\"subnet-01234567\"").is_ok());
        let error = serde_json::from_str::<SubnetId>("\"vpc-01234567\"").unwrap_err();
        let text = "subnet id \"vpc-01234567\" is not subnet- and 8 or 17 lower-case hexadecimal digits";
        assert_eq!(error.to_string(), text);
    }
}
