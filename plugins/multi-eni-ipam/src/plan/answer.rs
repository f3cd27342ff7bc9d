//! Addresses as an IPAM plugin answers with them: with prefix, gateway and routes.

use crate::config::Config;
use crate::error::Error;
use crate::family::{Family, gateway};
use cni::{Cidr, CniResult, IpConfig, Route};
use ipnetwork::IpNetwork;
use node::inventory::Entry;
use std::net::IpAddr;

/// The scope from which on a route has no gateway (`RT_SCOPE_LINK` in `linux/rtnetlink.h`).
const SCOPE_LINK: u32 = 253;

/// An address in its subnet.
struct Placed {
    address: IpAddr,
    subnet: IpNetwork,
}

/// The answer with these addresses of the ENI: no interface, since an IPAM plugin makes none.
///
/// # Errors
/// An address without a subnet on record, or a route of a family without an address.
pub(crate) fn answer(entry: &Entry, addresses: &[IpAddr], config: &Config) -> Result<CniResult, Error> {
    let placed = addresses.iter().map(|&address| place(entry, address)).collect::<Result<Vec<_>, _>>()?;
    let ips = placed.iter().map(ip).collect::<Result<Vec<_>, _>>()?;
    let mut routes = Vec::new();
    for family in Family::ALL {
        if let Some(gateway) = gateway_of(&placed, family) {
            routes.extend(generated(entry, &placed, config, family, gateway)?);
        }
    }
    // A route that is written down says more than the one that would be made for the same destination.
    routes.retain(|made| !config.routes.iter().any(|written| is_same_way(made, written)));
    for route in &config.routes {
        routes.push(completed(route, &placed)?);
    }
    Ok(CniResult { ips, routes, ..CniResult::default() })
}

fn place(entry: &Entry, address: IpAddr) -> Result<Placed, Error> {
    match entry.subnet_of(address) {
        Some(subnet) => Ok(Placed { address, subnet }),
        None => {
            let (eni, subnet) = (entry.network_interface_id.clone(), entry.subnet.id.clone());
            Err(Error::NoSubnet { eni, address, subnet })
        }
    }
}

fn ip(placed: &Placed) -> Result<IpConfig, Error> {
    let address = Cidr::new(placed.address, placed.subnet.prefix())?;
    Ok(IpConfig { interface: None, address, gateway: Some(gateway(placed.subnet)) })
}

fn gateway_of(placed: &[Placed], family: Family) -> Option<IpAddr> {
    placed.iter().find(|one| Family::of(one.address) == family).map(|one| gateway(one.subnet))
}

fn generated(
    entry: &Entry,
    placed: &[Placed],
    config: &Config,
    family: Family,
    gateway: IpAddr,
) -> Result<Vec<Route>, Error> {
    let mut destinations: Vec<Cidr> = Vec::new();
    if config.vpc_routes {
        // What is within the subnet of an address is reached without a router.
        let on_link = |cidr: &&IpNetwork| placed.iter().any(|one| is_within(**cidr, one.subnet));
        destinations.extend(family.vpc_cidrs(entry).iter().filter(|cidr| !on_link(cidr)).copied().map(Cidr::from));
    }
    if config.default_route {
        destinations.push(family.everything()?);
    }
    let route = |destination: Cidr| Route::new(destination.network(), Some(gateway));
    Ok(destinations.into_iter().map(route).collect())
}

fn is_within(inner: IpNetwork, outer: IpNetwork) -> bool {
    inner.prefix() >= outer.prefix() && outer.contains(inner.ip())
}

fn is_same_way(one: &Route, other: &Route) -> bool {
    (one.dst, one.table) == (other.dst, other.table)
}

fn completed(route: &Route, placed: &[Placed]) -> Result<Route, Error> {
    let family = Family::of(route.dst.ip());
    let Some(gateway) = gateway_of(placed, family) else {
        return Err(Error::RouteWithoutAddress { dst: route.dst.to_string() });
    };
    let on_link = route.scope.is_some_and(|scope| scope >= SCOPE_LINK);
    let gw = route.gw.or((!on_link).then_some(gateway));
    Ok(Route { gw, ..route.clone() })
}
