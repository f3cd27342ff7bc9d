//! What dead pods have left. Multus never forwards GC, so the agent does what the runtime does not.

use node::record::Owner;

use super::index::World;
use super::{Action, Plan};
use crate::observe::{Hold, Subject};

pub(crate) fn plan(observed: &World<'_>, plan: &mut Plan) {
    for (owner, &since) in &observed.gone {
        if is_due(since, observed, plan) {
            release(owner, observed, plan);
        }
    }
    for owner in observed.unfinished.iter().filter(|owner| !observed.gone.contains_key(owner)) {
        release(owner, observed, plan);
    }
    for (owner, &since) in &observed.gone_uses {
        if is_due(since, observed, plan) {
            release_addresses(owner, observed, plan);
        }
    }
}

/// Whether the grace period is over; if not, it is looked at again when it is.
fn is_due(since: u64, observed: &World<'_>, plan: &mut Plan) -> bool {
    let at = since.saturating_add(observed.limit.release_grace);
    if at > observed.now {
        plan.wake(at);
    }
    at <= observed.now
}

fn release(owner: &Owner, observed: &World<'_>, plan: &mut Plan) {
    if observed.is_busy(&Subject::Attachment(owner.clone())) {
        return;
    }
    match observed.hold(&Hold::Attachment(owner.clone())) {
        Some(held) => plan.wake(held.until),
        None => plan.act(Action::Release { owner: owner.clone() }),
    }
}

fn release_addresses(owner: &Owner, observed: &World<'_>, plan: &mut Plan) {
    if observed.is_busy(&Subject::AddressUse(owner.clone())) {
        return;
    }
    match observed.hold(&Hold::AddressUse(owner.clone())) {
        Some(held) => plan.wake(held.until),
        None => plan.act(Action::ReleaseAddresses { owner: owner.clone() }),
    }
}
