//! What has to be done to an ENI's link on the host. Pure.

use super::{Error, Occasion, Wish};
use crate::host::{Tie, View, rules_about};
use crate::names::{AltName, IfName};
use crate::netlink::{Link, LinkChange, Route, RouteKind};
use crate::step::{Place, Step};
use crate::sysctl::Sysctl;
use ipnetwork::IpNetwork;
use std::net::IpAddr;

/// What a plan is made from.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The host's namespace.
    pub view: View,
    /// The value of `accept_ra` of the link; nothing where the kernel has none.
    pub accept_ra: Option<i64>,
}

/// The steps that make the link as it is wished, in order; none if it is.
///
/// # Errors
/// [`Error::Tied`] for a link that is the host's own, [`Error::Nameless`] for one that can have no name.
pub fn plan(wish: &Wish, link: &Link, observed: &Observed, occasion: Occasion) -> Result<Vec<Step>, Error> {
    refuse_tied(wish, link, &observed.view)?;
    let name = name(wish, link, &observed.view)?;
    let shared = wish.entry.is_shared();
    let renamed = link.name != name.as_str();
    // Kernels before 6.2 rename no link that is up. A shared ENI that pods use is not taken down for a name.
    let goes_down = link.up && (!shared || (renamed && occasion == Occasion::Arrival));
    let mut steps = cleaning(wish, link, &observed.view);
    if goes_down {
        steps.push(Step::SetLink(LinkChange::Down));
    }
    if shared && observed.accept_ra.is_some_and(|value| value != 0) {
        // On a link that is up, a router's advertisement would give the host an address and a default route.
        steps.push(Step::SetSysctl { sysctl: Sysctl::AcceptRa, value: 0 });
    }
    if link.mac != Some(wish.entry.mac_address) {
        // The VPC drops what is sent from another one.
        steps.push(Step::SetLink(LinkChange::Mac(wish.entry.mac_address)));
    }
    if let Some(mtu) = mtu(wish, link) {
        steps.push(Step::SetLink(LinkChange::Mtu(mtu)));
    }
    let id = wish.entry.network_interface_id.as_str();
    if link.alias.as_deref() != Some(id) {
        steps.push(Step::SetLink(LinkChange::Alias(id.to_string())));
    }
    if renamed {
        // The kernel refuses a link the name that is an alternative one of its own.
        let own = link.altnames.iter().filter(|altname| *altname == name.as_str());
        steps.extend(own.filter_map(|altname| altname.parse::<AltName>().ok()).map(Step::DeleteAltName));
        steps.push(Step::SetLink(LinkChange::Name(name)));
    }
    if shared && (goes_down || !link.up) {
        steps.push(Step::SetLink(LinkChange::Up));
    }
    Ok(steps)
}

/// Whether a step takes away what somebody else configured.
pub(super) fn is_cleaning(step: &Step) -> bool {
    matches!(step, Step::DeleteRule { .. } | Step::DeleteRoute { .. } | Step::DeleteAddress(_))
}

fn refuse_tied(wish: &Wish, link: &Link, view: &View) -> Result<(), Error> {
    let tied = |tie| Err(Error::Tied { device: wish.entry.device(), tie });
    match view.tie(link) {
        None => Ok(()),
        // The children of pods that share it, before they are moved.
        Some(Tie::Upper(name)) if wish.entry.is_shared() => {
            let child = |upper: &Link| matches!(upper.kind.as_deref(), Some("ipvlan" | "ipvtap"));
            if view.uppers(link).all(child) { Ok(()) } else { tied(Tie::Upper(name)) }
        }
        Some(tie) => tied(tie),
    }
}

/// The wished name, that to fall back to, or the one that it has: the first that no other link goes by.
fn name(wish: &Wish, link: &Link, view: &View) -> Result<IfName, Error> {
    let is_free =
        |name: &IfName| view.links.iter().all(|other| other.index == link.index || !other.is_called(name.as_str()));
    let wished = [wish.name.clone(), wish.entry.network_interface_id.fallback_name()];
    let name = wished.into_iter().find(is_free).or_else(|| link.name.parse().ok());
    name.ok_or_else(|| Error::Nameless(wish.entry.device()))
}

fn mtu(wish: &Wish, link: &Link) -> Option<u32> {
    let range = link.mtu_range();
    let wished = wish.mtu?.clamp(*range.start(), *range.end().max(range.start()));
    (wished != link.mtu).then_some(wished)
}

/// What a daemon of the host left on the link and about its addresses. A route with several next hops is more than this
/// link's, and the kernel takes the link out of it when it goes down.
fn cleaning(wish: &Wish, link: &Link, view: &View) -> Vec<Step> {
    let on_link: Vec<_> = view.addresses_of(link).map(|address| address.network).collect();
    let addresses: Vec<IpAddr> = wish.entry.addresses().chain(on_link.iter().map(IpNetwork::ip)).collect();
    let rules = rules_about(&view.rules, &addresses);
    let rules = rules.map(|rule| Step::DeleteRule { place: Place::Host, rule: rule.clone() });
    let made = |route: &&Route| route.links == [link.index] && route.kind == RouteKind::Unicast && !route.of_kernel;
    let routes = view.routes.iter().filter(made);
    let routes = routes.map(|route| Step::DeleteRoute { place: Place::Host, route: route.clone() });
    rules.chain(routes).chain(on_link.iter().copied().map(Step::DeleteAddress)).collect()
}

#[cfg(test)]
mod tests;
