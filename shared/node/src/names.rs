//! Names of the kernel and of EC2 that become messages or paths. Each has one constructor that can fail, so that nothing
//! behind it has to check again.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a name of its kind. The text itself is kept, since the message is all that a user gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} {why}")]
pub struct InvalidName {
    kind: &'static str,
    text: String,
    why: &'static str,
}

fn invalid(kind: &'static str, text: &str, why: &'static str) -> InvalidName {
    InvalidName { kind, text: text.chars().take(80).collect(), why }
}

macro_rules! text_name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_by_text!($name);
    };
}

macro_rules! serde_by_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    };
}

/// A network interface's name: 1 to 15 bytes, neither `.` nor `..`, without `/`, `:` and white space
/// (`dev_valid_name` in the kernel's `net/core/dev.c`), without `%`, which the kernel would expand, and neither `all` nor
/// `default`, whose sysctls are those of every link (`sysctl_dev_name_is_allowed` in `net/ipv4/devinet.c`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(String);
text_name!(IfName);

impl FromStr for IfName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() > 15 {
            return Err(invalid("interface name", text, "is longer than the kernel's 15 bytes"));
        }
        if matches!(text, "all" | "default") {
            return Err(invalid("interface name", text, "is what the kernel calls the sysctls of every link"));
        }
        checked_link_name(text).map(Self)
    }
}

/// An alternative name of a network interface: as [`IfName`], up to 127 bytes (`ALTIFNAMSIZ` in `linux/if.h`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AltName(String);
text_name!(AltName);

impl FromStr for AltName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() > 127 {
            return Err(invalid("alternative name", text, "is longer than the kernel's 127 bytes"));
        }
        checked_link_name(text).map(Self)
    }
}

fn checked_link_name(text: &str) -> Result<String, InvalidName> {
    let kind = "interface name";
    if text.is_empty() || text == "." || text == ".." {
        return Err(invalid(kind, text, "is none"));
    }
    // The kernel's `isspace` looks at bytes, and calls 0xa0 a space whatever character it is a part of.
    let is_space = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0xa0);
    if text.bytes().any(|byte| matches!(byte, b'/' | b':' | b'%' | b'\0') || is_space(byte)) {
        return Err(invalid(kind, text, "has a character that the kernel refuses (/ : % or white space)"));
    }
    Ok(text.to_string())
}

/// An ENI's id: `eni-` and 8 or 17 lower-case hexadecimal digits (EC2, "Longer IDs").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EniId(String);
text_name!(EniId);

impl FromStr for EniId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let why = "is not eni- and 8 or 17 lower-case hexadecimal digits";
        let digits = text.strip_prefix("eni-").ok_or_else(|| invalid("network interface id", text, why))?;
        let hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hex || !matches!(digits.len(), 8 | 17) {
            return Err(invalid("network interface id", text, why));
        }
        Ok(Self(text.to_string()))
    }
}

impl EniId {
    /// The name that the link gets on the host when its own is taken: `eni-` and the id's last 10 digits.
    pub fn fallback_name(&self) -> IfName {
        let digits = &self.0["eni-".len()..];
        IfName(format!("eni-{}", &digits[digits.len().saturating_sub(10)..]))
    }
}

/// A pool's name, that of its NodeENI: a DNS subdomain as Kubernetes has it for object names (RFC 1123), up to 253 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PoolName(String);
text_name!(PoolName);

impl FromStr for PoolName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let why = "is not a name of lower-case letters, digits, - and ., up to 253 bytes";
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            let ends = bytes.first().copied().is_some_and(inner) && bytes.last().copied().is_some_and(inner);
            ends && bytes.iter().all(|&byte| inner(byte) || byte == b'-')
        };
        if text.len() > 253 || !text.split('.').all(label) {
            return Err(invalid("pool name", text, why));
        }
        Ok(Self(text.to_string()))
    }
}

/// An Ethernet address that a device can have: 6 bytes, neither zero nor a group address (`is_valid_ether_addr` in
/// `linux/etherdevice.h`). As text, lower-case with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);
serde_by_text!(MacAddr);

impl MacAddr {
    /// From the 6 bytes of a netlink attribute; nothing for another length, zero or a group address.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 6] = bytes.try_into().ok()?;
        (bytes != [0; 6] && bytes[0] & 1 == 0).then_some(Self(bytes))
    }

    /// The 6 bytes, most significant first.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddr {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let why = "is not six pairs of hexadecimal digits of a device's own address";
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
            let pair = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = pair.ok_or_else(|| invalid("MAC address", text, why))?;
        }
        if pairs.next().is_some() {
            return Err(invalid("MAC address", text, why));
        }
        Self::from_bytes(&bytes).ok_or_else(|| invalid("MAC address", text, why))
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A PCI function's address, `domain:bus:device.function`, as sysfs names it (`pci_setup_device` in the kernel's
/// `drivers/pci/probe.c`). The short form without a domain is read as domain 0000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PciAddr {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}
serde_by_text!(PciAddr);

impl FromStr for PciAddr {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        parse_pci(text).ok_or_else(|| invalid("PCI address", text, "is not of the form 0000:00:06.0"))
    }
}

fn parse_pci(text: &str) -> Option<PciAddr> {
    let (front, function) = text.split_once('.')?;
    let parts: Vec<&str> = front.split(':').collect();
    let (domain, bus, device) = match parts[..] {
        [bus, device] => ("0000", bus, device),
        [domain, bus, device] if (4..=8).contains(&domain.len()) => (domain, bus, device),
        _ => return None,
    };
    let hex = |digits: &str, length: usize| {
        let plain = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let small = |value: u32, limit: u8| u8::try_from(value).ok().filter(|&value| value <= limit);
    Some(PciAddr {
        domain: hex(domain, domain.len())?,
        bus: small(hex(bus, 2)?, 255)?,
        device: small(hex(device, 2)?, 31)?,
        function: small(hex(function, 1)?, 7)?,
    })
}

impl fmt::Display for PciAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{}", self.domain, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_follow_the_kernels_rule() {
        for good in ["eth0", "net1", "a", "fifteen-bytes-x", "eni-456789abcd", "ä"] {
            assert_eq!(good.parse::<IfName>().unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "eth%d", "sixteen-bytes-xy", "a\0", "all", "default", "à"]
        {
            assert!(bad.parse::<IfName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn mac_addresses_are_a_devices_own() {
        assert_eq!("02:AB:00:00:00:01".parse::<MacAddr>().unwrap().to_string(), "02:ab:00:00:00:01");
        for bad in [
            "",
            "02:ab",
            "02:ab:00:00:00:01:02",
            "00:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "2:ab:0:0:0:1",
            "+2:ab:00:00:00:01",
        ] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn pci_addresses_are_normalised() {
        assert_eq!("00:06.0".parse::<PciAddr>().unwrap().to_string(), "0000:00:06.0");
        assert_eq!("0000:00:1F.7".parse::<PciAddr>().unwrap().to_string(), "0000:00:1f.7");
        assert_eq!("10000:e1:00.0".parse::<PciAddr>().unwrap().to_string(), "10000:e1:00.0");
        for bad in
            ["", "0000:00:06", "0000:00:20.0", "0000:00:06.8", "0:00:06.0", "0000:00:06.0/..", "0000:00:+6.0", "eth0"]
        {
            assert!(bad.parse::<PciAddr>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn eni_ids_are_short_or_long_and_give_a_name() {
        let eni: EniId = "eni-0123456789abcdef0".parse().unwrap();
        assert_eq!(eni.fallback_name().as_str(), "eni-789abcdef0");
        assert_eq!("eni-01234567".parse::<EniId>().unwrap().fallback_name().as_str(), "eni-01234567");
        for bad in ["", "eni-", "eni-0123456789ABCDEF0", "eni-../../etc/passwd", "eth0", "eni-012345678"] {
            assert!(bad.parse::<EniId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn pool_names_are_those_of_kubernetes_objects() {
        assert!("data-plane.v2".parse::<PoolName>().is_ok());
        for bad in ["", "-a", "a-", "A", "a..b", "a/b", "a_b"] {
            assert!(bad.parse::<PoolName>().is_err(), "{bad:?}");
        }
    }
}
