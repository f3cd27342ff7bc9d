//! What dead pods have left. Multus never forwards GC, so the agent does what the runtime does not.

use super::index::World;
use super::{Action, Plan};
use crate::observe::{Hold, Subject};

pub(crate) fn plan(observed: &World<'_>, plan: &mut Plan) {
    for (owner, &since) in &observed.gone {
        let is_due = due(since, observed, plan);
        let (subject, hold) = (Subject::Attachment(owner.clone()), Hold::Attachment(owner.clone()));
        when(is_due, subject, hold, Action::Release { owner: owner.clone() }, observed, plan);
    }
    for owner in observed.unfinished.iter().filter(|owner| !observed.gone.contains_key(owner)) {
        let (subject, hold) = (Subject::Attachment(owner.clone()), Hold::Attachment(owner.clone()));
        when(true, subject, hold, Action::Release { owner: owner.clone() }, observed, plan);
    }
    for (owner, &since) in &observed.gone_uses {
        let is_due = due(since, observed, plan);
        let (subject, hold) = (Subject::AddressUse(owner.clone()), Hold::AddressUse(owner.clone()));
        when(is_due, subject, hold, Action::ReleaseAddresses { owner: owner.clone() }, observed, plan);
    }
}

/// Whether the grace period is over; if not, it is looked at again when it is.
fn due(since: u64, observed: &World<'_>, plan: &mut Plan) -> bool {
    let at = since.saturating_add(observed.limit.release_grace);
    if at > observed.now {
        plan.wake(at);
    }
    at <= observed.now
}

fn when(is_due: bool, subject: Subject, hold: Hold, action: Action, observed: &World<'_>, plan: &mut Plan) {
    if !is_due || observed.is_busy(&subject) {
        return;
    }
    match observed.hold(&hold) {
        Some(held) => plan.wake(held.until),
        None => plan.act(action),
    }
}
