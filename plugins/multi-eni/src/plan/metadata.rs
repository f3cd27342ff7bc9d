//! The block of the instance metadata service: a blackhole for each of its addresses, in every table that the pod's packets go by.

use super::full_length;
use crate::error::Error;
use ipnetwork::IpNetwork;
use node::netlink::{Route, RouteKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The instance metadata service (EC2 User Guide, "Instance metadata").
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];
/// What the kernel makes of an IPv6 route's priority 0 (`IP6_RT_PRIO_USER` in include/uapi/linux/ipv6_route.h).
const IPV6_PRIORITY: u32 = 1024;

/// What is to be blocked, and what there is in the pod.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// The tables that packets go by.
    pub(super) tables: Vec<u32>,
    /// Whether the pod has IPv6.
    pub(super) ipv6: bool,
    /// The routes that the pod has.
    pub(super) standing: &'a [Route],
    /// Those that this ADD gives it.
    pub(super) added: &'a [Route],
}

impl Block<'_> {
    /// The blackholes that are missing.
    ///
    /// # Errors
    /// [`Error::Plan`] where another route to the service goes first: the kernel would take a blackhole beside it and not use it, or
    /// refuse it as there already.
    pub(super) fn routes(&self) -> Result<Vec<Route>, Error> {
        let mut routes = Vec::new();
        for address in METADATA.into_iter().filter(|address| address.is_ipv4() || self.ipv6) {
            let Ok(destination) = IpNetwork::new(address, full_length(address)) else { continue };
            for &table in &self.tables {
                let block = Route::blackhole(destination, table);
                match self.first_before(&block) {
                    None => routes.push(block),
                    Some(standing) if standing.kind == RouteKind::Blackhole => {}
                    Some(standing) => return Err(reachable(address, standing)),
                }
            }
        }
        Ok(routes)
    }

    /// The route that packets to the same address take in spite of this one, or for which the kernel refuses it.
    fn first_before(&self, block: &Route) -> Option<&Route> {
        let same = self.standing.iter().chain(self.added).filter(|route| route.has_same_destination(block));
        same.min_by_key(|route| rank(route)).filter(|route| rank(route) <= rank(block))
    }
}

fn rank(route: &Route) -> u32 {
    if route.priority == 0 && !route.destination.is_ipv4() { IPV6_PRIORITY } else { route.priority }
}

fn reachable(address: IpAddr, standing: &Route) -> Error {
    Error::Plan(format!(
        "blockInstanceMetadata cannot block {address}, since the pod has a route to it ({standing}): \
         take that from the plugin that gives it, or leave blockInstanceMetadata out"
    ))
}
