//! Choosing the device of an ADD, and refusing what must not be taken. Pure: everything is in the [`World`].

mod refusal;

pub(crate) use refusal::Refusal;

use crate::config::Selector;
use crate::observe::World;
use node::device::{Device, pci_address};
use node::inventory::{Entry, Mode, Pool, State};
use node::names::{IfName, PoolName};
use node::netlink::Link;
use node::pci::{Unfit, VFIO_PCI, is_for_user_space};
use node::record::{Owner, Pod, Record};
use node::settings::Allow;

/// Who asks, and what for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) pod: Option<&'a Pod>,
    /// What is to become of the device; nothing leaves it to the pool.
    pub(crate) mode: Option<Mode>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    /// This one is free.
    Take(Box<Taken>),
    /// What is asked for is held. If one of these holders is dead, its device can be taken down and asked for again.
    IfDead(Vec<Record>, Refusal),
}

/// A free device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    pub(crate) device: Device,
    /// Its link on the host; nothing if user space has it, or nobody.
    pub(crate) link: Option<Link>,
    /// What the inventory has about it.
    pub(crate) entry: Option<Entry>,
    /// The record of an earlier release of the device that is not quite done.
    pub(crate) unfinished: Option<Record>,
}

/// A device that could be meant.
#[derive(Debug, Clone)]
struct Candidate<'a> {
    device: Device,
    entry: Option<&'a Entry>,
    link: Option<&'a Link>,
}

impl Candidate<'_> {
    /// What is to become of it: what was asked for, else what its pool says.
    fn mode(&self, asked: Option<Mode>) -> Mode {
        let of_pool = self.entry.and_then(|entry| entry.pool.as_ref()).map(|pool| pool.mode);
        asked.or(of_pool).unwrap_or_default()
    }
}

/// Chooses.
///
/// # Errors
/// [`Refusal`], where nobody's death would change it.
pub(crate) fn choose(
    world: &World,
    selector: &Selector,
    allow: Option<&Allow>,
    asker: Asker<'_>,
) -> Result<Choice, Refusal> {
    let candidates = candidates(world);
    if selector.is_explicit() {
        let candidate = named(world, &candidates, selector)?;
        if let Some(pool) = candidate.entry.and_then(|entry| entry.pool.as_ref()).filter(|_| selector.pci.is_none()) {
            refuse_given_out(pool)?;
        }
        return match verdict(world, candidate, asker.mode, allow) {
            Verdict::Free(link) => Ok(take(world, candidate, link)),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Held(record) => Ok(Choice::IfDead(vec![record.clone()], held(&candidate.device, record, asker))),
        };
    }
    let pool = selector.pool.as_ref().ok_or(Refusal::NothingAsked)?;
    of_pool(world, &candidates, pool, asker.mode, allow)
}

/// Every ENI of the inventory, and every other link of the host that could be a device.
fn candidates(world: &World) -> Vec<Candidate<'_>> {
    let links = &world.host.links;
    let known = world.inventory.iter().map(|entry| {
        let device = entry.device();
        let link = device.find(links);
        Candidate { device, entry: Some(entry), link }
    });
    let mut candidates: Vec<_> = known.collect();
    for link in links.iter().filter(|link| !link.loopback) {
        if candidates.iter().any(|candidate| candidate.link.is_some_and(|known| known.index == link.index)) {
            continue;
        }
        if let Some(mac_address) = link.mac {
            let device = Device { mac_address, pci_address: pci_address(link), network_interface_id: None };
            candidates.push(Candidate { device, entry: None, link: Some(link) });
        }
    }
    candidates
}

/// What a key of the configuration says of the device that it means.
type Meaning<'a> = Box<dyn Fn(&Candidate<'_>) -> bool + 'a>;

/// The one device that the explicit keys mean; all of them, and the pool if it is given, must mean it.
fn named<'a, 'w>(
    world: &World,
    candidates: &'a [Candidate<'w>],
    selector: &Selector,
) -> Result<&'a Candidate<'w>, Refusal> {
    let mut chosen: Option<&Candidate<'_>> = None;
    let mut keys: Vec<(String, Meaning<'_>)> = Vec::new();
    if let Some(eni) = &selector.eni {
        keys.push((eni.to_string(), Box::new(move |one| one.device.network_interface_id.as_ref() == Some(eni))));
    }
    if let Some(pci) = selector.pci {
        keys.push((pci.to_string(), Box::new(move |one| one.device.pci_address == Some(pci))));
    }
    if let Some(mac) = selector.mac {
        keys.push((mac.to_string(), Box::new(move |one| one.device.mac_address == mac)));
    }
    if let Some(name) = &selector.device {
        keys.push((name.clone(), Box::new(move |one| is_called(one, name))));
    }
    for (asked, means) in keys {
        let mut meant = candidates.iter().filter(|one| means(one));
        let first = meant.next().ok_or_else(|| unknown(world, selector, asked))?;
        if let Some(second) = meant.next() {
            return Err(Refusal::Ambiguous(first.device.clone(), second.device.clone()));
        }
        match chosen {
            Some(chosen) if !std::ptr::eq(chosen, first) => {
                return Err(Refusal::Disagreement(chosen.device.clone(), first.device.clone()));
            }
            _ => chosen = Some(first),
        }
    }
    let chosen = chosen.ok_or(Refusal::NothingAsked)?;
    let its_pool = chosen.entry.and_then(Entry::pool_name);
    match &selector.pool {
        Some(pool) if its_pool != Some(pool) => Err(Refusal::NotOurs {
            device: chosen.device.clone(),
            why: match its_pool {
                Some(other) => format!("it is of pool {other}, and the configuration names pool {pool} too"),
                None => format!("it is not of pool {pool}, which the configuration names too"),
            },
        }),
        _ => Ok(chosen),
    }
}

/// Nobody knows the MAC of a device that has no link and that the agent has never seen.
fn unknown(world: &World, selector: &Selector, asked: String) -> Refusal {
    match world.function(selector.pci).and_then(|function| function.driver.clone().map(|driver| (function, driver))) {
        Some((function, driver)) if function.is_for_user_space() => {
            Refusal::Nameless { address: function.address, driver }
        }
        _ => Refusal::Unknown { asked, may_come: !world.agent_was_here },
    }
}

/// What the kubelet gives out, a choice could give to another pod than that which the kubelet gave it to.
fn refuse_given_out(pool: &Pool) -> Result<(), Refusal> {
    match &pool.resource_name {
        Some(resource) => Err(Refusal::GivenOut { pool: pool.name.clone(), resource: resource.clone() }),
        None => Ok(()),
    }
}

/// A link goes by the names that it has; one that is with a pod, by the name that it has at home.
fn is_called(candidate: &Candidate<'_>, name: &str) -> bool {
    match (candidate.link, candidate.entry) {
        (Some(link), _) => link.is_called(name),
        (None, Some(entry)) => entry.host_name.as_str() == name,
        (None, None) => false,
    }
}

fn of_pool<'w>(
    world: &'w World,
    candidates: &[Candidate<'w>],
    pool: &PoolName,
    mode: Option<Mode>,
    allow: Option<&Allow>,
) -> Result<Choice, Refusal> {
    let mut members: Vec<_> =
        candidates.iter().filter(|one| one.entry.and_then(Entry::pool_name) == Some(pool)).collect();
    if members.is_empty() {
        return Err(Refusal::EmptyPool { pool: pool.clone(), agent_was_here: world.agent_was_here });
    }
    for pool in members.iter().filter_map(|one| one.entry?.pool.as_ref()) {
        refuse_given_out(pool)?;
    }
    members.sort_by_key(|one| one.entry.map(|entry| (entry.network_card_index, entry.device_index)));
    let (mut holders, mut unready, mut refused) = (Vec::new(), 0, Vec::new());
    let mut unfit_for_all = None;
    for candidate in members {
        match verdict(world, candidate, mode, allow) {
            Verdict::Free(link) => match unfit(world, candidate, mode) {
                None => return Ok(take(world, candidate, link)),
                Some(Refusal::Changing(_)) => unready += 1,
                Some(refusal) => {
                    refused.push(refusal.to_string());
                    unfit_for_all.get_or_insert(refusal);
                }
            },
            Verdict::Held(record) => holders.push(record.clone()),
            Verdict::Refused(Refusal::NotReady { .. }) => unready += 1,
            Verdict::Refused(refusal) => refused.push(refusal.to_string()),
        }
    }
    // With another ENI it would be the same.
    if let Some(refusal) = unfit_for_all.filter(|_| holders.is_empty() && unready == 0) {
        return Err(refusal);
    }
    let exhausted = Refusal::Exhausted {
        pool: pool.clone(),
        held: holders.len(),
        unready,
        refused: refused.len(),
        why: refused.into_iter().next(),
    };
    if holders.is_empty() { Err(exhausted) } else { Ok(Choice::IfDead(holders, exhausted)) }
}

fn take(world: &World, candidate: &Candidate<'_>, link: Option<&Link>) -> Choice {
    // What only an IPAM plugin still owes is no matter of the device, which was home already.
    let is_unfinished =
        |record: &&Record| !record.holds() && record.pending.device && record.device.is_same(&candidate.device);
    let unfinished = world.records.iter().find(is_unfinished);
    Choice::Take(Box::new(Taken {
        device: candidate.device.clone(),
        link: link.cloned(),
        entry: candidate.entry.cloned(),
        unfinished: unfinished.cloned(),
    }))
}

fn held(device: &Device, record: &Record, asker: Asker<'_>) -> Refusal {
    let uid = |pod: Option<&Pod>| pod.and_then(|pod| pod.uid.clone());
    let same_pod = uid(asker.pod).is_some() && uid(asker.pod) == uid(record.pod.as_ref());
    let asking = asker.pod.map(|pod| format!(" of {pod}")).unwrap_or_default();
    Refusal::Held {
        device: device.clone(),
        holder: record.holder(),
        asker: format!("{}{asking}", asker.owner),
        same_pod,
    }
}

enum Verdict<'w> {
    /// With its link, if it has one.
    Free(Option<&'w Link>),
    Held(&'w Record),
    Refused(Refusal),
}

fn verdict<'w>(world: &'w World, candidate: &Candidate<'w>, mode: Option<Mode>, allow: Option<&Allow>) -> Verdict<'w> {
    if let Some(why) = forbidden(world, candidate, allow) {
        return Verdict::Refused(Refusal::NotOurs { device: candidate.device.clone(), why });
    }
    if let Some(record) = world.records.iter().find(|record| record.holds() && record.device.is_same(&candidate.device))
    {
        return Verdict::Held(record);
    }
    if let Some(state) = candidate.entry.map(|entry| entry.state).filter(|&state| state != State::Ready) {
        return Verdict::Refused(Refusal::NotReady { device: candidate.device.clone(), state });
    }
    match candidate.link {
        Some(link) => Verdict::Free(Some(link)),
        None => without_link(world, candidate, mode),
    }
}

/// A device without a link is away with somebody, or it is user space's or nobody's: then it is there for user space.
fn without_link<'w>(world: &'w World, candidate: &Candidate<'w>, mode: Option<Mode>) -> Verdict<'w> {
    let device = candidate.device.clone();
    let mode = candidate.mode(mode);
    let Some(function) = world.function(device.pci_address) else {
        return Verdict::Refused(Refusal::Away { device });
    };
    match (&function.driver, mode) {
        (Some(_), Mode::VfioPci) if function.is_for_user_space() => Verdict::Free(None),
        (None, Mode::VfioPci) => Verdict::Free(None),
        (Some(driver), Mode::Netdev) if function.is_for_user_space() => {
            Verdict::Refused(Refusal::InUserSpace { device, driver: driver.clone() })
        }
        _ => Verdict::Refused(Refusal::Away { device }),
    }
}

/// Why a free device of a pool cannot be handed to user space now, if that is what is to become of it.
fn unfit(world: &World, candidate: &Candidate<'_>, mode: Option<Mode>) -> Option<Refusal> {
    let function = world.function(candidate.device.pci_address).filter(|_| candidate.mode(mode) == Mode::VfioPci)?;
    let device = candidate.device.clone();
    if let Some(driver) = function.driver.clone().filter(|driver| is_for_user_space(driver) && driver != VFIO_PCI) {
        return Some(Refusal::InUserSpace { device, driver });
    }
    match world.unfit.iter().find(|(address, _)| *address == function.address)? {
        (_, Unfit::InUse) => Some(Refusal::Changing(device)),
        (_, Unfit::Refused(why)) => Some(Refusal::Unfit(why.clone())),
    }
}

/// Why a device may not be taken by anybody.
fn forbidden(world: &World, candidate: &Candidate<'_>, allow: Option<&Allow>) -> Option<String> {
    if candidate.entry.is_some_and(Entry::is_primary_eni) {
        return Some("it is the instance's primary ENI".to_string());
    }
    if candidate.entry.is_some_and(Entry::is_shared) {
        return Some("its pool is shared: use ipvlan over it".to_string());
    }
    if let Some(link) = candidate.link {
        // A bridge has the MAC of a port, and a child that of its parent: by MAC, it is the other that would be found again.
        if candidate.device.find(&world.host.links).is_none_or(|found| found.index != link.index) {
            return Some(format!("{} is built on other links, or another link has its MAC", link.name));
        }
        if let Some(tie) = world.host.tie(link) {
            return Some(format!("{}: {tie}", link.name));
        }
    }
    if candidate.entry.and_then(Entry::pool_name).is_some() {
        return None;
    }
    if !allow.is_some_and(|allow| allow.covers(&candidate.device, candidate.entry)) {
        return Some("it is of no pool, and node.toml does not allow it".to_string());
    }
    candidate.link.and_then(|link| configured_on_host(world, link))
}

/// What of the host's own configuration is on a link: for a device of no pool, each is a reason to leave it alone.
fn configured_on_host(world: &World, link: &Link) -> Option<String> {
    let host = &world.host;
    if let Some(address) = host.addresses_of(link).next() {
        return Some(format!("{} has the host's address {}", link.name, address.network.ip()));
    }
    if let Some(route) = host.routes.iter().find(|route| route.links.contains(&link.index) && !route.of_kernel) {
        return Some(format!("the host's route {route} is over {}", link.name));
    }
    let named = |name: &Option<String>| name.as_deref() == Some(link.name.as_str());
    host.rules
        .iter()
        .find(|rule| named(&rule.iif) || named(&rule.oif))
        .map(|rule| format!("the host's rule {rule} names {}", link.name))
}

/// The name that a device's link has at home: what an unfinished release still wishes, what the inventory says, else what
/// it has. A device that came back from a dead pod by itself still bears the pod's name.
pub(crate) fn home_name(taken: &Taken) -> Option<IfName> {
    let wished = taken.unfinished.as_ref().and_then(|record| Some(record.home.as_ref()?.name.clone()));
    let of_pool = taken.entry.as_ref().filter(|entry| entry.pool.is_some()).map(|entry| entry.host_name.clone());
    wished.or(of_pool).or_else(|| taken.link.as_ref()?.name.parse().ok())
}

#[cfg(test)]
mod tests;
