//! A device between the kernel and user space.

use node::inventory::{Pool, Seen, State};
use node::names::{EniId, IfName};

use super::link::{self, become_ready};
use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::site::Site;
use crate::kernel::{ArrivalWish, Machine};
use crate::life;
use crate::observe::Hold;

/// Hands an ENI over to user space; it is ready then.
pub(super) async fn hand_over<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, eni: &EniId) -> Report {
    let hold = Hold::Link(eni.clone());
    let entry = match site.ledger.entry(eni) {
        Ok(entry) => entry,
        Err(error) => return Report::unwritten(hold, &error),
    };
    if let Err(error) = site.machine.hand_over(&entry).await {
        return Report::of_kernel(hold, &error).and(Effect::LinksChanged);
    }
    let now = site.clock.now();
    let seen = entry.pci_address.and_then(|device| site.machine.look_at(device));
    let written = site.ledger.change(eni, |entry| {
        entry.seen = seen;
        become_ready(entry, now)
    });
    match written.await {
        Ok(_) => {
            log::info!("{eni} is ready for user space");
            Report::done([Effect::Cleared(hold), Effect::LinksChanged])
        }
        Err(error) => Report::unwritten(hold, &error).and(Effect::LinksChanged),
    }
}

/// Gives an ENI back to the kernel; its link is new then, and is made as it is wished.
pub(super) async fn take_back<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    name: IfName,
    mtu: Option<u32>,
) -> Report {
    let hold = Hold::Link(eni.clone());
    let entry = match site.ledger.entry(eni) {
        Ok(entry) => entry,
        Err(error) => return Report::unwritten(hold, &error),
    };
    let arrived = match site.machine.take_back(&ArrivalWish { entry, name, mtu }).await {
        Ok(arrived) => arrived,
        Err(error) => return Report::of_kernel(hold, &error).and(Effect::LinksChanged),
    };
    let now = site.clock.now();
    let written = link::note(site, eni, &arrived, |entry| match entry.state {
        // It goes on resting.
        State::Cooling => Ok(()),
        _ => become_ready(entry, now),
    });
    match written.await {
        Ok(entry) => {
            log::info!("{eni} is the kernel's again as {}", entry.host_name);
            Report::done([Effect::Cleared(hold), Effect::LinksChanged])
        }
        Err(error) => Report::unwritten(hold, &error).and(Effect::LinksChanged),
    }
}

/// Writes down what its pool says of it now, and how its device is. What is to be done with its device may be another thing then,
/// and is done as for an ENI that arrives.
pub(super) async fn note<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    pool: Pool,
    seen: Option<Seen>,
) -> Report {
    let hold = Hold::Link(eni.clone());
    let now = site.clock.now();
    let written = site.ledger.change(eni, |entry| {
        let mode = entry.pool.as_ref().map(|pool| pool.mode);
        let is_another = mode != Some(pool.mode);
        entry.pool = Some(pool);
        entry.seen = seen;
        match is_another && entry.state.is_on_node() {
            true => life::become_state(entry, State::Attached, now),
            false => Ok(()),
        }
    });
    match written.await {
        Ok(_) => Report::done([Effect::Cleared(hold)]),
        Err(error) => Report::unwritten(hold, &error),
    }
}
