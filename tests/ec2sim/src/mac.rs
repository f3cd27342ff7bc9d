//! A link-layer address of an ENI.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Six octets, written as `02:00:00:00:00:01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// Text that is not a unicast address of six octets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a unicast MAC address of six octets")]
pub struct InvalidMac(String);

impl MacAddr {
    /// The `n`th address of a fabric. Like EC2's it is locally administered.
    pub(crate) fn nth(n: u64) -> Self {
        let [.., b, c, d, e, f] = n.to_be_bytes();
        Self([0x02, b, c, d, e, f])
    }

    /// The octets in the order they are sent.
    #[must_use]
    pub fn octets(&self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddr {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        let octets: Option<Vec<u8>> = text
            .split(':')
            .map(|part| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten())
            .collect();
        match octets.and_then(|octets| <[u8; 6]>::try_from(octets).ok()) {
            // The lowest bit of the first octet marks a group; a link cannot have such an address (is_valid_ether_addr, include/linux/etherdevice.h).
            Some(octets) if octets[0] & 1 == 0 && octets != [0; 6] => Ok(Self(octets)),
            _ => Err(InvalidMac(text.to_owned())),
        }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets_are_the_same_address() {
        let mac: MacAddr = "02:0A:00:00:01:ff".parse().unwrap();
        assert_eq!(mac.to_string(), "02:0a:00:00:01:ff");
        assert_eq!(mac.octets(), [2, 10, 0, 0, 1, 255]);
    }

    #[test]
    fn groups_zero_and_short_text_are_refused() {
        for wrong in ["01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00", "02:0:00:00:00:001", ""] {
            assert!(wrong.parse::<MacAddr>().is_err(), "{wrong}");
        }
    }
}
