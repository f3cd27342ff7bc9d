//! Addresses of links.

use super::{Ask, Error, Netlink, Operation};
use ipnetwork::IpNetwork;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use std::net::IpAddr;

/// An address on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The link's index.
    pub link: u32,
    /// Address and prefix length.
    pub network: IpNetwork,
    /// An IPv6 address of the link itself (fe80::/10), which the kernel makes by itself.
    pub link_local: bool,
    /// Duplicate address detection has not ended.
    pub tentative: bool,
    /// Duplicate address detection found it elsewhere.
    pub duplicate: bool,
}

impl Address {
    fn from_message(message: &AddressMessage) -> Option<Self> {
        let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
        let (mut address, mut local) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Address(ip) => address = Some(*ip),
                AddressAttribute::Local(ip) => local = Some(*ip),
                AddressAttribute::Flags(all) => flags = *all,
                _ => {}
            }
        }
        let ip = local.or(address)?;
        Some(Self {
            link: message.header.index,
            network: IpNetwork::new(ip, message.header.prefix_len).ok()?,
            link_local: ip.is_ipv6() && message.header.scope == AddressScope::Link,
            tentative: flags.contains(AddressFlags::Tentative),
            duplicate: flags.contains(AddressFlags::Dadfailed),
        })
    }
}

impl Netlink {
    /// All addresses of the namespace.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn addresses(&self) -> Result<Vec<Address>, Error> {
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let found = self.dump(message, Operation::new("list the addresses")).await?;
        let address = |message| match message {
            RouteNetlinkMessage::NewAddress(message) => Address::from_message(&message),
            _ => None,
        };
        Ok(found.into_iter().filter_map(address).collect())
    }

    /// Gives the link an address, usable at once: without duplicate address detection.
    ///
    /// # Errors
    /// The kernel's; `EEXIST` if the link has it.
    pub async fn add_address(&self, link: u32, network: IpNetwork) -> Result<(), Error> {
        let mut message = address_message(link, network);
        if network.is_ipv6() {
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        let operation = Operation::new(format!("add address {network} to link {link}"));
        self.send(RouteNetlinkMessage::NewAddress(message), Ask::Create, operation).await
    }

    /// Takes an address from the link.
    ///
    /// # Errors
    /// The kernel's; `EADDRNOTAVAIL` if the link has it not.
    pub async fn delete_address(&self, link: u32, network: IpNetwork) -> Result<(), Error> {
        let operation = Operation::new(format!("take address {network} from link {link}"));
        self.send(RouteNetlinkMessage::DelAddress(address_message(link, network)), Ask::Change, operation).await
    }

    /// Gives the link an address that the kernel first looks for elsewhere (duplicate address detection, RFC 4862 section
    /// 5.4).
    ///
    /// # Errors
    /// The kernel's; `EEXIST` if the link has it.
    pub async fn add_address_with_detection(&self, link: u32, network: IpNetwork) -> Result<(), Error> {
        let operation = Operation::new(format!("add address {network} to link {link}"));
        let message = RouteNetlinkMessage::NewAddress(address_message(link, network));
        self.send(message, Ask::Create, operation).await
    }
}

fn address_message(link: u32, network: IpNetwork) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = link;
    message.header.prefix_len = network.prefix();
    message.header.family = if network.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.attributes.push(AddressAttribute::Local(network.ip()));
    message.attributes.push(AddressAttribute::Address(network.ip()));
    if let (IpAddr::V4(broadcast), 0..=30) = (network.broadcast(), network.prefix()) {
        message.attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    message
}
