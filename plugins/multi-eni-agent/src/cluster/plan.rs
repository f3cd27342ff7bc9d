//! What is to be done, out of what the watches and EC2 have told. Pure: no clock, no API server, no EC2.

mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use ec2::{InstanceId, NetworkInterfaceId};
use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Key, Target};
use super::aggregate::Index;
use super::deletion::{APART, Stage, is_at_nodes};
use super::memory::Memory;
use super::sweep::Rules;
use super::world::{NodeEni, World};

/// How often it is asked whether aws-multi-eni-controller is at work: within the duration of its Lease.
const ORIGINAL: Duration = Duration::from_secs(10);
/// How often EC2 is looked at as a whole though nothing happened.
pub(crate) const SURVEY: Duration = Duration::from_secs(600);
/// How often it is at most.
const HURRY: Duration = Duration::from_secs(30);

/// The time: since the tenure began, and by the clock on the wall, in whole seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at: Duration,
    pub(crate) wall: Timestamp,
}

/// What is to be done now, and when to look again though nothing happens.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Action>,
    pub(crate) next: Option<Duration>,
}

/// The plan.
pub(crate) fn plan(world: &World, memory: &mut Memory, rules: &Rules, now: Now) -> Plan {
    memory.retain(world);
    let mut plan = Plan::default();
    let original = memory.original_asked.map_or(Duration::ZERO, |asked| asked + ORIGINAL);
    plan.at(original, Action::AskForOriginal, memory, now);
    if memory.original.is_gone() {
        finalizers(&mut plan, world, memory, rules, now);
        sweep(&mut plan, world, memory, rules, now);
    }
    // What was to go goes now, or is seen again.
    memory.condemned.clear();
    status::all(&mut plan, world, &Index::of(world), memory, now);
    plan
}

impl Plan {
    /// Something to do at this time, if it is not under way, and not before it may be tried again.
    fn at(&mut self, due: Duration, action: Action, memory: &Memory, now: Now) {
        let Some(earliest) = memory.may_begin(&action.key()) else { return };
        if due.max(earliest) <= now.at {
            self.actions.push(action);
        } else {
            self.looks_at(due.max(earliest));
        }
    }

    /// There may be something to do at this time.
    fn looks_at(&mut self, due: Duration) {
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }
}

fn finalizers(plan: &mut Plan, world: &World, memory: &mut Memory, rules: &Rules, now: Now) {
    for of in world.node_enis.values() {
        if !of.is_deleted {
            if !of.has_finalizer() {
                plan.at(now.at, Action::AddFinalizer(Target::of(of)), memory, now);
            }
            continue;
        }
        if !of.has_finalizer() {
            continue;
        }
        let looks = memory.looks.entry(of.uid.clone()).or_default();
        match looks.stage(&of.name, world, APART.min(rules.grace)) {
            Stage::AtNodes => {}
            Stage::Ask(due) => {
                let ask = Action::AskForEnis { name: of.name.clone(), uid: of.uid.clone() };
                plan.at(due, ask, memory, now);
            }
            Stage::Done => plan.at(now.at, Action::RemoveFinalizer(Target::of(of)), memory, now),
        }
    }
}

/// Regularly; earlier where there is something to see: an orphan whose grace period is over, a Node that went away, a NodeENI that waits
/// for its ENIs to go.
fn sweep(plan: &mut Plan, world: &World, memory: &mut Memory, rules: &Rules, now: Now) {
    let living: BTreeSet<InstanceId> = world.instances().collect();
    let went = !memory.instances.is_subset(&living);
    // One that comes and goes between two looks went, too.
    memory.instances.extend(living);
    for id in &memory.condemned {
        plan.at(now.at, Action::Delete(id.clone()), memory, now);
    }
    let due = memory.surveyed.map_or(Duration::ZERO, |last| {
        let hurried = last + HURRY.min(rules.grace);
        // One that cannot be deleted is not looked at more often than that is tried.
        let may_go = |id: &NetworkInterfaceId| memory.may_begin(&Key::Eni(id.clone()));
        let of_orphans = memory.sightings.next(rules, may_go).map(|next| next.max(hurried));
        // What agents have is not for the sweep.
        let waits = |of: &NodeEni| of.is_deleted && of.has_finalizer() && !is_at_nodes(&of.name, world);
        let is_wanted = world.node_enis.values().any(|of| waits(of));
        let of_others = (is_wanted || went).then_some(hurried);
        [Some(last + SURVEY), of_orphans, of_others].into_iter().flatten().min().unwrap_or(last + SURVEY)
    });
    plan.at(due, Action::Survey, memory, now);
}
