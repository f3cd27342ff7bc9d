//! What ADD gives: interfaces, addresses, routes, DNS. The shape in memory is that of 1.1.0.

mod decode;
mod encode;
mod field;
mod legacy;

use std::net::IpAddr;

use serde_json::Value;

pub use decode::DecodeError;
pub(crate) use decode::dns_of;
pub(crate) use field::Object;

use crate::{Cidr, Version};

/// The result of an ADD, of an IPAM delegate, or of the plugins before us (`prevResult`)
/// (CNI 1.1.0, "Result Types").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CniResult {
    /// The interfaces on both sides; an IPAM plugin has none.
    pub interfaces: Vec<Interface>,
    /// The addresses.
    pub ips: Vec<IpConfig>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The name servers.
    pub dns: Dns,
}

/// An interface of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interface {
    /// Its name, inside the container for one that has a sandbox.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its MTU in bytes; since 1.1.0.
    pub mtu: Option<u32>,
    /// `CNI_NETNS` for an interface of the container, nothing for one of the host.
    pub sandbox: Option<String>,
    /// The absolute path of a socket that is its other end; since 1.1.0.
    pub socket_path: Option<String>,
    /// The platform's id of its PCI device; since 1.1.0.
    pub pci_id: Option<String>,
}

/// An address of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct IpConfig {
    /// The index of its interface in [`CniResult::interfaces`]; an IPAM plugin gives none.
    pub interface: Option<usize>,
    /// The address with the length of its subnet's prefix.
    pub address: Cidr,
    /// The gateway of that subnet.
    pub gateway: Option<IpAddr>,
}

/// A route of a result. All but `dst` and `gw` since 1.1.0.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The destination.
    pub dst: Cidr,
    /// The next hop; without one the gateway of the address of that family.
    pub gw: Option<IpAddr>,
    /// The MTU along the route in bytes.
    pub mtu: Option<u32>,
    /// The maximal segment size to advertise, in bytes.
    pub advmss: Option<u32>,
    /// The metric: lower is preferred.
    pub priority: Option<u32>,
    /// The number of the table.
    pub table: Option<u32>,
    /// The scope: 0 global, 253 link, 254 host.
    pub scope: Option<u32>,
}

impl Route {
    /// A route with no extras.
    pub fn new(dst: Cidr, gw: Option<IpAddr>) -> Self {
        Self { dst, gw, mtu: None, advmss: None, priority: None, table: None, scope: None }
    }
}

/// The name resolution of a result or a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dns {
    /// The addresses of the servers, in order of preference.
    pub nameservers: Vec<String>,
    /// The local domain for short names.
    pub domain: Option<String>,
    /// The search list, preferred over `domain`.
    pub search: Vec<String>,
    /// Options of the resolver.
    pub options: Vec<String>,
}

impl Dns {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CniResult {
    /// Reads a result by its own `cniVersion`, or by `fallback` where it has none. The shapes of 0.1.0 and 0.2.0
    /// are read too, since delegates may answer in them. `null` and `""` are like absent; unknown keys are not kept.
    ///
    /// # Errors
    /// It is no object, its version is unknown, a field has the wrong type, an address is not canonical, or
    /// `ips[].interface` points to no interface.
    pub fn decode(value: &Value, fallback: Version) -> Result<Self, DecodeError> {
        decode::result(value, fallback)
    }

    /// Writes the result in the shape of that version: `ips[].version` before 1.0.0; MTUs, PCI ids, socket paths and the
    /// extras of routes only in 1.1.0.
    pub fn encode(&self, version: Version) -> Value {
        encode::result(self, version)
    }
}
