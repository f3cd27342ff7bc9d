//! What dead pods have left, given back as DEL would have.

use node::record::Owner;
use node::store;

use super::policy::reason;
use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::site::Site;
use crate::kernel::{self, Machine, Outcome as Released};
use crate::observe::Hold;

/// Takes down an attachment whose pod is gone.
pub(super) async fn attachment<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, owner: &Owner) -> Report {
    let hold = Hold::Attachment(owner.clone());
    let released = match site.store.record(owner) {
        Ok(Some(record)) => site.machine.release(&record, site.pods().as_deref()).await,
        Ok(None) => Ok(Released::Nothing),
        Err(error) => return unread(hold, &error),
    };
    report(site, owner, hold, released)
}

/// Lets the addresses of a pod that is gone rest.
pub(super) async fn addresses<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, owner: &Owner) -> Report {
    let hold = Hold::AddressUse(owner.clone());
    let released = match site.store.address_uses() {
        Ok(uses) => match uses.into_iter().find(|usage| usage.owner == *owner) {
            Some(usage) => site.machine.release_addresses(&usage, site.pods().as_deref()).await,
            None => Ok(Released::Nothing),
        },
        Err(error) => return unread(hold, &error),
    };
    report(site, owner, hold, released)
}

fn unread(hold: Hold, error: &store::Error) -> Report {
    Report::of_machine(hold, "records", reason(error))
}

fn report<C, M, K>(
    site: &Site<C, M, K>,
    owner: &Owner,
    hold: Hold,
    released: Result<Released, kernel::Error>,
) -> Report {
    let settled = Effect::Settled(owner.clone());
    let waits = |class, why: String| Report::of_machine(hold.clone(), class, why);
    let report = match released {
        Ok(Released::Released) => {
            log::info!("released what {owner} had: its pod is gone");
            Report::done([settled, Effect::Cleared(hold), Effect::LinksChanged])
        }
        Ok(Released::Nothing) => return Report::done([settled, Effect::Cleared(hold)]),
        Ok(Released::Spared(life)) => {
            log::debug!("{owner} is spared: {life:?}");
            return Report::done([settled, Effect::Cleared(hold)]);
        }
        Ok(Released::Busy) => return waits("busy", format!("another process works on what {owner} has")),
        Ok(Released::Pending(pending)) => {
            let what = if pending.device { "its device is not home" } else { "its IPAM plugin did not release" };
            waits("pending", format!("{owner} has given back, but {what}")).and(Effect::LinksChanged)
        }
        Err(error) => Report::of_kernel(hold, &error),
    };
    site.metrics.released(report.outcome);
    report
}
