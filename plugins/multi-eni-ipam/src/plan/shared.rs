//! The addresses that a pod gets of a shared ENI: one of each family that nobody has.

use super::Wish;
use crate::config::Selection;
use crate::error::{Error, Sharing};
use crate::family::Family;
use node::addresses::{AddressState, AddressUse};
use node::inventory::Entry;
use node::record::Owner;
use std::net::IpAddr;

/// Who has what at this time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occupancy<'a> {
    /// All uses on record, also those whose rest is over.
    pub(crate) uses: &'a [AddressUse],
    /// Who asks.
    pub(crate) owner: &'a Owner,
    /// Seconds since the boot.
    pub(crate) now: u64,
}

impl<'a> Occupancy<'a> {
    /// What the owner has on record.
    pub(crate) fn own(&self) -> Option<&'a AddressUse> {
        self.uses.iter().find(|usage| usage.owner == *self.owner)
    }

    /// The uses by others of an address of this ENI. An ENI of another VPC may have the same address.
    fn others(&self, entry: &Entry, address: IpAddr) -> impl Iterator<Item = &'a AddressUse> {
        let (owner, eni) = (self.owner.clone(), entry.network_interface_id.clone());
        let of_address = move |usage: &&AddressUse| {
            usage.owner != owner && usage.network_interface_id == eni && usage.addresses.contains(&address)
        };
        self.uses.iter().filter(of_address)
    }

    /// Who keeps the owner from having this address, if anybody.
    pub(crate) fn holder(&self, entry: &Entry, address: IpAddr) -> Option<&'a AddressUse> {
        self.others(entry, address).filter(|usage| usage.holds_at(self.now)).max_by_key(|usage| rank(usage))
    }

    /// When the last rest of a free address ended; nothing if no use of it is on record.
    fn free_since(&self, entry: &Entry, address: IpAddr) -> Option<u64> {
        self.others(entry, address).map(rank).max()
    }
}

/// Until when, for an order: a pod's own time has no end.
fn rank(usage: &AddressUse) -> u64 {
    match usage.state {
        AddressState::Used => u64::MAX,
        AddressState::Cooling { until } => until,
    }
}

/// The addresses to answer with: what the runtime asks for, else what the owner had last, else a free one, first of
/// those that had no user, then of those that have been free longest, and among these the lowest.
///
/// # Errors
/// What is asked for cannot be had, no address is free, or the owner would lose one that it has.
pub(crate) fn shared(entry: &Entry, wish: &Wish<'_>, occupancy: &Occupancy<'_>) -> Result<Vec<IpAddr>, Error> {
    let eni = || entry.network_interface_id.clone();
    match wish.selection {
        None | Some(Selection::Primary) => {}
        Some(Selection::Count(count)) if count.get() == 1 => {}
        Some(Selection::Count(_) | Selection::All) => return Err(Error::SharedSelection { eni: eni() }),
    }
    wish.check_requested(entry)?;
    for &address in wish.requested {
        if !Family::of(address).for_pods(entry).contains(&address) {
            return Err(Error::PrimaryOfShared { eni: eni(), address });
        }
    }
    let families = wish.families(entry, Sharing::Shared, |family| family.for_pods(entry).len())?;
    let chosen: Result<Vec<IpAddr>, Error> =
        families.into_iter().map(|family| choose(entry, wish, occupancy, family)).collect();
    keeps_own(entry, occupancy, chosen?)
}

fn choose(entry: &Entry, wish: &Wish<'_>, occupancy: &Occupancy<'_>, family: Family) -> Result<IpAddr, Error> {
    match wish.requested_of(family)[..] {
        [] => free(entry, occupancy, family),
        [address] => match occupancy.holder(entry, address) {
            None => Ok(address),
            Some(usage) => Err(taken(address, usage, occupancy.now)),
        },
        ref several => {
            let eni = entry.network_interface_id.clone();
            Err(Error::OnePerFamily { eni, family, count: several.len() })
        }
    }
}

fn taken(address: IpAddr, usage: &AddressUse, now: u64) -> Error {
    let holder = usage.owner.to_string();
    match usage.state {
        AddressState::Used => Error::Taken { address, holder },
        AddressState::Cooling { until } => Error::Resting { address, holder, seconds: until.saturating_sub(now) },
    }
}

fn free(entry: &Entry, occupancy: &Occupancy<'_>, family: Family) -> Result<IpAddr, Error> {
    let for_pods = family.for_pods(entry);
    let (held, free): (Vec<IpAddr>, Vec<IpAddr>) =
        for_pods.iter().partition(|&&address| occupancy.holder(entry, address).is_some());
    let own = occupancy.own().filter(|usage| usage.network_interface_id == entry.network_interface_id);
    let had = free.iter().copied().find(|address| own.is_some_and(|usage| usage.addresses.contains(address)));
    let next = || free.iter().copied().min_by_key(|&address| (occupancy.free_since(entry, address), address));
    had.or_else(next).ok_or_else(|| exhausted(entry, occupancy, family, &held))
}

fn exhausted(entry: &Entry, occupancy: &Occupancy<'_>, family: Family, held: &[IpAddr]) -> Error {
    let is_used =
        |&&address: &&IpAddr| occupancy.holder(entry, address).is_some_and(|usage| usage.state == AddressState::Used);
    let used = held.iter().filter(is_used).count();
    Error::Exhausted { eni: entry.network_interface_id.clone(), family, used, cooling: held.len() - used }
}

/// An owner has one record, so what it has would be free at once, without rest, if the record were about something
/// else.
fn keeps_own(entry: &Entry, occupancy: &Occupancy<'_>, chosen: Vec<IpAddr>) -> Result<Vec<IpAddr>, Error> {
    let Some(own) = occupancy.own().filter(|usage| usage.state == AddressState::Used) else { return Ok(chosen) };
    let same_eni = own.network_interface_id == entry.network_interface_id;
    let still_there = |address: &&IpAddr| !same_eni || Family::of(**address).for_pods(entry).contains(address);
    let kept = |address: &IpAddr| same_eni && chosen.contains(address);
    if own.addresses.iter().filter(still_there).all(kept) {
        return Ok(chosen);
    }
    let addresses: Vec<String> = own.addresses.iter().map(ToString::to_string).collect();
    Err(Error::HasOthers {
        owner: own.owner.to_string(),
        addresses: addresses.join(", "),
        eni: own.network_interface_id.clone(),
    })
}
