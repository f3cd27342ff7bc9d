//! What the VPC drops on its way in from an ENI: a table of the netdev family on the fabric's end of the pair, which sees
//! a frame before the bridge does.
//!
//! EC2's source/destination check is what is played: the source MAC and the source address must be the ENI's
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html>); ARP and neighbour advertisements must not
//! speak for others.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv6Addr;
use std::process::{Command, Output, Stdio};

use ipnetwork::{IpNetwork, Ipv6Network};
use serde_json::Value;

use super::{Allowed, WireError};
use crate::ids::EniId;
use crate::mac::MacAddr;

/// How many frames of an ENI the VPC has dropped since its link was made, by what was wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// A source MAC that is not the ENI's.
    pub mac: u64,
    /// An ARP sender that is not the ENI.
    pub arp: u64,
    /// A source IPv4 address that is not the ENI's.
    pub ipv4: u64,
    /// A source IPv6 address that is not the ENI's, or a neighbour advertisement for another's.
    pub ipv6: u64,
    /// Neither ARP nor IP.
    pub other: u64,
}

/// The table of one ENI, whole: applying it replaces the table of that name in one transaction.
pub(super) fn table(eni: &EniId, link: &str, mac: MacAddr, allowed: &Allowed) -> String {
    let mut rules = String::new();
    let mut rule = |text: &str| writeln!(rules, "    {text}").unwrap_or_default();
    rule(&format!("ether saddr != {mac} counter name not-mac drop"));
    rule(&format!("arp saddr ether != {mac} counter name not-arp drop"));
    rule("arp saddr ip 0.0.0.0 accept");
    for network in &allowed.0 {
        match network {
            IpNetwork::V4(v4) => {
                rule(&format!("arp saddr ip {v4} accept"));
                rule(&format!("ip saddr {v4} accept"));
            }
            IpNetwork::V6(v6) => rule(&format!("{ADVERTISEMENT} {} accept", target(*v6))),
        }
    }
    rule("ether type arp counter name not-arp drop");
    rule("ether type ip counter name not-ipv4 drop");
    // Duplicate address detection and the joining of its group speak from the unspecified address (RFC 4862, 3810).
    rule("ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld2-listener-report } accept");
    rule(&format!("{ADVERTISEMENT} {} accept", target(LINK_LOCAL)));
    rule(&format!("{ADVERTISEMENT} counter name not-ipv6 drop"));
    rule(&format!("ip6 saddr {LINK_LOCAL} accept"));
    for v6 in allowed.0.iter().filter(|network| network.is_ipv6()) {
        rule(&format!("ip6 saddr {v6} accept"));
    }
    rule("ether type ip6 counter name not-ipv6 drop");
    rule("counter name not-any drop");
    let counters = ["mac", "arp", "ipv4", "ipv6", "any"].map(|name| format!("  counter not-{name} {{ }}\n")).concat();
    format!(
        "table netdev {eni} {{ }}\ndelete table netdev {eni}\ntable netdev {eni} {{\n{counters}  chain in {{\n    \
         type filter hook ingress device \"{link}\" priority 0; policy drop;\n{rules}  }}\n}}\n"
    )
}

pub(super) fn apply(table: &str) -> Result<(), WireError> {
    nft(&["-f", "-"], table).map(drop)
}

pub(super) fn remove(eni: &EniId) -> Result<(), WireError> {
    apply(&format!("table netdev {eni} {{ }}\ndelete table netdev {eni}\n"))
}

/// Redirects would teach the pods a way past the router, which EC2's router never does.
pub(super) fn silence_redirects() -> Result<(), WireError> {
    apply(concat!(
        "table ip6 router { }\ndelete table ip6 router\ntable ip6 router {\n  chain out {\n",
        "    type filter hook output priority 0; policy accept;\n    icmpv6 type nd-redirect drop\n  }\n}\n",
    ))
}

pub(super) fn drops(eni: &EniId) -> Result<Drops, WireError> {
    let answer = nft(&["-j", "list", "counters", "table", "netdev", eni.as_str()], "")?;
    let answer: Value = serde_json::from_slice(&answer.stdout).map_err(WireError::NftAnswer)?;
    let objects = answer["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let packets = |name: &str| {
        let counter = objects.iter().map(|object| &object["counter"]).find(|counter| counter["name"] == name);
        counter.and_then(|counter| counter["packets"].as_u64()).unwrap_or_default()
    };
    Ok(Drops {
        mac: packets("not-mac"),
        arp: packets("not-arp"),
        ipv4: packets("not-ipv4"),
        ipv6: packets("not-ipv6"),
        other: packets("not-any"),
    })
}

const ADVERTISEMENT: &str = "icmpv6 type nd-neighbor-advert";
const LINK_LOCAL: Ipv6Network = match Ipv6Network::new_checked(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10) {
    Some(network) => network,
    None => unreachable!(),
};

/// Matches the target address of an advertisement: bits 64 and on of the ICMPv6 message (RFC 4861, section 4.4).
fn target(network: Ipv6Network) -> String {
    let bits = u32::from(network.prefix());
    let value = network.network().to_bits().checked_shr(128 - bits).unwrap_or_default();
    format!("@th,64,{bits} 0x{value:x}")
}

/// Runs `nft` in the namespace of the calling thread, which a child inherits.
fn nft(arguments: &[&str], input: &str) -> Result<Output, WireError> {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(WireError::NftMissing)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(WireError::NftMissing)?;
    }
    let output = child.wait_with_output().map_err(WireError::NftMissing)?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(WireError::Nft(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_an_advertisement_is_compared_by_its_prefix() {
        assert_eq!(target(LINK_LOCAL), "@th,64,10 0x3fa");
        assert_eq!(target("2001:db8::5/128".parse().unwrap()), "@th,64,128 0x20010db8000000000000000000000005");
    }

    #[test]
    fn every_address_of_the_eni_is_accepted_and_the_rest_is_counted() {
        let allowed = Allowed(vec!["10.0.1.4/32".parse().unwrap(), "10.0.1.16/28".parse().unwrap()]);
        let table = table(&EniId::nth(1), "p1", MacAddr::nth(1), &allowed);
        assert!(table.contains("ip saddr 10.0.1.4/32 accept"));
        assert!(table.contains("arp saddr ip 10.0.1.16/28 accept"));
        assert!(table.contains("policy drop"));
    }
}
