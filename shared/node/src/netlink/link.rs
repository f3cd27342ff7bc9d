//! Links: what one is, and the requests on one.

use super::{Ask, Error, Netlink, Operation};
use crate::names::{AltName, IfName, MacAddr};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, Prop};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd};

/// A network device in one namespace, as the kernel describes it (`RTM_NEWLINK`, `rtnl_fill_ifinfo` in
/// `net/core/rtnetlink.c`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Its number in this namespace.
    pub index: u32,
    /// Its name; never absent in an answer of the kernel.
    pub name: String,
    /// Its alternative names.
    pub altnames: Vec<String>,
    /// Its Ethernet address now.
    pub mac: Option<MacAddr>,
    /// The address that its hardware came with, where the driver tells.
    pub permanent_mac: Option<MacAddr>,
    /// Bytes.
    pub mtu: u32,
    /// The driver's least MTU, in bytes.
    pub min_mtu: u32,
    /// The driver's greatest MTU, in bytes; 0 where it has no bound.
    pub max_mtu: u32,
    /// Whether it is set up (`IFF_UP`).
    pub up: bool,
    /// Whether it is the loopback device.
    pub loopback: bool,
    /// `ifalias`.
    pub alias: Option<String>,
    /// The index of the bridge, bond or VRF that it belongs to.
    pub master: Option<u32>,
    /// The index of the link below it in this namespace: for a VLAN, macvlan or tunnel its lower device, for a veth whose
    /// peer is here, the peer.
    pub lower: Option<u32>,
    /// The kind of a virtual device: `veth`, `bridge`, …
    pub kind: Option<String>,
    /// The name of the device that it sits on, such as a PCI address, and that device's bus.
    pub parent: Option<(String, String)>,
}

impl Link {
    /// The MTUs that the driver can do, in bytes.
    pub fn mtu_range(&self) -> RangeInclusive<u32> {
        self.min_mtu..=if self.max_mtu == 0 { u32::MAX } else { self.max_mtu }
    }

    /// Whether it goes by this name, be it its own or an alternative one.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.altnames.iter().any(|altname| altname == name)
    }

    fn from_message(message: &LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up),
            loopback: flags.contains(LinkFlags::Loopback),
            ..Self::default()
        };
        let (mut parent_name, mut parent_bus, mut lower, mut lower_is_elsewhere) = (None, None, None, false);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::PropList(props) => link.altnames = altnames(props),
                LinkAttribute::Address(bytes) => link.mac = MacAddr::from_bytes(bytes),
                LinkAttribute::PermAddress(bytes) => link.permanent_mac = MacAddr::from_bytes(bytes),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::MinMtu(mtu) => link.min_mtu = *mtu,
                LinkAttribute::MaxMtu(mtu) => link.max_mtu = *mtu,
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias.clone()).filter(|alias| !alias.is_empty()),
                LinkAttribute::Controller(index) => link.master = Some(*index).filter(|&index| index != 0),
                LinkAttribute::Link(index) => lower = Some(*index).filter(|&index| index != 0 && index != link.index),
                LinkAttribute::LinkNetNsId(_) => lower_is_elsewhere = true,
                LinkAttribute::LinkInfo(info) => link.kind = kind(info),
                LinkAttribute::ParentDevName(name) => parent_name = Some(name.clone()),
                LinkAttribute::ParentDevBusName(bus) => parent_bus = Some(bus.clone()),
                _ => {}
            }
        }
        link.lower = lower.filter(|_| !lower_is_elsewhere);
        link.parent = parent_name.zip(parent_bus);
        link
    }
}

fn altnames(props: &[Prop]) -> Vec<String> {
    let name = |prop: &Prop| match prop {
        Prop::AltIfName(name) => Some(name.clone()),
        _ => None,
    };
    props.iter().filter_map(name).collect()
}

fn kind(info: &[LinkInfo]) -> Option<String> {
    info.iter().find_map(|info| match info {
        LinkInfo::Kind(InfoKind::Other(kind)) => Some(kind.clone()),
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    })
}

/// One change of a link's attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkChange {
    /// `IFF_UP` on.
    Up,
    /// `IFF_UP` off.
    Down,
    /// The name; the kernel refuses one that any link of the namespace goes by.
    Name(IfName),
    /// The MTU, in bytes.
    Mtu(u32),
    /// The Ethernet address.
    Mac(MacAddr),
    /// `ifalias`; an empty one removes it.
    Alias(String),
}

impl std::fmt::Display for LinkChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Up => write!(f, "up"),
            Self::Down => write!(f, "down"),
            Self::Name(name) => write!(f, "name {name}"),
            Self::Mtu(mtu) => write!(f, "mtu {mtu}"),
            Self::Mac(mac) => write!(f, "address {mac}"),
            Self::Alias(alias) => write!(f, "alias {alias:?}"),
        }
    }
}

/// Where a link goes: the namespace, and its name there.
#[derive(Debug)]
pub struct Placement<'a, Namespace: AsFd> {
    /// A file of the target namespace.
    pub namespace: &'a Namespace,
    /// The name there.
    pub name: &'a IfName,
}

impl Netlink {
    /// All links of the namespace.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn links(&self) -> Result<Vec<Link>, Error> {
        let message = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let found = self.dump(message, Operation::new("list the links")).await?;
        let link = |message| match message {
            RouteNetlinkMessage::NewLink(message) => Some(Link::from_message(&message)),
            _ => None,
        };
        Ok(found.into_iter().filter_map(link).collect())
    }

    /// Changes one attribute of the link with this index.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn change_link(&self, index: u32, change: &LinkChange) -> Result<(), Error> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        match change {
            LinkChange::Up => {
                message.header.flags = LinkFlags::Up;
                message.header.change_mask = LinkFlags::Up;
            }
            LinkChange::Down => message.header.change_mask = LinkFlags::Up,
            LinkChange::Name(name) => message.attributes.push(LinkAttribute::IfName(name.to_string())),
            LinkChange::Mtu(mtu) => message.attributes.push(LinkAttribute::Mtu(*mtu)),
            LinkChange::Mac(mac) => message.attributes.push(LinkAttribute::Address(mac.bytes().to_vec())),
            LinkChange::Alias(alias) => message.attributes.push(LinkAttribute::IfAlias(alias.clone())),
        }
        let operation = Operation::new(format!("set link {index} {change}"));
        self.send(RouteNetlinkMessage::SetLink(message), Ask::Change, operation).await
    }

    /// Moves the link with this index into another namespace and names it there, in one request.
    ///
    /// # Errors
    /// The kernel's. On `EEXIST` the link may nevertheless be in the other namespace, under its old name: `do_setlink` in
    /// `net/core/rtnetlink.c` moves first and renames then.
    pub async fn move_link(&self, index: u32, placement: Placement<'_, impl AsFd>) -> Result<(), Error> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::NetNsFd(placement.namespace.as_fd().as_raw_fd()));
        message.attributes.push(LinkAttribute::IfName(placement.name.to_string()));
        let operation = Operation::new(format!("move link {index} to another namespace as {}", placement.name));
        self.send(RouteNetlinkMessage::SetLink(message), Ask::Change, operation).await
    }

    /// Gives the link an alternative name.
    ///
    /// # Errors
    /// The kernel's; `EEXIST` if any link of the namespace goes by it.
    pub async fn add_altname(&self, index: u32, name: &AltName) -> Result<(), Error> {
        let operation = Operation::new(format!("give link {index} the alternative name {name}"));
        self.send(RouteNetlinkMessage::NewLinkProp(altname_message(index, name)), Ask::Create, operation).await
    }

    /// Takes an alternative name from the link.
    ///
    /// # Errors
    /// The kernel's; `ENOENT` if it has no such name.
    pub async fn delete_altname(&self, index: u32, name: &AltName) -> Result<(), Error> {
        let operation = Operation::new(format!("take the alternative name {name} from link {index}"));
        self.send(RouteNetlinkMessage::DelLinkProp(altname_message(index, name)), Ask::Change, operation).await
    }
}

fn altname_message(index: u32, name: &AltName) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::PropList(vec![Prop::AltIfName(name.to_string())]));
    message
}
