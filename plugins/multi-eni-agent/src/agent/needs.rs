//! What is looked up, and when: at once what somebody waits for, and spread over the first minutes what nobody does.

use std::collections::BTreeSet;
use std::sync::Arc;

use node::inventory::{Entry, State};
use node::names::{EniId, PciAddr};

use super::Agent;
use super::clock::Clock;
use super::ended::Pauses;
use super::looks::{self, Question};
use super::records::Records;
use super::timetable::Turn;
use super::work::Job;
use crate::apply::policy::ENI_LIMIT;
use crate::declared::{Pool, SubnetChoice};
use crate::kernel::Machine;
use crate::learn::Scope;
use crate::observe::{Hold, Subject};
use crate::plan::{Action, Need, Plan, Standing};

/// Seconds between two looks at the instance metadata that the planner asks for.
const METADATA_FRESH: u64 = 5;
/// Seconds by which the instance metadata are behind, as a rule.
const METADATA_LAG: u64 = 3;
/// Seconds for which they are believed that the instance does not end.
const LEAVING_FRESH: u64 = 30;
/// Seconds after which they are read again where a pool waits for a place.
const METADATA_OLD: u64 = 120;
/// Seconds within which EC2 shows what it has made.
pub(super) const SHOWN_WITHIN: u64 = 60;
/// Seconds between two looks at EC2 that a refresh asks for.
pub(super) const REFRESHED_FOR: u64 = 10;

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// Starts the look-ups that are due. When one is due again that is not started, if nothing happens.
    pub(super) fn look(&mut self, plan: &Plan, records: &Records, now: u64) -> Option<u64> {
        let mut later = self.look_around(plan, records, now);
        self.follow_metadata(plan, now, &mut later);
        self.need_looks(plan, now);
        self.need_describe(records, now, &mut later);
        self.need_verdicts(records, now);
        self.need_given_out(plan, records, now, &mut later);
        later.0
    }

    /// Those that change nothing of what is known of ENIs.
    pub(super) fn look_around(&mut self, plan: &Plan, records: &Records, now: u64) -> Later {
        let is_urgent = self.is_urgent(records) || now >= self.timetable.quiet_until;
        let mut later = Later::default();
        if self.memory.metadata.is_none() || plan.needs.contains(&Need::Metadata) {
            self.need_metadata(now, &mut later);
        }
        match is_urgent {
            true => self.need_surroundings(plan, now, &mut later),
            false if plan.needs.is_empty() && plan.doubts.is_empty() && self.unknown_subnets().next().is_none() => {}
            false => later.at(self.timetable.quiet_until),
        }
        later
    }

    /// Whether a pool lacks what it will surely have to have, an ENI of one is on its way, or somebody waits.
    fn is_urgent(&self, records: &Records) -> bool {
        let allocated = self.site.devices.allocations().devices();
        !self.requests.is_empty()
            || records.entries.iter().any(is_on_its_way)
            || self.manifests.declared.pools.iter().any(|pool| is_short(pool, records, &allocated))
    }

    pub(super) fn need_metadata(&mut self, now: u64, later: &mut Later) {
        let fresh_until = self.memory.metadata.as_ref().map(|known| known.at + METADATA_FRESH);
        let waits_until = self.pauses.metadata.until.max(fresh_until.unwrap_or_default());
        match waits_until > now {
            true => later.at(waits_until),
            false => self.read_metadata(),
        }
    }

    /// Reads them again after something changed, and once in a while where a pool waits for a place on the instance.
    fn follow_metadata(&mut self, plan: &Plan, now: u64, later: &mut Later) {
        let is_limited = |standing: &Standing| standing.refusal.as_ref().is_some_and(|(code, _)| *code == ENI_LIMIT);
        let read_at = self.memory.metadata.as_ref().map(|known| known.at + METADATA_OLD);
        let limited = read_at.filter(|_| plan.pools.values().any(is_limited));
        let Some(at) = self.metadata_due.into_iter().chain(limited).min() else { return };
        // While they cannot be read, what is known of them stays old.
        let at = at.max(self.pauses.metadata.until);
        if at > now {
            return later.at(at);
        }
        self.metadata_due = None;
        self.read_metadata();
    }

    /// Something was attached or detached: the instance metadata say so some seconds later.
    pub(super) fn metadata_will_change(&mut self) {
        self.metadata_due = Some(self.site.clock.now() + METADATA_LAG);
    }

    /// Whether the instance metadata may say of a place that it is taken, and it is not.
    pub(super) fn metadata_may_be_old(&self) -> bool {
        self.metadata_due.is_some() || self.work.runs(|job| *job == Job::Metadata)
    }

    /// Reads the instance metadata, unless that is under way.
    pub(super) fn read_metadata(&mut self) {
        if !self.work.runs(|job| *job == Job::Metadata) {
            self.work.start(Job::Metadata, looks::metadata(Arc::clone(&self.site)));
        }
    }

    /// All ENIs that EC2 has to be asked about, in one question.
    fn need_looks(&mut self, plan: &Plan, now: u64) {
        let needed = plan.needs.iter().filter_map(|need| match need {
            Need::Look(eni) => Some(eni.clone()),
            Need::Metadata | Need::Limits | Need::Subnet(_) | Need::SecurityGroup(_) | Need::GivenOut => None,
        });
        let doubtful = self.memory.doubtful.iter().cloned();
        let is_busy = |eni: &EniId| self.work.busy().contains_key(&Subject::Cloud(eni.clone()));
        let enis: BTreeSet<EniId> = needed.chain(doubtful).filter(|eni| !is_busy(eni)).collect();
        let waits = self.memory.holds.all().get(&Hold::Look).is_some_and(|held| held.until > now);
        if enis.is_empty() || waits || self.identity().is_none() {
            return;
        }
        self.describe(Scope::Ids(enis.clone()), Question::Ids(enis));
    }

    /// What is asked by the clock: what is on the instance, and what bears its tags.
    fn need_describe(&mut self, records: &Records, now: u64, later: &mut Later) {
        if let Some(at) = self.next_search(records) {
            match at > now {
                true => later.at(at),
                false => return self.describe_tagged(),
            }
        }
        if self.timetable.next_describe > now {
            return later.at(self.timetable.next_describe);
        }
        self.regular_describe();
    }

    /// Whether something has to be known before this is done; it is asked for then.
    pub(super) fn is_premature(&mut self, action: &Action, records: &Records, now: u64) -> bool {
        match action {
            // After a boot the records are empty and the instance is not.
            Action::Create(_) if self.is_ignorant(records) => self.describe_attached(now),
            // Nothing is taken from an instance that is about to end.
            Action::Detach { .. } if !self.knows_whether_it_leaves(now) => {
                if self.pauses.metadata.until <= now {
                    self.read_metadata();
                }
            }
            _ => return false,
        }
        true
    }

    /// Whether the instance has an ENI that is not in the inventory, and EC2 was not asked for it yet.
    fn is_ignorant(&self, records: &Records) -> bool {
        let is_known = |id: &str| records.entries.iter().any(|entry| entry.network_interface_id.as_str() == id);
        let mut interfaces = self.memory.metadata.iter().flat_map(|known| &known.value);
        !self.attached_known && interfaces.any(|interface| !is_known(&interface.id))
    }

    fn describe_attached(&mut self, now: u64) {
        if let Some(instance) = &self.memory.instance
            && self.pauses.describe.until <= now
        {
            let question = Question::AttachedTo(instance.id.clone());
            self.describe(Scope::Attached, question);
        }
    }

    /// When EC2 is asked whether there is what it refuses to make and may have made before.
    fn next_search(&self, records: &Records) -> Option<u64> {
        let first = records.creations.iter().filter_map(|planned| planned.refused_since).min()?;
        let after_last = self.timetable.last_describe.map_or(0, |last| last + SHOWN_WITHIN);
        Some((first + SHOWN_WITHIN).max(after_last).max(self.pauses.describe.until))
    }

    fn describe_tagged(&mut self) {
        if let Some(identity) = self.identity() {
            self.describe(Scope::Tagged, Question::Tagged(identity.filter()));
        }
    }

    fn knows_whether_it_leaves(&self, now: u64) -> bool {
        self.memory.metadata.as_ref().is_some_and(|known| known.at + LEAVING_FRESH > now)
    }

    /// When what was put off is tried again, of that for which a question failed.
    pub(super) fn pauses_until(&self, now: u64) -> Option<u64> {
        let Pauses { metadata, surroundings, describe, given_out } = self.pauses;
        let pauses = [metadata, surroundings, describe, given_out].map(|pause| pause.until);
        pauses.into_iter().filter(|&until| until > now).min()
    }

    /// Whether a question is under way now.
    pub(super) fn regular_describe(&mut self) -> bool {
        let (Some(identity), Some(instance)) = (self.identity(), &self.memory.instance) else { return false };
        let (scope, question) = match self.timetable.turn {
            Turn::Attached => (Scope::Attached, Question::AttachedTo(instance.id.clone())),
            Turn::Tagged => (Scope::Tagged, Question::Tagged(identity.filter())),
        };
        self.describe(scope, question);
        true
    }

    fn describe(&mut self, scope: Scope, question: Question) {
        // One answer at a time is written down.
        if self.unlearned.is_some() || self.work.runs(|job| matches!(job, Job::Describe { .. })) {
            return;
        }
        self.moment += 1;
        let job = Job::Describe { scope, since: self.moment, asked: self.site.clock.now() };
        self.work.start(job, looks::describe(Arc::clone(&self.site), question));
    }

    fn need_verdicts(&mut self, records: &Records, now: u64) {
        if !self.verdicts_are_due || self.next_verdicts > now || self.work.runs(|job| *job == Job::Verdicts) {
            return;
        }
        self.verdicts_are_due = false;
        let held: Vec<_> = records.records.iter().filter(|record| record.holds()).cloned().collect();
        let uses: Vec<_> = records.uses.iter().filter(|usage| usage.is_to_release()).cloned().collect();
        if held.is_empty() && uses.is_empty() {
            return;
        }
        // Half of the grace period is soon enough, and a look at all processes is not for each veth of the node.
        self.next_verdicts = now + (self.site.settings.agent.release_grace_seconds / 2).clamp(1, 15);
        self.work.start(Job::Verdicts, looks::verdicts(Arc::clone(&self.site), held, uses));
    }
}

/// The earliest of some times.
#[derive(Debug, Default)]
pub(super) struct Later(Option<u64>);

impl Later {
    pub(super) fn at(&mut self, time: u64) {
        self.0 = Some(self.0.map_or(time, |earlier| earlier.min(time)));
    }
}

/// Whether it is a pool's, and on no instance yet or no more: until it is attached or deleted it is of no use to anybody.
fn is_on_its_way(entry: &Entry) -> bool {
    entry.pool.is_some() && matches!(entry.state, State::Created | State::Detached)
}

/// Whether it has fewer ENIs than it has to have whatever EC2 says, or fewer free ones than it keeps.
fn is_short(pool: &Pool, records: &Records, allocated: &BTreeSet<PciAddr>) -> bool {
    let mine = || records.entries.iter().filter(|entry| entry.pool_name() == Some(&pool.name));
    let is_leaving = |state| matches!(state, State::Detaching | State::Deleting | State::Deleted);
    let has = mine().filter(|entry| !is_leaving(entry.state)).count();
    let coming = records.creations.iter().filter(|planned| planned.pool == pool.name).count();
    let least = match pool.subnet_choice {
        SubnetChoice::Each => pool.subnets.len(),
        SubnetChoice::MostFree => 1,
    };
    let wished = |number: Option<u32>, else_| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(else_);
    let is_allocated = |entry: &&Entry| entry.pci_address.is_some_and(|device| allocated.contains(&device));
    let rests = |entry: &&Entry| matches!(entry.state, State::Ready | State::Cooling);
    let free = mine().filter(|entry| rests(entry) && !is_allocated(entry)).count();
    let is_cold = pool.warm > 0 && free < wished(Some(pool.warm), 0) && has + coming < wished(pool.max, usize::MAX);
    has + coming < wished(pool.min, least) || is_cold
}
