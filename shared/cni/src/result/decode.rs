//! Results of every version, read into the shape of 1.1.0.

use serde_json::Value;

use super::field::Object;
use super::{CniResult, Dns, Interface, IpConfig, Route, legacy};
use crate::Version;

/// Why a document is not a result. Each variant says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A value of another type stands there.
    #[error("{at:?} has to be {expected}")]
    Type {
        /// The path of the field.
        at: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A text does not follow its syntax.
    #[error("{at:?} is not valid: {reason}")]
    Invalid {
        /// The path of the field.
        at: String,
        /// What is wrong with the text.
        reason: String,
    },
    /// A field that has to be there is not.
    #[error("{0:?} is missing")]
    Missing(String),
    /// An address names an interface that the result does not list.
    #[error("\"ips[{ip}].interface\" is {interface}, but the result has {interfaces} interfaces")]
    Interface {
        /// The index of the address.
        ip: usize,
        /// The index that it names.
        interface: usize,
        /// How many there are.
        interfaces: usize,
    },
}

/// Which of the two shapes that results have had.
enum Shape {
    /// 0.1.0 and 0.2.0: one address of each family.
    Legacy,
    /// Since 0.3.0: lists.
    Lists,
}

pub(super) fn result(value: &Value, fallback: Version) -> Result<CniResult, DecodeError> {
    let object = Object::new(value, "")?;
    match shape(object, fallback)? {
        Shape::Legacy => legacy::result(object),
        Shape::Lists => lists(object),
    }
}

fn shape(object: Object<'_>, fallback: Version) -> Result<Shape, DecodeError> {
    match object.text("cniVersion")? {
        Some("0.1.0" | "0.2.0") => Ok(Shape::Legacy),
        // 0.1.0 did not have the key at all, and its results are told by their own.
        None if !object.has("ips") && (object.has("ip4") || object.has("ip6")) => Ok(Shape::Legacy),
        None => Ok(Shape::of(fallback)),
        Some(_) => object.required("cniVersion").map(Shape::of),
    }
}

impl Shape {
    const fn of(version: Version) -> Self {
        match version {
            Version::V0_3_0 | Version::V0_3_1 | Version::V0_4_0 | Version::V1_0_0 | Version::V1_1_0 => Self::Lists,
        }
    }
}

fn lists(object: Object<'_>) -> Result<CniResult, DecodeError> {
    let interfaces = object.each("interfaces", interface)?;
    let ips = object.each("ips", ip)?;
    for (index, ip) in ips.iter().enumerate() {
        if let Some(interface) = ip.interface.filter(|&interface| interface >= interfaces.len()) {
            return Err(DecodeError::Interface { ip: index, interface, interfaces: interfaces.len() });
        }
    }
    Ok(CniResult { interfaces, ips, routes: object.each("routes", route)?, dns: dns_of(object)? })
}

fn interface(object: Object<'_>) -> Result<Interface, DecodeError> {
    Ok(Interface {
        name: object.owned("name")?.unwrap_or_default(),
        mac: object.owned("mac")?,
        mtu: object.number("mtu")?.filter(|&mtu| mtu != 0),
        sandbox: object.owned("sandbox")?,
        socket_path: object.owned("socketPath")?,
        pci_id: object.owned("pciID")?,
    })
}

fn ip(object: Object<'_>) -> Result<IpConfig, DecodeError> {
    let interface = object.number("interface")?.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
    Ok(IpConfig { interface, address: object.required("address")?, gateway: object.parsed("gateway")? })
}

pub(super) fn route(object: Object<'_>) -> Result<Route, DecodeError> {
    Ok(Route {
        dst: object.required("dst")?,
        gw: object.parsed("gw")?,
        mtu: object.number("mtu")?.filter(|&mtu| mtu != 0),
        advmss: object.number("advmss")?.filter(|&advmss| advmss != 0),
        priority: object.number("priority")?,
        table: object.number("table")?,
        scope: object.number("scope")?,
    })
}

/// Reads the `dns` of a result or a configuration; absent is empty.
pub(crate) fn dns_of(object: Object<'_>) -> Result<Dns, DecodeError> {
    let Some(map) = object.object("dns")? else { return Ok(Dns::default()) };
    let at = object.path("dns");
    let dns = Object::of(map, &at);
    Ok(Dns {
        nameservers: dns.texts("nameservers")?,
        domain: dns.owned("domain")?,
        search: dns.texts("search")?,
        options: dns.texts("options")?,
    })
}
