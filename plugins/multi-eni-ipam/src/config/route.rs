//! `routes`: further routes, in the shape of a CNI result.

use cni::{Cidr, Keys, Version};
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    dst: Cidr,
    gw: Option<IpAddr>,
    mtu: Option<u32>,
    advmss: Option<u32>,
    priority: Option<u32>,
    table: Option<u32>,
    scope: Option<u32>,
}

/// Reads the routes that this version of CNI can carry to the main plugin.
pub(super) fn read(keys: &mut Keys<'_>, version: Version) -> Vec<cni::Route> {
    let written: Vec<Written> = keys.read("routes").unwrap_or_default();
    for (index, route) in written.iter().enumerate() {
        if let Some(fault) = fault(route, version) {
            keys.fault("routes", format_args!("{fault} at [{index}]"));
        }
    }
    written.into_iter().map(cni::Route::from).collect()
}

fn fault(route: &Written, version: Version) -> Option<String> {
    let dst = route.dst;
    if dst != dst.network() {
        return Some(format!("dst {dst} has bits behind its prefix, {} has not", dst.network()));
    }
    if let Some(gw) = route.gw.filter(|gw| gw.is_ipv4() != dst.is_ipv4()) {
        return Some(format!("gw {gw} is not of the family of dst {dst}"));
    }
    let extras = [route.mtu, route.advmss, route.priority, route.table, route.scope];
    if version < Version::V1_1_0 && extras.iter().any(Option::is_some) {
        // The results of older versions have no place for them, and a route in another table is another route.
        return Some(format!("mtu, advmss, priority, table and scope need cniVersion 1.1.0, not {version}"));
    }
    None
}

impl From<Written> for cni::Route {
    fn from(written: Written) -> Self {
        let Written { dst, gw, mtu, advmss, priority, table, scope } = written;
        Self { dst, gw, mtu, advmss, priority, table, scope }
    }
}
