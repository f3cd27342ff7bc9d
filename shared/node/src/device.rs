//! Which device an attachment is about: by what it is, never by a name or an index that changes under way.

use crate::names::{EniId, IfName, MacAddr, PciAddr};
use crate::netlink::Link;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A device's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The address that its hardware came with.
    pub mac_address: MacAddr,
    /// Where it sits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci_address: Option<PciAddr>,
    /// The ENI that it is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<EniId>,
}

/// Kinds of links that carry the address of the link below them, or of their first port: they are never a device. The
/// last four cannot even change namespaces (`netns_immutable` in the kernel).
const BUILT_ON_OTHERS: [&str; 9] =
    ["macvlan", "macvtap", "ipvlan", "ipvtap", "vlan", "bridge", "bond", "team", "openvswitch"];

impl Device {
    /// This device's link among those of a namespace.
    ///
    /// Where both PCI addresses are known they decide. Else the MAC does, and where a pod changed that, the ENI's id in
    /// `ifalias`; what looks alike since it is built on the device, a bridge over it or a child of it, is passed over, and a
    /// driver's link, which has no kind, goes before one that software made.
    pub fn find<'a>(&self, links: &'a [Link]) -> Option<&'a Link> {
        let candidates =
            || links.iter().filter(|link| !link.loopback && !is_built_on_others(link) && self.may_sit_at(link));
        let by_pci = candidates().find(|link| self.pci_address.is_some() && pci_address(link) == self.pci_address);
        let rank = |link: &&Link| (link.kind.is_none(), self.has_alias(link));
        let by_mac = || candidates().filter(|link| self.has_mac(link)).max_by_key(rank);
        by_pci.or_else(by_mac).or_else(|| candidates().find(|link| self.has_alias(link)))
    }

    /// The name that the link gets on the host when its own is taken: that of the ENI, else made of the MAC in its form.
    pub fn fallback_name(&self) -> Option<IfName> {
        if let Some(eni) = &self.network_interface_id {
            return Some(eni.fallback_name());
        }
        let digits = self.mac_address.to_string().replace(':', "");
        format!("eni-{}", &digits[2..]).parse().ok()
    }

    /// The name of the lock that is held over its moves.
    pub fn lock_name(&self) -> String {
        match &self.network_interface_id {
            Some(eni) => eni.to_string(),
            None => format!("mac-{}", self.mac_address.to_string().replace(':', "")),
        }
    }

    /// Whether both are the same device.
    pub fn is_same(&self, other: &Self) -> bool {
        self.mac_address == other.mac_address || (self.pci_address.is_some() && self.pci_address == other.pci_address)
    }

    fn may_sit_at(&self, link: &Link) -> bool {
        pci_address(link).is_none_or(|address| self.pci_address.is_none_or(|mine| mine == address))
    }

    fn has_mac(&self, link: &Link) -> bool {
        [link.mac, link.permanent_mac].contains(&Some(self.mac_address))
    }

    fn has_alias(&self, link: &Link) -> bool {
        self.network_interface_id.as_ref().is_some_and(|eni| link.alias.as_deref() == Some(eni.as_str()))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.network_interface_id {
            Some(eni) => write!(f, "{eni} ({})", self.mac_address),
            None => write!(f, "{}", self.mac_address),
        }
    }
}

/// The PCI address that a link sits at, if it sits at one.
pub fn pci_address(link: &Link) -> Option<PciAddr> {
    let (name, bus) = link.parent.as_ref()?;
    (bus == "pci").then(|| name.parse().ok()).flatten()
}

fn is_built_on_others(link: &Link) -> bool {
    link.kind.as_deref().is_some_and(|kind| BUILT_ON_OTHERS.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "02:00:00:00:00:01";

    fn device() -> Device {
        Device {
            mac_address: MAC.parse().unwrap(),
            pci_address: Some("0000:00:06.0".parse().unwrap()),
            network_interface_id: Some("eni-0123456789abcdef0".parse().unwrap()),
        }
    }

    fn link(index: u32, name: &str) -> Link {
        Link { index, name: name.to_string(), ..Link::default() }
    }

    fn at(mut link: Link, pci: &str) -> Link {
        link.parent = Some((pci.to_string(), "pci".to_string()));
        link
    }

    fn with_mac(mut link: Link, mac: &str) -> Link {
        link.mac = Some(mac.parse().unwrap());
        link
    }

    #[test]
    fn the_pci_address_decides_over_a_mac_that_was_copied() {
        let links = [with_mac(at(link(1, "eth1"), "0000:00:07.0"), MAC), at(link(2, "net1"), "0000:00:06.0")];
        assert_eq!(device().find(&links).unwrap().index, 2);
    }

    #[test]
    fn a_pods_own_macvlan_with_the_same_mac_is_not_the_device() {
        let child = Link { kind: Some("macvlan".to_string()), ..with_mac(link(1, "mv0"), MAC) };
        let links = [child, with_mac(link(2, "net1"), MAC)];
        assert_eq!(device().find(&links).unwrap().index, 2);
        assert_eq!(device().find(&links[..1]), None);
    }

    #[test]
    fn what_took_the_devices_mac_is_not_the_device_wherever_it_stands() {
        let kind = |kind: &str, link: Link| Link { kind: Some(kind.to_string()), ..link };
        let alias = |link: Link| Link { alias: Some("eni-0123456789abcdef0".to_string()), ..link };
        for other in [
            kind("bridge", with_mac(link(1, "br0"), MAC)),
            kind("bond", alias(with_mac(link(1, "bond0"), MAC))),
            kind("dummy", alias(with_mac(link(1, "aaa"), MAC))),
        ] {
            let links = [other.clone(), with_mac(link(2, "net1"), MAC), Link { index: 3, ..other }];
            assert_eq!(device().find(&links).unwrap().index, 2, "{}", links[0].name);
        }
    }

    #[test]
    fn a_changed_mac_leaves_the_permanent_one_and_the_alias() {
        let permanent =
            Link { permanent_mac: Some(MAC.parse().unwrap()), ..with_mac(link(1, "net1"), "02:00:00:00:00:99") };
        let aliased =
            Link { alias: Some("eni-0123456789abcdef0".to_string()), ..with_mac(link(2, "x"), "02:00:00:00:00:98") };
        assert_eq!(device().find(std::slice::from_ref(&permanent)).unwrap().index, 1);
        assert_eq!(device().find(std::slice::from_ref(&aliased)).unwrap().index, 2);
        assert_eq!(device().find(&[aliased, permanent]).unwrap().index, 1);
    }

    #[test]
    fn a_device_without_an_eni_has_a_name_of_its_mac_to_fall_back_to() {
        let nameless = Device { network_interface_id: None, ..device() };
        assert_eq!(nameless.fallback_name().unwrap().as_str(), "eni-0000000001");
    }
}
