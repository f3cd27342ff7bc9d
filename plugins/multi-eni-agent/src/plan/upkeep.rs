//! What somebody changed of an ENI in EC2, or its pool wants otherwise by now. It waits for all else that is to be done with the
//! ENI: one that EC2 refuses to repair is attached and detached like any other, and gets its addresses.

use std::collections::BTreeSet;

use ec2::Tags;
use node::inventory::{Entry, Sharing, State};
use node::names::EniId;

use super::groups::security_groups;
use super::index::World;
use super::{Action, Change, Plan};
use crate::declared::Pool;
use crate::observe::Subject;

pub(crate) fn plan(observed: &World<'_>, plan: &mut Plan) {
    if observed.leaving {
        return;
    }
    let planned: BTreeSet<EniId> = plan.actions.iter().filter_map(eni_in_ec2).collect();
    for entry in observed.entries.iter().filter(|entry| is_attached(entry)) {
        let Some(pool) = entry.pool_name().and_then(|name| observed.pool(name)) else { continue };
        let differences = differences(entry, pool, observed, plan);
        if !differences.is_empty() && !planned.contains(&entry.network_interface_id) {
            plan.act_in_ec2(&entry.network_interface_id, differences, observed);
        }
    }
}

fn eni_in_ec2(action: &Action) -> Option<EniId> {
    match action.subject()? {
        Subject::Cloud(eni) => Some(eni),
        Subject::Creation(_) | Subject::Link(_) | Subject::Attachment(_) | Subject::AddressUse(_) => None,
    }
}

fn is_attached(entry: &Entry) -> bool {
    let is_attached = matches!(entry.state, State::Attaching | State::Attached)
        || entry.state.is_on_node() && entry.state != State::Quarantined;
    is_attached && entry.upkeep.attachment_id.is_some()
}

/// Each as one call: EC2 takes one change in a call. The first comes first.
fn differences(entry: &Entry, pool: &Pool, observed: &World<'_>, plan: &mut Plan) -> Vec<Action> {
    let mut differences = Vec::new();
    differences.extend(attribute(entry, pool, observed, plan).map(|change| modify(entry, change)));
    // On the way in, EC2 has just been told the rest.
    if entry.state.is_on_node() {
        let tags = lacking_tags(entry, pool, observed);
        if !tags.is_empty() {
            differences.push(Action::Tag { eni: entry.network_interface_id.clone(), tags });
        }
        differences.extend(lacking_addresses(entry, pool, observed));
    }
    differences
}

fn modify(entry: &Entry, change: Change) -> Action {
    Action::Modify { eni: entry.network_interface_id.clone(), change }
}

fn attribute(entry: &Entry, pool: &Pool, observed: &World<'_>, plan: &mut Plan) -> Option<Change> {
    let upkeep = &entry.upkeep;
    if upkeep.delete_on_termination.is_some_and(|found| found != pool.delete_on_termination) {
        return Some(Change::DeleteOnTermination(pool.delete_on_termination));
    }
    if upkeep.source_dest_check.is_some_and(|found| found != pool.source_dest_check) {
        return Some(Change::SourceDestCheck(pool.source_dest_check));
    }
    if !entry.state.is_on_node() || upkeep.security_groups.is_empty() {
        return None;
    }
    let groups = security_groups(pool, observed, plan, &mut Vec::new())?;
    // Neither has one twice.
    let found = &upkeep.security_groups;
    let are_found = || groups.iter().all(|group| found.iter().any(|found| found == group.as_str()));
    (groups.len() != found.len() || !are_found()).then_some(Change::SecurityGroups(groups))
}

fn lacking_tags(entry: &Entry, pool: &Pool, observed: &World<'_>) -> Tags {
    match (&observed.identity, entry.tags.is_empty()) {
        (Some(identity), false) => identity.lacking(&pool.name, &pool.tags, &entry.tags),
        _ => Tags::new(),
    }
}

/// Of an ENI that pods take whole; those of a shared one come and go.
fn lacking_addresses(entry: &Entry, pool: &Pool, observed: &World<'_>) -> Vec<Action> {
    // How many it has is not known before EC2 has told: what was asked for may have been done.
    if pool.sharing == Sharing::Shared || observed.doubtful.contains(&entry.network_interface_id) {
        return Vec::new();
    }
    let eni = &entry.network_interface_id;
    let has = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let secondary = has(entry.ipv4_addresses.iter().filter(|address| !address.primary).count());
    let ipv4 = pool.secondary_ipv4.checked_sub(secondary).filter(|&lacking| lacking > 0);
    let ipv6 = pool.ipv6.checked_sub(has(entry.ipv6_addresses.len())).filter(|&lacking| lacking > 0);
    let assign_ipv4 = ipv4.map(|count| Action::AssignIpv4 { eni: eni.clone(), count });
    let assign_ipv6 = ipv6.map(|count| Action::AssignIpv6 { eni: eni.clone(), count });
    assign_ipv4.into_iter().chain(assign_ipv6).collect()
}
