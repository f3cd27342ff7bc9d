//! The link of an ENI on the host.

use node::arrival;
use node::inventory::{Entry, Mode, State};
use node::names::{EniId, IfName};

use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::ledger;
use crate::agent::site::Site;
use crate::kernel::{self, ArrivalWish, Arrived, Care, Machine};
use crate::life::{self, Illegal};
use crate::observe::Hold;

/// Takes a link that the kernel shows into the inventory.
pub(super) async fn arrive<C: ec2::Cloud, M: Machine, K: Clock>(
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
    let is_for_user_space = entry.pool.as_ref().is_some_and(|pool| pool.mode == Mode::VfioPci);
    let arrived = match site.machine.arrive(&ArrivalWish { entry, name, mtu }).await {
        Ok(arrived) => arrived,
        Err(error) => return refused(hold, &error),
    };
    if is_for_user_space && arrived.pci_address.is_none() {
        let why = format!("{eni} cannot be handed to user space: its link is no PCI device's");
        return Report::of_machine(hold, "kernel", why).and(Effect::LinksChanged);
    }
    let now = site.clock.now();
    let written = note(site, eni, &arrived, |entry| match is_for_user_space {
        true => life::become_state(entry, State::Attached, now),
        false => become_ready(entry, now),
    });
    match written.await {
        Ok(entry) => {
            let cleaned = if arrived.cleaned.is_empty() {
                String::new()
            } else {
                format!("; undone: {}", arrived.cleaned.join(", "))
            };
            log::info!("{eni} is {} as {}{cleaned}", entry.state, entry.host_name);
            Report::done([Effect::Cleared(hold), Effect::LinksChanged])
        }
        Err(error) => Report::unwritten(hold, &error).and(Effect::LinksChanged),
    }
}

/// Puts a link right that differs from what it should be.
pub(super) async fn look_after<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    name: IfName,
    mtu: Option<u32>,
    why: &str,
) -> Report {
    let hold = Hold::Link(eni.clone());
    let entry = match site.ledger.entry(eni) {
        Ok(entry) => entry,
        Err(error) => return Report::unwritten(hold, &error),
    };
    let arrived = match site.machine.look_after(&ArrivalWish { entry, name, mtu }).await {
        Ok(Care::Right(arrived)) => arrived,
        Ok(Care::Held) => return Report::of_machine(hold, "held", format!("the link of {eni} is in a plugin's hands")),
        Err(error) => return refused(hold, &error),
    };
    match note(site, eni, &arrived, |_| Ok(())).await {
        Ok(_) if arrived.changed.is_empty() => Report::done([Effect::Cleared(hold), Effect::LinksChanged]),
        Ok(_) => {
            log::info!("the link of {eni} is put right ({why}): {}", arrived.changed.join(", "));
            site.metrics.drift_repaired("link");
            Report::done([Effect::Cleared(hold), Effect::LinksChanged])
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}

/// By way of `Attached`, where EC2's word on its attachment is not there yet.
pub(super) fn become_ready(entry: &mut Entry, now: u64) -> Result<(), Illegal> {
    if life::may_become(entry.state, State::Attached) && !life::may_become(entry.state, State::Ready) {
        life::become_state(entry, State::Attached, now)?;
    }
    life::become_state(entry, State::Ready, now)
}

/// Writes down how its link and its device are on the host, and which state it is in then.
///
/// # Errors
/// Those of the ledger.
pub(super) async fn note<C, M: Machine, K>(
    site: &Site<C, M, K>,
    eni: &EniId,
    arrived: &Arrived,
    then: impl FnOnce(&mut Entry) -> Result<(), Illegal> + Send,
) -> Result<Entry, ledger::Error> {
    let seen = arrived.pci_address.and_then(|device| site.machine.look_at(device));
    let change = |entry: &mut Entry| {
        entry.pci_address = arrived.pci_address.or(entry.pci_address);
        entry.original_driver = arrived.driver.clone().or_else(|| entry.original_driver.take());
        entry.host_name = arrived.host_name.clone();
        entry.mtu = Some(arrived.mtu);
        entry.seen = seen;
        then(entry)
    };
    site.ledger.change(eni, change).await
}

fn refused(hold: Hold, error: &kernel::Error) -> Report {
    let report = Report::of_kernel(hold, error);
    match error {
        // It has gone, or was taken, since it was looked at.
        kernel::Error::Arrival(arrival::Error::Absent(_) | arrival::Error::Held(_)) => report.and(Effect::LinksChanged),
        _ => report,
    }
}
