//! The host's namespace as the agent sees it: its links with all that is configured on them, out of one pass of dumps.

use crate::device::pci_address;
use crate::names::{MacAddr, PciAddr};
use crate::netlink::{self, Address, Link, MAIN_TABLE, Netlink, Route, Rule};
use ipnetwork::IpNetwork;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;

/// One namespace, read once.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Its links.
    pub links: Vec<Link>,
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// Its routes, of all tables.
    pub routes: Vec<Route>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// What ties a link to the host, so that nobody may take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tie {
    /// It is the loopback device.
    #[error("it is the loopback device")]
    Loopback,
    /// The host reaches the world over it.
    #[error("the host's default route is over it")]
    DefaultRoute,
    /// It is a port of another link.
    #[error("it belongs to {0}")]
    Master(String),
    /// Another link of the host is built on it.
    #[error("{0} is on top of it")]
    Upper(String),
}

/// A link of the host, as the agent looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLink {
    /// Its number in the host's namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The address that its hardware came with, where the driver tells; else the one that it has.
    pub mac_address: Option<MacAddr>,
    /// Where it sits, if it is a PCI device's.
    pub pci_address: Option<PciAddr>,
    /// The name of its PCI device's driver; nothing for what is no PCI device.
    pub driver: Option<String>,
    /// The kind of a device that is of software: `veth`, `bridge`, `ipvlan`, ….
    pub kind: Option<String>,
    /// Bytes.
    pub mtu: u32,
    /// What the driver can do, in bytes.
    pub mtu_range: RangeInclusive<u32>,
    /// Whether it is set up.
    pub up: bool,
    /// Its alternative names.
    pub altnames: Vec<String>,
    /// `ifalias`.
    pub alias: Option<String>,
    /// What ties it to the host, if anything does.
    pub tie: Option<Tie>,
    /// The host's addresses on it, but for those that the kernel gives every IPv6 link (fe80::/10).
    pub addresses: Vec<IpNetwork>,
}

impl HostLink {
    /// Whether the host's default route is over it.
    pub fn has_default_route(&self) -> bool {
        self.tie == Some(Tie::DefaultRoute)
    }
}

impl View {
    /// Reads the namespace of this socket.
    ///
    /// # Errors
    /// Those of netlink.
    pub async fn read(netlink: &Netlink) -> Result<Self, netlink::Error> {
        let (links, addresses) = (netlink.links().await?, netlink.addresses().await?);
        Ok(Self { links, addresses, routes: netlink.routes().await?, rules: netlink.rules().await? })
    }

    /// The links; `sysfs` is where drivers are looked up, `/sys`.
    pub fn host_links(&self, sysfs: &Path) -> Vec<HostLink> {
        self.links.iter().map(|link| self.host_link(link, sysfs)).collect()
    }

    fn host_link(&self, link: &Link, sysfs: &Path) -> HostLink {
        let pci_address = pci_address_of(link, sysfs);
        HostLink {
            index: link.index,
            name: link.name.clone(),
            mac_address: link.permanent_mac.or(link.mac),
            pci_address,
            driver: pci_address.and_then(|address| driver(address, sysfs)),
            kind: link.kind.clone(),
            mtu: link.mtu,
            mtu_range: link.mtu_range(),
            up: link.up,
            altnames: link.altnames.clone(),
            alias: link.alias.clone(),
            tie: self.tie(link),
            addresses: self.addresses_of(link).map(|address| address.network).collect(),
        }
    }

    /// The addresses that the host has on a link, but for those that the kernel gives every IPv6 link by itself.
    pub fn addresses_of(&self, link: &Link) -> impl Iterator<Item = &Address> {
        let index = link.index;
        self.addresses.iter().filter(move |address| address.link == index && !address.link_local)
    }

    /// What ties a link to the host for good. An IPv6 default route does so only where there is no IPv4 one: a router's
    /// advertisement gives one to every link that listens, and the host can do without.
    pub fn tie(&self, link: &Link) -> Option<Tie> {
        if link.loopback {
            return Some(Tie::Loopback);
        }
        if self.default_links().contains(&link.index) {
            return Some(Tie::DefaultRoute);
        }
        if let Some(master) = link.master {
            return Some(Tie::Master(self.name_of(master)));
        }
        self.uppers(link).next().map(|upper| Tie::Upper(upper.name.clone()))
    }

    /// The links that are built on this one. A veth whose peer is here names it as its lower link, and so does the peer.
    pub fn uppers(&self, link: &Link) -> impl Iterator<Item = &Link> {
        let index = link.index;
        self.links.iter().filter(move |other| other.lower == Some(index) && other.kind.as_deref() != Some("veth"))
    }

    fn name_of(&self, index: u32) -> String {
        let link = self.links.iter().find(|link| link.index == index);
        link.map_or_else(|| format!("link {index}"), |link| link.name.clone())
    }

    /// The links of the default route that the kernel prefers: the IPv4 one, where there is none the IPv6 one.
    fn default_links(&self) -> Vec<u32> {
        let of_family = |ipv4: bool| {
            let defaults = || {
                let main = self.routes.iter().filter(|route| route.table == MAIN_TABLE);
                main.filter(move |route| route.is_default() && route.destination.is_ipv4() == ipv4)
            };
            let best = defaults().map(|route| route.priority).min()?;
            let links = defaults().filter(|route| route.priority == best).flat_map(|route| route.links.iter().copied());
            Some(links.collect())
        };
        of_family(true).or_else(|| of_family(false)).unwrap_or_default()
    }
}

/// The rules that speak of just one of these addresses: a daemon of the host makes them for an ENI of its own, and they stay
/// when its link goes.
pub fn rules_about<'a>(rules: &'a [Rule], addresses: &'a [IpAddr]) -> impl Iterator<Item = &'a Rule> {
    rules.iter().filter(|rule| addresses.iter().any(|&address| rule.is_for(address)))
}

/// The PCI address that a link of this namespace sits at, if it sits at one. Kernels before 5.14 do not tell it with the link
/// (`IFLA_PARENT_DEV_NAME`), but in sysfs (`Documentation/ABI/testing/sysfs-class-net`, `device`).
pub fn pci_address_of(link: &Link, sysfs: &Path) -> Option<PciAddr> {
    let in_sysfs = || {
        let target = std::fs::read_link(sysfs.join("class/net").join(&link.name).join("device")).ok()?;
        target.file_name()?.to_str()?.parse().ok()
    };
    pci_address(link).or_else(in_sysfs)
}

/// The driver that a PCI device is bound to: where its link `driver` in sysfs points to (kernel, `Documentation/ABI/testing/
/// sysfs-bus-pci`); nothing for a device that has none.
pub fn driver(address: PciAddr, sysfs: &Path) -> Option<String> {
    let link = sysfs.join("bus/pci/devices").join(address.to_string()).join("driver");
    let target = std::fs::read_link(link).ok()?;
    target.file_name()?.to_str().map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Link {
        Link { index, name: name.to_string(), ..Link::default() }
    }

    fn default_route(text: &str, link: u32, priority: u32) -> Route {
        Route { priority, ..Route::to(text.parse().unwrap(), link) }
    }

    #[test]
    fn rou_1_a_daemons_second_default_route_ties_nothing_and_the_best_one_does() {
        let view = View {
            links: vec![link(2, "eth0"), link(3, "eth1")],
            routes: vec![
                default_route("0.0.0.0/0", 3, 512),
                default_route("0.0.0.0/0", 2, 100),
                default_route("::/0", 3, 1024),
            ],
            ..View::default()
        };
        assert_eq!(view.tie(&view.links[0]), Some(Tie::DefaultRoute));
        assert_eq!(view.tie(&view.links[1]), None);
    }

    #[test]
    fn on_a_host_without_ipv4_the_ipv6_default_route_ties() {
        let routes = vec![default_route("::/0", 2, 1024)];
        let view = View { links: vec![link(2, "eth0")], routes, ..View::default() };
        assert_eq!(view.tie(&view.links[0]), Some(Tie::DefaultRoute));
    }

    #[test]
    fn ports_and_what_others_are_built_on_are_tied_and_a_veth_to_its_peer_is_not() {
        let port = Link { master: Some(9), ..link(2, "eth0") };
        let child = Link { lower: Some(3), kind: Some("ipvlan".to_string()), ..link(4, "ipvl0") };
        let veth = Link { lower: Some(6), kind: Some("veth".to_string()), ..link(5, "veth0") };
        let peer = Link { lower: Some(5), kind: Some("veth".to_string()), ..link(6, "veth1") };
        let view = View { links: vec![port, link(3, "eth1"), child, veth, peer, link(9, "br0")], ..View::default() };
        let ties: Vec<_> = view.links.iter().map(|link| view.tie(link)).collect();
        let expected = [Some(Tie::Master("br0".to_string())), Some(Tie::Upper("ipvl0".to_string())), None, None, None];
        assert_eq!(ties[..5], expected);
    }

    #[test]
    fn a_kernel_that_does_not_tell_where_a_link_sits_is_asked_by_sysfs() {
        let sysfs = tempfile::tempdir().unwrap();
        for (name, place) in [("eth1", "../../../0000:00:06.0"), ("eth2", "../../../virtio1")] {
            let folder = sysfs.path().join("class/net").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink(place, folder.join("device")).unwrap();
        }
        let of = |link: &Link| pci_address_of(link, sysfs.path()).map(|address| address.to_string());
        assert_eq!(of(&link(2, "eth1")).as_deref(), Some("0000:00:06.0"));
        assert_eq!(of(&link(3, "eth2")), None);
        assert_eq!(of(&link(4, "veth1")), None);
        let told = Link { parent: Some(("0000:00:07.0".into(), "pci".into())), ..link(2, "eth1") };
        assert_eq!(of(&told).as_deref(), Some("0000:00:07.0"));
    }

    #[test]
    fn the_driver_is_where_sysfs_points_to() {
        let sysfs = tempfile::tempdir().unwrap();
        let device = sysfs.path().join("bus/pci/devices/0000:00:06.0");
        std::fs::create_dir_all(&device).unwrap();
        let address: PciAddr = "0000:00:06.0".parse().unwrap();
        assert_eq!(driver(address, sysfs.path()), None);
        std::os::unix::fs::symlink("../../../bus/pci/drivers/ena", device.join("driver")).unwrap();
        assert_eq!(driver(address, sysfs.path()).as_deref(), Some("ena"));
    }
}
