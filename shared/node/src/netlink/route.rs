//! Routes.

use super::{Ask, Error, Netlink, Operation};
use ipnetwork::IpNetwork;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The table that everything without a rule of its own uses (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;

/// What becomes of a packet that the route matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// It goes to a gateway or a link.
    Unicast,
    /// It is dropped.
    Blackhole,
    /// Another kind: local, broadcast, multicast, …; the kernel makes most of them with an address.
    Other,
}

/// The next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gateway {
    /// Its address.
    pub address: IpAddr,
    /// To be taken as reachable on the link though no address of it says so (`RTNH_F_ONLINK`).
    pub onlink: bool,
}

/// Bounds for connections over a route; absent means the kernel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Bytes.
    pub mtu: Option<u32>,
    /// Bytes.
    pub advmss: Option<u32>,
}

/// A route of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub destination: IpNetwork,
    /// Next hop; nothing for what is on the link itself.
    pub gateway: Option<Gateway>,
    /// Index of the link; several where the route has several next hops, none for a blackhole.
    pub links: Vec<u32>,
    /// Number of its table.
    pub table: u32,
    /// The smaller goes first. 0 leaves it to the kernel, which makes 1024 of it for IPv6.
    pub priority: u32,
    /// `RT_SCOPE_*`; nothing leaves it to whether there is a gateway.
    pub scope: Option<u8>,
    /// Bounds of connections.
    pub metrics: Metrics,
    /// What becomes of a packet.
    pub kind: RouteKind,
    /// Whether the kernel made it by itself with an address or a link (`RTPROT_KERNEL`).
    pub of_kernel: bool,
}

impl Route {
    /// A unicast route in the main table, over one link.
    pub fn to(destination: IpNetwork, link: u32) -> Self {
        Self {
            destination,
            gateway: None,
            links: vec![link],
            table: MAIN_TABLE,
            priority: 0,
            scope: None,
            metrics: Metrics::default(),
            kind: RouteKind::Unicast,
            of_kernel: false,
        }
    }

    /// A route that drops.
    pub fn blackhole(destination: IpNetwork, table: u32) -> Self {
        Self { links: Vec::new(), table, kind: RouteKind::Blackhole, ..Self::to(destination, 0) }
    }

    /// Whether it is a default route: for everything of its family.
    pub fn is_default(&self) -> bool {
        self.destination.prefix() == 0 && self.kind == RouteKind::Unicast
    }

    /// Whether the other one stands in this one's way or is it: the same destination in the same table.
    pub fn has_same_destination(&self, other: &Self) -> bool {
        self.destination == other.destination && self.table == other.table
    }

    fn from_message(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let any: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let mut route = Self::to(IpNetwork::new(any, 0).ok()?, 0);
        route.links.clear();
        route.table = u32::from(header.table);
        route.scope = Some(u8::from(header.scope));
        route.of_kernel = header.protocol == RouteProtocol::Kernel;
        route.kind = match header.kind {
            RouteType::Unicast => RouteKind::Unicast,
            RouteType::BlackHole => RouteKind::Blackhole,
            _ => RouteKind::Other,
        };
        let onlink = header.flags.contains(RouteFlags::Onlink);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(address) => {
                    route.destination = IpNetwork::new(plain(address)?, header.destination_prefix_length).ok()?;
                }
                RouteAttribute::Gateway(address) => {
                    route.gateway = plain(address).map(|address| Gateway { address, onlink });
                }
                RouteAttribute::Oif(index) => route.links.push(*index),
                RouteAttribute::MultiPath(hops) => route.links.extend(hops.iter().map(|hop| hop.interface_index)),
                RouteAttribute::Priority(priority) => route.priority = *priority,
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Metrics(metrics) => route.metrics = read_metrics(metrics),
                _ => {}
            }
        }
        Some(route)
    }

    fn to_message(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = if self.destination.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        header.destination_prefix_length = self.destination.prefix();
        header.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        header.protocol = RouteProtocol::Static;
        header.kind = if self.kind == RouteKind::Blackhole { RouteType::BlackHole } else { RouteType::Unicast };
        header.scope = match (self.scope, &self.gateway) {
            (Some(scope), _) => RouteScope::from(scope),
            (None, None) if self.kind == RouteKind::Unicast => RouteScope::Link,
            _ => RouteScope::Universe,
        };
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Destination(self.destination.network().into()));
        if let Some(gateway) = self.gateway {
            attributes.push(RouteAttribute::Gateway(gateway.address.into()));
            if gateway.onlink {
                header.flags |= RouteFlags::Onlink;
            }
        }
        attributes.extend(self.links.first().map(|&index| RouteAttribute::Oif(index)));
        attributes.push(RouteAttribute::Table(self.table));
        if self.priority != 0 {
            attributes.push(RouteAttribute::Priority(self.priority));
        }
        let metrics: Vec<_> = [self.metrics.mtu.map(RouteMetric::Mtu), self.metrics.advmss.map(RouteMetric::Advmss)]
            .into_iter()
            .flatten()
            .collect();
        if !metrics.is_empty() {
            attributes.push(RouteAttribute::Metrics(metrics));
        }
        message
    }
}

fn plain(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

fn read_metrics(metrics: &[RouteMetric]) -> Metrics {
    let mut read = Metrics::default();
    for metric in metrics {
        match metric {
            RouteMetric::Mtu(mtu) => read.mtu = Some(*mtu),
            RouteMetric::Advmss(advmss) => read.advmss = Some(*advmss),
            _ => {}
        }
    }
    read
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == RouteKind::Blackhole {
            write!(f, "blackhole ")?;
        }
        write!(f, "{}", self.destination)?;
        if let Some(Gateway { address, onlink }) = self.gateway {
            write!(f, " via {address}{}", if onlink { " onlink" } else { "" })?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        if self.priority != 0 {
            write!(f, " metric {}", self.priority)?;
        }
        Ok(())
    }
}

impl Netlink {
    /// All routes of all tables and both families.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn routes(&self) -> Result<Vec<Route>, Error> {
        let message = RouteNetlinkMessage::GetRoute(RouteMessage::default());
        let found = self.dump(message, Operation::new("list the routes")).await?;
        let route = |message| match message {
            RouteNetlinkMessage::NewRoute(message) => Route::from_message(&message),
            _ => None,
        };
        Ok(found.into_iter().filter_map(route).collect())
    }

    /// Adds a route.
    ///
    /// # Errors
    /// The kernel's; `EEXIST` if there is one to this destination with this priority in this table.
    pub async fn add_route(&self, route: &Route) -> Result<(), Error> {
        let operation = Operation::new(format!("add route {route}"));
        self.send(RouteNetlinkMessage::NewRoute(route.to_message()), Ask::Create, operation).await
    }

    /// Removes a route, whoever made it.
    ///
    /// # Errors
    /// The kernel's; `ESRCH` if there is none.
    pub async fn delete_route(&self, route: &Route) -> Result<(), Error> {
        let operation = Operation::new(format!("remove route {route}"));
        let mut message = route.to_message();
        // These match a route of any scope, and of any maker (`fib_table_delete` in net/ipv4/fib_trie.c).
        message.header.scope = RouteScope::NoWhere;
        message.header.protocol = RouteProtocol::Unspec;
        self.send(RouteNetlinkMessage::DelRoute(message), Ask::Change, operation).await
    }
}
