//! The plan of an ADD. Pure: from what was observed and what the IPAM plugin answered to a list of steps.

mod metadata;

use crate::config::Config;
use crate::error::Error;
use cni::{CniResult, IpConfig};
use ipnetwork::IpNetwork;
use metadata::Block;
use node::host::View;
use node::inventory::Entry;
use node::names::{AltName, IfName};
use node::netlink::{Address, Gateway, Link, LinkChange, MAIN_TABLE, Metrics, Route, RouteKind, Rule};
use node::step::{Detection, Place, Step};
use node::sysctl::Sysctl;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first table that source routing may use in a pod. `sbr` counts from 100 on.
const FIRST_TABLE: u32 = 1000;
/// Where the rules of source routing stand: before the main table's, 32766, and any that users count from there down.
const RULE_PRIORITY: u32 = 512;
/// The least MTU of IPv6 (RFC 8200 section 5); below it the kernel takes every IPv6 address from a link.
const LEAST_IPV6_MTU: u32 = 1280;
/// Routes within the link and narrower (`RT_SCOPE_LINK`) have no gateway.
const SCOPE_LINK: u32 = 253;
/// The index in a route that stands for the device's link, wherever that will be.
const DEVICE: u32 = 0;

/// What the first part of a plan is made of: that which needs no answer of an IPAM plugin.
#[derive(Debug)]
pub(crate) struct Moving<'a> {
    pub(crate) config: &'a Config,
    pub(crate) link: &'a Link,
    /// What the inventory has about the device; nothing for one that only `node.toml` allows.
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) host: &'a View,
    /// The links of the pod.
    pub(crate) pod_links: &'a [Link],
}

impl Moving<'_> {
    /// The link into the pod, named, marked, with its MTU and its sysctls.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = cleaning(self.host, Some(self.link), self.entry);
        if self.link.up {
            steps.push(Step::SetLink(LinkChange::Down));
        }
        steps.extend(self.altnames_in_the_way().map(Step::DeleteAltName));
        steps.push(Step::MoveLink { to: Place::Pod, name: self.config.interface_name.clone() });
        if let Some(eni) = self.entry.map(|entry| entry.network_interface_id.as_str())
            && self.link.alias.as_deref() != Some(eni)
        {
            steps.push(Step::SetLink(LinkChange::Alias(eni.to_string())));
        }
        if let Some(mtu) = self.config.mtu.filter(|&mtu| mtu != self.link.mtu) {
            steps.push(Step::SetLink(LinkChange::Mtu(mtu)));
        }
        steps.extend(sysctls(self.config).map(|(sysctl, value)| Step::SetSysctl { sysctl, value }));
        steps
    }

    /// The kernel refuses a move while any of the link's names is taken where it goes, and a link the name that is an
    /// alternative one of its own.
    fn altnames_in_the_way(&self) -> impl Iterator<Item = AltName> {
        let in_the_way = |name: &String| {
            name == self.config.interface_name.as_str() || self.pod_links.iter().any(|link| link.is_called(name))
        };
        self.link.altnames.iter().filter(move |name| in_the_way(name)).filter_map(|name| name.parse().ok())
    }
}

/// What a daemon of the host left about an ENI of ours. Addresses and routes go with the link; rules do not.
pub(crate) fn cleaning(host: &View, link: Option<&Link>, entry: Option<&Entry>) -> Vec<Step> {
    let Some(entry) = entry.filter(|entry| entry.pool.is_some()) else { return Vec::new() };
    let is_on_link = |one: &&Address| link.is_some_and(|link| one.link == link.index);
    let on_link = host.addresses.iter().filter(is_on_link).map(|one| one.network.ip());
    let addresses: Vec<IpAddr> = entry.addresses().chain(on_link).collect();
    let rules = host.rules.iter().filter(|rule| addresses.iter().any(|&address| rule.is_for(address)));
    rules.map(|rule| Step::DeleteRule { place: Place::Host, rule: rule.clone() }).collect()
}

/// The kernel announces the addresses when the link goes up; nobody looks for them elsewhere, unless asked to; and no
/// router's advertisement gives the pod a route that the configuration does not.
fn sysctls(config: &Config) -> impl Iterator<Item = (Sysctl, i64)> {
    let announce = [(Sysctl::ArpNotify, 1), (Sysctl::NdiscNotify, 1), (Sysctl::AcceptRa, 0)];
    let detection = (!config.dad).then_some((Sysctl::AcceptDad, 0));
    let rp_filter = config.rp_filter.map(|value| (Sysctl::RpFilter, i64::from(value)));
    announce.into_iter().chain(detection).chain(rp_filter)
}

/// What the second part of a plan is made of.
#[derive(Debug)]
pub(crate) struct Configuring<'a> {
    pub(crate) config: &'a Config,
    /// The IPAM plugin's answer.
    pub(crate) given: CniResult,
    /// The MTU that the link had on the host, in bytes.
    pub(crate) mtu: u32,
    /// The pod's side of the kernel before the device came.
    pub(crate) pod: &'a View,
    /// Whether the pod has IPv6 at all.
    pub(crate) pod_has_ipv6: bool,
}

/// The second part of a plan.
#[derive(Debug)]
pub(crate) struct Configured {
    pub(crate) steps: Vec<Step>,
    /// What outlives the device's leaving the pod, as steps that undo it.
    pub(crate) leftovers: Vec<Step>,
    /// The answer, as far as it is applied.
    pub(crate) given: CniResult,
}

impl Configuring<'_> {
    /// The addresses, the link up, the routes and rules.
    ///
    /// # Errors
    /// [`Error::Plan`] where configuration and answer do not go together.
    pub(crate) fn plan(mut self) -> Result<Configured, Error> {
        self.check()?;
        let mut steps = self.addresses();
        if self.config.keep_down {
            return Ok(Configured { steps, leftovers: Vec::new(), given: self.given });
        }
        steps.push(Step::SetLink(LinkChange::Up));
        if self.config.dad && self.has_ipv6() {
            steps.push(Step::AwaitDetection);
        }
        self.drop_second_default()?;
        let routes = self.routes();
        let mut leftovers = Vec::new();
        steps.extend(routes.iter().cloned().map(|route| Step::AddRoute { place: Place::Pod, route }));
        let table = self.config.source_routing.then(|| self.free_table());
        if let Some(table) = table {
            self.route_by_source(table, &routes, &mut steps, &mut leftovers);
        }
        if self.config.block_instance_metadata {
            let block = Block {
                tables: std::iter::once(MAIN_TABLE).chain(table).collect(),
                ipv6: self.pod_has_ipv6,
                standing: &self.pod.routes,
                added: &routes,
            };
            for route in block.routes()? {
                leftovers.push(Step::DeleteRoute { place: Place::Pod, route: route.clone() });
                steps.push(Step::AddRoute { place: Place::Pod, route });
            }
        }
        Ok(Configured { steps, leftovers, given: self.given })
    }

    fn check(&self) -> Result<(), Error> {
        if self.config.keep_down && !self.given.routes.is_empty() {
            let msg = "keepDown does not go with routes, and the IPAM plugin gave some (multi-eni-ipam: set vpcRoutes to false)";
            return Err(Error::Plan(msg.to_string()));
        }
        let mtu = self.config.mtu.unwrap_or(self.mtu);
        if self.has_ipv6() && mtu < LEAST_IPV6_MTU {
            return Err(Error::Plan(format!(
                "mtu {mtu} is less than the {LEAST_IPV6_MTU} that IPv6 needs, and the IPAM plugin gave an IPv6 address"
            )));
        }
        if self.has_ipv6() && !self.pod_has_ipv6 {
            return Err(Error::Plan(
                "the IPAM plugin gave an IPv6 address, and this kernel runs without IPv6".to_string(),
            ));
        }
        Ok(())
    }

    fn has_ipv6(&self) -> bool {
        self.given.ips.iter().any(|ip| !ip.address.is_ipv4())
    }

    fn addresses(&self) -> Vec<Step> {
        let detection = if self.config.dad { Detection::On } else { Detection::Off };
        let ipv6 = self.has_ipv6().then_some(Step::SetSysctl { sysctl: Sysctl::DisableIpv6, value: 0 });
        let add = |ip: &IpConfig| Step::AddAddress { address: ip.address.inner(), detection };
        ipv6.into_iter().chain(self.given.ips.iter().map(add)).collect()
    }

    /// A pod that has a default route keeps it. One that was asked for in so many words is an error then; one that an IPAM
    /// plugin gives to everybody is left out, and said.
    fn drop_second_default(&mut self) -> Result<(), Error> {
        let mut kept = Vec::new();
        for route in std::mem::take(&mut self.given.routes) {
            match self.standing_default(&route) {
                Some(standing) if self.config.default_route_is_asked => {
                    return Err(Error::Plan(format!(
                        "the pod has a default route already ({standing}): set defaultRoute to false"
                    )));
                }
                Some(standing) => {
                    log::warn!("the pod keeps its default route {standing}; that to {} is left out", route.dst);
                }
                None => kept.push(route),
            }
        }
        self.given.routes = kept;
        Ok(())
    }

    /// The pod's default route that one of the answer would stand beside, unless a priority says which goes first.
    fn standing_default(&self, route: &cni::Route) -> Option<&Route> {
        let is_default = route.dst.prefix() == 0 && route.table.is_none_or(|table| table == MAIN_TABLE);
        let same_family = |standing: &&Route| standing.destination.is_ipv4() == route.dst.is_ipv4();
        let standing =
            || self.pod.routes.iter().filter(|standing| standing.is_default() && standing.table == MAIN_TABLE);
        (is_default && route.priority.is_none()).then(|| standing().find(same_family)).flatten()
    }

    fn routes(&self) -> Vec<Route> {
        self.given.routes.iter().map(|route| self.route(route)).collect()
    }

    fn route(&self, route: &cni::Route) -> Route {
        let within_link = route.scope.is_some_and(|scope| scope >= SCOPE_LINK);
        let gateway = route.gw.or_else(|| self.gateway(route.dst.is_ipv4()).filter(|_| !within_link));
        Route {
            destination: route.dst.network().inner(),
            gateway: gateway.map(|address| self.reached(address)),
            links: vec![DEVICE],
            table: route.table.unwrap_or(MAIN_TABLE),
            priority: route.priority.unwrap_or_default(),
            scope: route.scope.and_then(|scope| u8::try_from(scope).ok()),
            metrics: Metrics { mtu: route.mtu, advmss: route.advmss },
            kind: RouteKind::Unicast,
            of_kernel: false,
        }
    }

    /// The gateway of the family's first address that has one.
    fn gateway(&self, ipv4: bool) -> Option<IpAddr> {
        self.given.ips.iter().filter(|ip| ip.address.is_ipv4() == ipv4).find_map(|ip| ip.gateway)
    }

    /// A gateway; one that no address says to be on the link is taken to be there all the same.
    fn reached(&self, address: IpAddr) -> Gateway {
        let link_local = matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let known = self
            .given
            .ips
            .iter()
            .any(|ip| ip.address.contains(address) && ip.address.inner().prefix() < full_length(address));
        Gateway { address, onlink: !known && !link_local }
    }

    /// The first table from which nothing in the pod takes or into which nothing puts.
    fn free_table(&self) -> u32 {
        let in_given = |table: &u32| self.given.routes.iter().any(|route| route.table == Some(*table));
        let in_pod = |table: &u32| {
            self.pod.routes.iter().any(|route| route.table == *table)
                || self.pod.rules.iter().any(|rule| rule.table == *table)
        };
        (FIRST_TABLE..).find(|table| !in_given(table) && !in_pod(table)).unwrap_or(FIRST_TABLE)
    }

    /// What comes from the device's addresses leaves by the device: a table of its own with the subnet, the routes and a
    /// default route, and a rule for each address.
    fn route_by_source(&self, table: u32, routes: &[Route], steps: &mut Vec<Step>, leftovers: &mut Vec<Step>) {
        let mut in_table: Vec<Route> = Vec::new();
        let subnets = self.given.ips.iter().map(|ip| Route::to(ip.address.network().inner(), DEVICE));
        let defaults = [true, false].into_iter().filter_map(|ipv4| {
            let any = if ipv4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
            let gateway = self.gateway(ipv4)?;
            Some(Route { gateway: Some(self.reached(gateway)), ..Route::to(IpNetwork::new(any, 0).ok()?, DEVICE) })
        });
        let main = routes.iter().filter(|route| route.table == MAIN_TABLE).cloned();
        for route in subnets.chain(main).chain(defaults) {
            let route = Route { table, ..route };
            if !in_table.iter().any(|other| other.has_same_destination(&route)) {
                in_table.push(route);
            }
        }
        steps.extend(in_table.into_iter().map(|route| Step::AddRoute { place: Place::Pod, route }));
        for ip in &self.given.ips {
            let Ok(source) = IpNetwork::new(ip.address.ip(), full_length(ip.address.ip())) else { continue };
            let rule = Rule::from_source(source, table, RULE_PRIORITY);
            leftovers.push(Step::DeleteRule { place: Place::Pod, rule: rule.clone() });
            steps.push(Step::AddRule { place: Place::Pod, rule });
        }
    }
}

fn full_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether any link goes by this name.
pub(crate) fn is_taken(name: &IfName, links: &[Link]) -> bool {
    links.iter().any(|link| link.is_called(name.as_str()))
}

#[cfg(test)]
mod tests;
