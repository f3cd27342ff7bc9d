//! ENIs that are too many: detached once nobody has had them for a while, and then deleted.

use node::inventory::{Entry, State};

use super::grow::wanted_unattached;
use super::index::World;
use super::pool::Standing;
use super::slots::is_unattached;
use super::{Action, Need, Plan};
use crate::declared::{Declared, Pool};
use crate::observe::{Asked, Subject};

pub(crate) fn plan(pool: &Pool, observed: &World<'_>, standing: &mut Standing, plan: &mut Plan) {
    if !may_take_down(observed) || observed.cordoned || !standing.is_known || standing.demand > 0 {
        return;
    }
    let unattached: Vec<_> = observed.members(&pool.name).filter(|entry| is_unattached(entry.state)).collect();
    for entry in unattached.iter().skip(wanted_unattached(standing, unattached.len())) {
        // Whom it was made for may be back soon: a runtime that got no ENI in time tries again.
        let idle_at = entry.upkeep.since.saturating_add(pool.cooldown_seconds);
        if entry.state == State::Created && idle_at > observed.now {
            plan.wake(idle_at);
        } else {
            delete(entry, observed, plan);
        }
    }
    let unattached = u32::try_from(unattached.len()).unwrap_or(u32::MAX);
    let surplus = standing.have().saturating_sub(standing.target).saturating_sub(unattached);
    let mut free: Vec<_> = observed.members(&pool.name).filter(|entry| is_free(entry, observed)).collect();
    // The last ones in are the first ones out, and what is on its way out already is of them.
    free.sort_by_key(|entry| std::cmp::Reverse((entry.network_card_index, entry.device_index)));
    for entry in free.into_iter().take(usize::try_from(surplus).unwrap_or(usize::MAX)) {
        let idle_at = entry.upkeep.since.saturating_add(pool.cooldown_seconds);
        if idle_at > observed.now {
            plan.wake(idle_at);
        } else if is_nobodys(entry, observed) {
            give_up(entry, pool.resource_name.is_some(), observed, plan);
        }
    }
}

/// The ENIs of pools that are declared no more. A pool whose manifest cannot be read is not among them.
pub(crate) fn withdrawn(declared: &Declared, observed: &World<'_>, plan: &mut Plan) {
    if !may_take_down(observed) {
        return;
    }
    for entry in &observed.entries {
        let Some(pool) = &entry.pool else { continue };
        if observed.pool(&pool.name).is_some() || observed.is_held(entry) || !declared.is_withdrawn(&pool.name) {
            continue;
        }
        match entry.state {
            State::Created | State::Detached => delete(entry, observed, plan),
            State::Attached => detach(entry, observed, plan),
            State::Ready | State::Cooling | State::Quarantined if is_nobodys(entry, observed) => {
                give_up(entry, pool.resource_name.is_some(), observed, plan);
            }
            State::Ready | State::Cooling | State::Quarantined => {}
            State::Creating | State::Attaching | State::InUse | State::Detaching | State::Deleting | State::Deleted => {
            }
        }
    }
}

fn is_free(entry: &Entry, observed: &World<'_>) -> bool {
    entry.state == State::Ready && !observed.is_held(entry) && !observed.is_allocated(entry)
}

/// What is not known is no reason to take anything away: the metadata say whether the node is going away, too.
pub(super) fn may_take_down(observed: &World<'_>) -> bool {
    !observed.leaving && observed.identity.is_some() && observed.links.is_some()
}

/// Whether no record says that somebody has it, and its link is where it is when nobody has: a record that was damaged is
/// put aside, and then only the missing link tells.
fn is_nobodys(entry: &Entry, observed: &World<'_>) -> bool {
    !observed.is_held(entry) && !observed.is_allocated(entry) && observed.is_home(entry)
}

/// Has it detached. One that the kubelet may give out at this moment is offered no more first; what it gave out before that, its
/// list of pods says.
fn give_up(entry: &Entry, is_offered: bool, observed: &World<'_>, plan: &mut Plan) {
    if !is_offered {
        return detach(entry, observed, plan);
    }
    let eni = &entry.network_interface_id;
    plan.withheld.insert(eni.clone());
    match observed.withheld.get(eni) {
        Some(Asked::Since) => detach(entry, observed, plan),
        Some(Asked::NotYet) | None => plan.need(Need::GivenOut),
    }
}

fn detach(entry: &Entry, observed: &World<'_>, plan: &mut Plan) {
    let eni = &entry.network_interface_id;
    if entry.is_primary_eni() || observed.is_busy(&Subject::Link(eni.clone())) {
        return;
    }
    plan.act_in_ec2(eni, [Action::Detach { eni: eni.clone() }], observed);
}

/// Only what this node's records or two looks at EC2 say is nobody's.
pub(super) fn delete(entry: &Entry, observed: &World<'_>, plan: &mut Plan) {
    let eni = &entry.network_interface_id;
    let is_ours = observed.identity.as_ref().is_some_and(|identity| identity.owns(&entry.tags));
    if observed.leaving || !is_ours || entry.upkeep.found || observed.is_held(entry) {
        return;
    }
    plan.act_in_ec2(eni, [Action::Delete { eni: eni.clone() }], observed);
}
