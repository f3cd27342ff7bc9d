//! Which statuses are written. Each write goes to every node's watch, so only what is new, and not too often.

use std::time::Duration;

use super::{Now, Plan};
use crate::api::NodeEniStatus;
use crate::cluster::action::{Action, Target};
use crate::cluster::aggregate::{self, Index, OURS, Standing};
use crate::cluster::memory::{Memory, Written};
use crate::cluster::original::Verdict;
use crate::cluster::world::{NodeEni, World};

/// Between two writes to one NodeENI.
const APART: Duration = Duration::from_secs(10);
/// Until what was written is written again though the API server shows another: it may have left out what an earlier CRD does not know,
/// and would so for ever.
const AGAIN: Duration = Duration::from_secs(300);
/// How long a new holder of the Lease waits for the API server to say whether the original is at work, before it says that it is unknown.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn all(plan: &mut Plan, world: &World, index: &Index<'_>, memory: &mut Memory, now: Now) {
    for of in world.node_enis.values() {
        let last = memory.written.get(&of.uid);
        if let Some(due) = last.map(|last| last.at + APART).filter(|due| *due > now.at) {
            plan.looks_at(due);
            continue;
        }
        let Some(standing) = standing(plan, of, world, memory, now) else { continue };
        let status = aggregate::status(of, world, index, &standing, &mut memory.since, now.wall);
        if is_new(&status, of, memory.written.get(&of.uid), now.at) {
            let untouched = (!standing.is_ours()).then(|| of.listed.clone());
            let action = Action::WriteStatus { of: Target::of(of), status: Box::new(status), untouched };
            plan.at(now.at, action, memory, now);
        }
    }
}

fn is_new(status: &NodeEniStatus, of: &NodeEni, last: Option<&Written>, now: Duration) -> bool {
    let mut shown = of.status.clone();
    shown.conditions.retain(|condition| OURS.contains(&condition.type_.as_str()));
    shown.conditions.sort_by_key(|condition| OURS.iter().position(|ours| *ours == condition.type_));
    let is_same_as_last = last.is_some_and(|last| last.status == *status && now < last.at + AGAIN);
    shown != *status && !is_same_as_last
}

/// Whether this project may act for a NodeENI; nothing if that is not known yet.
fn standing(plan: &mut Plan, of: &NodeEni, world: &World, memory: &Memory, now: Now) -> Option<Standing> {
    match memory.original.verdict() {
        Ok(Verdict::AtWork(sign)) => Some(Standing::OriginalAtWork(sign.clone())),
        Err(why) if now.at >= PATIENCE => Some(Standing::OriginalUnknown(why.to_string())),
        Err(_) => {
            plan.looks_at(PATIENCE);
            None
        }
        Ok(Verdict::Gone) if of.is_deleted && !of.has_finalizer() => {
            Some(Standing::Deleted("it is deleted, and waits for the finalizers of others".to_string()))
        }
        Ok(Verdict::Gone) if of.is_deleted => {
            let looks = memory.looks.get(&of.uid).cloned().unwrap_or_default();
            Some(Standing::Deleted(looks.waits_for(&of.name, world)))
        }
        // Nothing is made for one that could go without its ENIs.
        Ok(Verdict::Gone) if !of.has_finalizer() => None,
        Ok(Verdict::Gone) => Some(Standing::InCharge),
    }
}
