//! Attributes and tags of an ENI in EC2.

use ec2::Tags;
use node::fault;
use node::inventory::Entry;
use node::names::EniId;

use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::ledger;
use crate::agent::site::Site;
use crate::kernel::Machine;
use crate::observe::{Hold, Verb, network_interface_id};
use crate::plan::Change;

/// What is changed later than this after an ENI came into its state was as declared before: it is drift.
const SETTLED: u64 = 60;

/// Sets one attribute.
pub(super) async fn modify<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    change: &Change,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Modify);
    let before = match site.ledger.entry(eni) {
        Ok(entry) => entry,
        Err(error) => return Report::unwritten(hold, &error),
    };
    let modification = change.modification(before.upkeep.attachment_id.as_deref());
    let (Some(modification), Ok(id)) = (modification, network_interface_id(eni)) else {
        let why = format!("the attachment of {eni} is not known: EC2 is asked for it");
        return Report::of_machine(hold, "attachment", why).and(Effect::Doubtful(eni.clone()));
    };
    fault::point("an ENI is about to be modified");
    if let Err(error) = site.cloud.modify(&id, &modification).await {
        return refused(eni, hold, &error);
    }
    fault::point("an ENI is modified");
    let attachment = before.upkeep.attachment_id.clone();
    let written = site.ledger.change(eni, |entry| {
        match change {
            // Of another attachment nothing is known.
            Change::DeleteOnTermination(value) if entry.upkeep.attachment_id == attachment => {
                entry.upkeep.delete_on_termination = Some(*value);
            }
            Change::DeleteOnTermination(_) => {}
            Change::SourceDestCheck(value) => entry.upkeep.source_dest_check = Some(*value),
            Change::SecurityGroups(groups) => {
                entry.upkeep.security_groups = groups.iter().map(ToString::to_string).collect();
            }
        }
        Ok(())
    });
    written_or_not(site, hold, written.await, &before, kind(change))
}

/// Sets tags.
pub(super) async fn tag<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, eni: &EniId, tags: &Tags) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Tag);
    let Ok(id) = network_interface_id(eni) else { return Report::done([]) };
    if let Err(error) = site.cloud.tag(&id, tags).await {
        return refused(eni, hold, &error);
    }
    let added = site.ledger.change(eni, |entry| {
        entry.tags.extend(tags.clone());
        Ok(())
    });
    let added = added.await;
    let drifted = |entry: &Entry| is_settled(entry, site.clock.now());
    match added {
        Ok(entry) => {
            if drifted(&entry) {
                site.metrics.drift_repaired("tags");
            }
            Report::done([Effect::Cleared(hold)])
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}

/// EC2 did not do it, and may know better how the ENI is.
pub(super) fn refused(eni: &EniId, hold: Hold, error: &ec2::Error) -> Report {
    let report = Report::refused(hold, error);
    match error.class {
        ec2::Class::NotFound | ec2::Class::InUse => report.and(Effect::Doubtful(eni.clone())),
        _ => report,
    }
}

fn written_or_not<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    hold: Hold,
    written: Result<Entry, ledger::Error>,
    before: &Entry,
    kind: &'static str,
) -> Report {
    match written {
        Ok(_) => {
            if is_settled(before, site.clock.now()) {
                site.metrics.drift_repaired(kind);
            }
            Report::done([Effect::Cleared(hold)])
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}

fn is_settled(entry: &Entry, now: u64) -> bool {
    entry.state.is_on_node() && now.saturating_sub(entry.upkeep.since) > SETTLED
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::DeleteOnTermination(_) => "delete_on_termination",
        Change::SourceDestCheck(_) => "source_dest_check",
        Change::SecurityGroups(_) => "security_groups",
    }
}
