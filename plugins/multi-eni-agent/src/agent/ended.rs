//! What came of the tasks.

use ec2::{MetadataError, NetworkInterface};
use node::names::EniId;
use tokio::task::JoinError;

use super::Agent;
use super::clock::Clock;
use super::holds::wait;
use super::ledger;
use super::looks::MetadataAnswer;
use super::needs::SHOWN_WITHIN;
use super::records::Records;
use super::tidings::{self, Tells};
use super::work::{Ended, Job, cloud_side};
use crate::apply::Report;
use crate::apply::policy::{IO, Policy, reason};
use crate::kernel::Machine;
use crate::learn::{self, Scope};
use crate::observe::{Hold, Planned, Subject};
use crate::seen::health::Answer;
use crate::seen::metrics::Outcome;
use crate::tags::TOKEN;

/// The policy of a question to EC2 that nobody waits for.
pub(crate) const REGULAR: Policy = Policy { first: 60, most: 600, code: crate::apply::policy::TRY_AGAIN };

/// How often something failed in a row, and until when it waits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pause {
    pub(crate) until: u64,
    failures: u32,
}

impl Pause {
    pub(super) fn failed(&mut self, policy: Policy, now: u64) {
        self.failures = self.failures.saturating_add(1);
        self.until = now + wait(policy, self.failures);
    }
}

/// The waits of look-ups.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pauses {
    pub(crate) metadata: Pause,
    pub(crate) surroundings: Pause,
    pub(crate) describe: Pause,
    pub(crate) given_out: Pause,
}

/// Seconds for which an answer that could not be written down is worth another try.
const BELIEVED_FOR: u64 = 60;

/// An answer of EC2 that is not written down yet.
#[derive(Debug)]
pub(crate) struct Unlearned {
    scope: Scope,
    since: u64,
    /// When EC2 was asked.
    asked: u64,
    /// When it came.
    at: u64,
    answer: Vec<NetworkInterface>,
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// A task ended.
    pub(super) fn ended(&mut self, job: Job, ended: Result<Ended, JoinError>) {
        let now = self.site.clock.now();
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => return self.broke(job, &error, now),
        };
        match (job, ended) {
            (Job::Action { subject, name, tells, .. }, Ended::Action(report)) => {
                self.tell(tells.as_ref(), &report);
                self.acted(&subject, name, report, now);
            }
            (_, Ended::Metadata(answer)) => self.metadata_read(answer, now),
            (_, Ended::Limits(Ok(limits))) => {
                self.pauses.surroundings = Pause::default();
                self.memory.limits = Some(limits);
            }
            (_, Ended::Subnets(Ok(found))) => {
                self.pauses.surroundings = Pause::default();
                self.memory.found_subnets(found, now);
            }
            (_, Ended::SecurityGroups(Ok(found))) => {
                self.pauses.surroundings = Pause::default();
                self.memory.found_security_groups(found, now);
            }
            (_, Ended::Limits(Err(error)) | Ended::Subnets(Err(error)) | Ended::SecurityGroups(Err(error))) => {
                log::warn!("{}", reason(&error));
                self.pauses.surroundings.failed(Policy::of(error.class), now);
            }
            (Job::Describe { scope, since, asked }, Ended::Described(Ok(answer))) => {
                self.learn(Unlearned { scope, since, asked, at: now, answer }, now);
                self.refreshed();
            }
            (Job::Describe { scope, .. }, Ended::Described(Err(error))) => {
                log::warn!("{}", reason(&error));
                self.not_learned(&scope, Policy::of(error.class), reason(&error), now);
                self.refreshed();
            }
            (_, Ended::Verdicts { records, uses }) => self.memory.judge(records, uses, now),
            (Job::GivenOut { number, asked_at }, Ended::GivenOut(answer)) => {
                self.given_out((number, asked_at), answer, now);
            }
            (Job::Action { .. } | Job::Metadata | Job::Limits, _)
            | (Job::Subnets | Job::SecurityGroups | Job::Describe { .. } | Job::Verdicts | Job::GivenOut { .. }, _) => {
            }
        }
    }

    /// A fault of ours: what it was about waits, as after any other error.
    fn broke(&mut self, job: Job, error: &JoinError, now: u64) {
        log::error!("{job:?}: {error}");
        let policy = Policy::of_machine();
        let holds = match job {
            Job::Action { subject, .. } => match subject {
                Subject::Creation(token) => vec![Hold::Creation(token)],
                Subject::Cloud(eni) => Hold::all_of_cloud(&eni).collect(),
                Subject::Link(eni) => vec![Hold::Link(eni)],
                Subject::Attachment(owner) => vec![Hold::Attachment(owner)],
                Subject::AddressUse(owner) => vec![Hold::AddressUse(owner)],
            },
            Job::Metadata => return self.pauses.metadata.failed(policy, now),
            Job::Limits | Job::Subnets | Job::SecurityGroups => return self.pauses.surroundings.failed(policy, now),
            Job::Describe { .. } => vec![Hold::Look],
            Job::Verdicts => return,
            Job::GivenOut { .. } => return self.pauses.given_out.failed(policy, now),
        };
        for hold in holds {
            self.memory.holds.failed(hold, policy, "the agent itself is at fault: see its log".to_string(), now);
        }
    }

    fn tell(&self, tells: Option<&Tells>, report: &Report) {
        let of_action = tells.and_then(|tells| tells.ended(report.outcome, &report.effects));
        for tiding in of_action.into_iter().chain(tidings::of_node(&report.effects)) {
            self.listeners.tell(tiding, &self.site.metrics);
        }
    }

    fn acted(&mut self, subject: &Subject, name: &'static str, report: Report, now: u64) {
        self.site.metrics.acted(name, report.outcome);
        self.moment += 1;
        if let Some(eni) = cloud_side(subject) {
            self.memory.changed.insert(eni.clone(), self.moment);
        }
        if self.memory.take(report.effects, now) {
            self.links_are_stale = true;
        }
        if let (Subject::Link(eni), "arrive", Outcome::Done) = (subject, name, report.outcome)
            && let Some(shown) = self.memory.shown.remove(eni)
        {
            self.site.metrics.link_ready(shown.elapsed());
        }
        if matches!(name, "attach" | "detach" | "delete") {
            self.metadata_will_change();
        }
    }

    fn metadata_read(&mut self, answer: Result<MetadataAnswer, MetadataError>, now: u64) {
        match answer {
            Ok(answer) => {
                self.site.health.imds(Answer::Served);
                self.pauses.metadata = Pause::default();
                self.memory.read_metadata(answer, now);
            }
            Err(error) => {
                let why = reason(&error);
                log::warn!("{why}");
                self.site.health.imds(match error {
                    MetadataError::NoAnswer { .. } => Answer::Silent(why),
                    MetadataError::Refused { .. } | MetadataError::Missing { .. } | MetadataError::Invalid { .. } => {
                        Answer::Refused(why)
                    }
                });
                self.pauses.metadata.failed(Policy::of_metadata(), now);
            }
        }
    }

    /// Believes an answer that could not be written down when it came, unless it is too old by now.
    pub(super) fn learn_late(&mut self, now: u64) {
        let Some(unlearned) = self.unlearned.take() else { return };
        if unlearned.at + BELIEVED_FOR <= now {
            let why = "what EC2 said could not be written down in time".to_string();
            log::warn!("{why}");
            self.not_learned(&unlearned.scope, Policy::of_machine(), why, now);
        } else {
            self.learn(unlearned, now);
        }
        self.refreshed();
    }

    /// Believes an answer, but for ENIs about which something was done since EC2 was asked. What cannot be written down now
    /// is kept for the next pass: where a task is about to write the inventory, its end makes that.
    fn learn(&mut self, unlearned: Unlearned, now: u64) {
        let Some(identity) = self.identity() else { return };
        let Some(turn) = self.site.ledger.try_turn() else {
            self.unlearned = Some(unlearned);
            return;
        };
        let records = match Records::keep(&self.site.store) {
            Ok(records) => records,
            Err(error) => {
                drop(turn);
                return self.not_written(unlearned, reason(&error), now);
            }
        };
        let Unlearned { scope, since, answer, .. } = &unlearned;
        let is_settled = |eni: &str| {
            let is_busy = self.work.busy().keys().filter_map(cloud_side).any(|busy| busy.as_str() == eni);
            !is_busy && self.memory.changed.iter().all(|(changed, at)| changed.as_str() != eni || at < since)
        };
        let held = records.held();
        let mut entries = records.entries;
        entries.retain(|entry| is_settled(entry.network_interface_id.as_str()));
        let answer: Vec<_> = answer.iter().filter(|eni| is_settled(eni.id.as_str())).cloned().collect();
        let subnets = self.memory.all_subnets();
        let known = learn::Known {
            identity: &identity,
            pools: &self.manifests.declared.pools,
            subnets: &subnets,
            metadata: self.memory.metadata.as_ref().map(|known| known.value.as_slice()),
            links: self.memory.links.as_deref(),
            held: &held,
            orphan_grace: self.site.settings.agent.orphan_grace_seconds,
        };
        // What EC2 refuses to make brings no ENI any more: the answer does, if there is one.
        let (refused, creations): (Vec<_>, Vec<_>) =
            records.creations.into_iter().partition(|planned| planned.refused_since.is_some());
        let learned = learn::learn(&entries, &creations, &answer, scope, &known, now);
        learned.notes.iter().for_each(|note| log::warn!("{note}"));
        let written = turn.write(&learned).and_then(|()| self.forget_unmade(&refused, &unlearned));
        drop(turn);
        if let Err(error) = written {
            return self.not_written(unlearned, reason(&error), now);
        }
        let looked: Vec<EniId> = match scope {
            Scope::Ids(ids) => ids.iter().filter(|eni| is_settled(eni.as_str())).cloned().collect(),
            Scope::Attached | Scope::Tagged => answer.iter().filter_map(|eni| eni.id.as_str().parse().ok()).collect(),
        };
        if !learned.write.is_empty() || !learned.forget.is_empty() {
            self.metadata_will_change();
        }
        self.learned(&unlearned.scope, looked, now);
    }

    /// Of what EC2 refuses to make, an answer that comes long enough after says whether it was made before.
    fn forget_unmade(&self, refused: &[Planned], unlearned: &Unlearned) -> Result<(), ledger::Error> {
        if unlearned.scope != Scope::Tagged {
            return Ok(());
        }
        for planned in refused {
            let token = &planned.request.client_token;
            let may_be_there = planned.refused_since.is_some_and(|since| since + SHOWN_WITHIN > unlearned.asked)
                || self.work.busy().contains_key(&Subject::Creation(token.clone()))
                || unlearned.answer.iter().any(|eni| eni.tags.get(TOKEN) == Some(token));
            if let (false, Ok(token)) = (may_be_there, token.parse()) {
                self.site.store.remove_intent(&token)?;
                log::info!("EC2 has made no ENI of pool {} with token {}", planned.pool, token.as_str());
            }
        }
        Ok(())
    }

    /// It is written down what EC2 said of these.
    fn learned(&mut self, scope: &Scope, looked: Vec<EniId>, now: u64) {
        match scope {
            Scope::Ids(_) => self.memory.holds.clear(&Hold::Look),
            Scope::Attached | Scope::Tagged => {
                self.attached_known |= *scope == Scope::Attached;
                self.memory.holds.forget(|hold, held| *hold == Hold::Growth && held.code == IO);
                self.pauses.describe = Pause::default();
                self.timetable.described(now);
            }
        }
        for eni in looked {
            self.memory.doubtful.remove(&eni);
            self.memory.looked.insert(eni, now);
        }
    }

    /// Until it is written down what is on the instance, nothing is made.
    fn not_written(&mut self, unlearned: Unlearned, why: String, now: u64) {
        log::error!("what EC2 said is not believed yet: {why}");
        if !self.attached_known {
            self.memory.holds.failed(Hold::Growth, Policy::of_machine(), why, now);
        }
        self.unlearned = Some(unlearned);
    }

    /// EC2 could not say, or what it said could not be written down.
    fn not_learned(&mut self, scope: &Scope, policy: Policy, why: String, now: u64) {
        match scope {
            Scope::Ids(_) => self.memory.holds.failed(Hold::Look, policy, why, now),
            Scope::Attached | Scope::Tagged => {
                // Until it is known what is on the instance, nothing is made, and somebody may wait for that.
                let policy = if self.attached_known { REGULAR } else { policy };
                self.pauses.describe.failed(policy, now);
                self.timetable.not_described(self.pauses.describe.until);
            }
        }
    }
}
