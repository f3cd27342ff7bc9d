//! The addresses of shared ENIs: so many free ones as are asked for, no more and no less.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use node::inventory::{Entry, Ipv6Address, Sharing, State};

use super::index::World;
use super::pool::Standing;
use super::{Action, Need, Plan};
use crate::declared::Pool;

/// Seconds for which more free addresses than asked for are kept, so that pods that come and go cost no call each.
const SURPLUS_KEPT: u64 = 120;

pub(crate) fn plan(pool: &Pool, observed: &World<'_>, standing: &mut Standing, plan: &mut Plan) {
    if pool.sharing == Sharing::Exclusive || observed.leaving {
        return;
    }
    let is_sure = |entry: &&Entry| !observed.doubtful.contains(&entry.network_interface_id);
    for entry in observed.members(&pool.name).filter(|entry| entry.state == State::Ready).filter(is_sure) {
        let nothing = BTreeSet::new();
        let taken = observed.taken(entry).unwrap_or(&nothing);
        let Some(limits) = &observed.limits else {
            plan.need(Need::Limits);
            return;
        };
        let ipv4: Vec<Ipv4Addr> =
            entry.ipv4_addresses.iter().filter(|one| !one.primary).map(|one| one.address).collect();
        // The primary ones are the host's: no pod gets them, and they are never given back.
        let (primary, further): (Vec<&Ipv6Address>, Vec<&Ipv6Address>) =
            entry.ipv6_addresses.iter().partition(|one| one.primary);
        let ipv6: Vec<Ipv6Addr> = further.iter().map(|one| one.address).collect();
        let room_ipv4 = limits.ipv4_per_interface.saturating_sub(1);
        let room_ipv6 = limits.ipv6_per_interface.saturating_sub(u32::try_from(primary.len()).unwrap_or(u32::MAX));
        let of_ipv4 = demand(&ipv4, taken, pool.secondary_ipv4, room_ipv4);
        let of_ipv6 = demand(&ipv6, taken, pool.ipv6, room_ipv6);
        let eni = &entry.network_interface_id;
        if of_ipv4.is_full() || of_ipv6.is_full() {
            standing.wait(format!("{eni} has all the addresses that its instance's type allows"));
        }
        let more_ipv4 = of_ipv4.more().map(|count| Action::AssignIpv4 { eni: eni.clone(), count });
        let more_ipv6 = of_ipv6.more().map(|count| Action::AssignIpv6 { eni: eni.clone(), count });
        let less_ipv4 = of_ipv4.less().map(|addresses| Action::UnassignIpv4 { eni: eni.clone(), addresses });
        let less_ipv6 = of_ipv6.less().map(|addresses| Action::UnassignIpv6 { eni: eni.clone(), addresses });
        let rests_until = entry.upkeep.addresses_changed_at.saturating_add(SURPLUS_KEPT.max(pool.cooldown_seconds));
        let mut actions: Vec<Action> = more_ipv4.into_iter().chain(more_ipv6).collect();
        let surplus: Vec<Action> = less_ipv4.into_iter().chain(less_ipv6).collect();
        match rests_until > observed.now {
            true if !surplus.is_empty() => plan.wake(rests_until),
            true => {}
            false => actions.extend(surplus),
        }
        plan.act_in_ec2(eni, actions, observed);
    }
}

enum Demand<Address> {
    Right,
    More(u32),
    /// These, all of them free.
    Less(Vec<Address>),
    /// More, and there is no room.
    Full,
}

impl<Address> Demand<Address> {
    fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }

    fn more(&self) -> Option<u32> {
        match self {
            Self::More(count) => Some(*count),
            Self::Right | Self::Less(_) | Self::Full => None,
        }
    }

    fn less(self) -> Option<Vec<Address>> {
        match self {
            Self::Less(addresses) => Some(addresses),
            Self::Right | Self::More(_) | Self::Full => None,
        }
    }
}

fn demand<Address: Copy + Ord + Into<IpAddr>>(
    assigned: &[Address],
    taken: &BTreeSet<IpAddr>,
    wished: u32,
    room: u32,
) -> Demand<Address> {
    let mut free: Vec<_> = assigned.iter().copied().filter(|&address| !taken.contains(&address.into())).collect();
    free.sort();
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (has, all) = (count(free.len()), count(assigned.len()));
    match has.cmp(&wished) {
        std::cmp::Ordering::Equal => Demand::Right,
        std::cmp::Ordering::Less => match (wished - has).min(room.saturating_sub(all)) {
            0 => Demand::Full,
            more => Demand::More(more),
        },
        // The highest go: a pool that was small once is small again.
        std::cmp::Ordering::Greater => Demand::Less(free.split_off(usize::try_from(wished).unwrap_or(usize::MAX))),
    }
}
