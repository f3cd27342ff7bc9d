//! Secondary addresses of shared ENIs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use node::fault;
use node::inventory::{Entry, Ipv4Address, Ipv6Address};
use node::names::EniId;
use tokio::time::Instant;

use super::policy::reason;
use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::site::Site;
use crate::kernel::Machine;
use crate::observe::{Hold, Verb, network_interface_id};

/// The lock over addresses is held for a few files of `/run`.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// Further IPv4 addresses.
pub(super) async fn assign_ipv4<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    count: u32,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::AssignIpv4);
    let Ok(id) = network_interface_id(eni) else { return Report::done([]) };
    match site.cloud.assign_ipv4(&id, count).await {
        Ok(addresses) => put(site, eni, hold, addresses.into_iter().map(IpAddr::V4).collect()).await,
        Err(error) => refused(eni, hold, &error),
    }
}

/// Further IPv6 addresses.
pub(super) async fn assign_ipv6<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    count: u32,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::AssignIpv6);
    let Ok(id) = network_interface_id(eni) else { return Report::done([]) };
    match site.cloud.assign_ipv6(&id, count).await {
        Ok(addresses) => put(site, eni, hold, addresses.into_iter().map(IpAddr::V6).collect()).await,
        Err(error) => refused(eni, hold, &error),
    }
}

/// Gives IPv4 addresses back that nobody has.
pub(super) async fn unassign_ipv4<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    addresses: Vec<Ipv4Addr>,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::UnassignIpv4);
    let (Ok(id), wished) = (network_interface_id(eni), addresses.into_iter().map(IpAddr::V4).collect()) else {
        return Report::done([]);
    };
    let taken = match take(site, eni, &hold, wished).await {
        Ok(taken) => taken,
        Err(report) => return report,
    };
    let ipv4: Vec<Ipv4Addr> = taken.iter().filter_map(ipv4).collect();
    if ipv4.is_empty() {
        return Report::done([]);
    }
    let answer = site.cloud.unassign_ipv4(&id, &ipv4).await;
    given_back(site, eni, hold, taken, answer).await
}

/// Gives IPv6 addresses back that nobody has.
pub(super) async fn unassign_ipv6<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    addresses: Vec<Ipv6Addr>,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::UnassignIpv6);
    let (Ok(id), wished) = (network_interface_id(eni), addresses.into_iter().map(IpAddr::V6).collect()) else {
        return Report::done([]);
    };
    let taken = match take(site, eni, &hold, wished).await {
        Ok(taken) => taken,
        Err(report) => return report,
    };
    let ipv6: Vec<Ipv6Addr> = taken.iter().filter_map(ipv6).collect();
    if ipv6.is_empty() {
        return Report::done([]);
    }
    let answer = site.cloud.unassign_ipv6(&id, &ipv6).await;
    given_back(site, eni, hold, taken, answer).await
}

/// Takes addresses out of what the IPAM plugin may choose from, under its lock, and gives those that nobody has. The lock is
/// not held over EC2.
async fn take<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    hold: &Hold,
    wished: Vec<IpAddr>,
) -> Result<Vec<IpAddr>, Report> {
    // The ledger before the lock, as everywhere.
    let turn = site.ledger.turn().await;
    let asked = Instant::now();
    let lock = site.store.addresses_lock(LOCK_LIMIT).await;
    site.metrics.lock_waited("addresses", asked.elapsed());
    let _lock = lock.map_err(|error| Report::of_machine(hold.clone(), "lock", reason(&error)))?;
    let uses =
        site.store.address_uses().map_err(|error| Report::of_machine(hold.clone(), "records", reason(&error)))?;
    let now = site.clock.now();
    let is_used = |address: &IpAddr| uses.iter().any(|usage| usage.holds_at(now) && usage.addresses.contains(address));
    let free: Vec<IpAddr> = wished.into_iter().filter(|address| !is_used(address)).collect();
    let taken = turn.change(eni, |entry| {
        entry.ipv4_addresses.retain(|one| one.primary || !free.contains(&IpAddr::V4(one.address)));
        entry.ipv6_addresses.retain(|one| one.primary || !free.contains(&IpAddr::V6(one.address)));
        entry.upkeep.addresses_changed_at = now;
        Ok(())
    });
    taken.map_err(|error| Report::unwritten(hold.clone(), &error))?;
    fault::point("addresses are taken from the inventory and not yet given back");
    Ok(free)
}

async fn given_back<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    hold: Hold,
    taken: Vec<IpAddr>,
    answer: Result<(), ec2::Error>,
) -> Report {
    let error = match answer {
        Ok(()) => return Report::done([Effect::Cleared(hold)]),
        Err(error) => error,
    };
    let report = refused(eni, hold.clone(), &error);
    if error.may_have_happened() {
        return report;
    }
    let put = put(site, eni, hold, taken).await;
    put.effects.into_iter().filter(|effect| matches!(effect, Effect::Failed { .. })).fold(report, Report::and)
}

/// Adds addresses to the inventory: EC2 has them on this ENI.
async fn put<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    hold: Hold,
    addresses: Vec<IpAddr>,
) -> Report {
    let now = site.clock.now();
    let written = site.ledger.change(eni, |entry| {
        addresses.iter().for_each(|&address| add(entry, address));
        entry.upkeep.addresses_changed_at = now;
        Ok(())
    });
    match written.await {
        Ok(_) => Report::done([Effect::Cleared(hold)]),
        Err(error) => Report::unwritten(hold, &error).and(Effect::Doubtful(eni.clone())),
    }
}

fn add(entry: &mut Entry, address: IpAddr) {
    if entry.addresses().any(|known| known == address) {
        return;
    }
    match address {
        IpAddr::V4(address) => entry.ipv4_addresses.push(Ipv4Address { address, primary: false }),
        IpAddr::V6(address) => entry.ipv6_addresses.push(Ipv6Address { address, primary: false }),
    }
}

/// Assigning twice assigns more: what came of it is for EC2 to say.
fn refused(eni: &EniId, hold: Hold, error: &ec2::Error) -> Report {
    let report = Report::refused(hold, error);
    let doubtful = error.may_have_happened() || error.class == ec2::Class::NotFound;
    if doubtful { report.and(Effect::Doubtful(eni.clone())) } else { report }
}

fn ipv4(address: &IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    }
}

fn ipv6(address: &IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    }
}
