//! One pass: the records and the kernel are read, the plan is made, and what it says is started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cni::Code;
use node::inventory::{Entry, State};
use node::names::{EniId, MacAddr, PoolName};
use node::record::Owner;
use node::store::{self, AgentPass};
use tokio::time::{Instant, timeout};

use super::Agent;
use super::clock::Clock;
use super::records::Records;
use super::requests::{Prospects, refused};
use super::site::Facts;
use super::tidings;
use super::work::{Ended, Job};
use crate::apply::policy::{ENI_LIMIT, Policy, reason};
use crate::apply::{self, Errand};
use crate::kernel::{HostLink, Machine};
use crate::kubernetes::NodeStanding;
use crate::observe::{Hold, Limit, Observed, Planned, Subject, Verb};
use crate::plan::{self, Action, Plan, Wanted};
use crate::seen::health::Answer;
use crate::tags::Identity;

/// A pass reads some files and the kernel, and no more.
const LIMIT: Duration = Duration::from_secs(30);
/// The kernel tells of its links within milliseconds; the loop hears nothing meanwhile.
const LINKS_LIMIT: Duration = Duration::from_secs(10);
/// Seconds until the records are read or written again that could not be.
const UNREADABLE_FOR: u64 = 5;
/// Seconds until a pass is made again in which nothing happened and yet something was due.
const BREATH: Duration = Duration::from_secs(1);

/// What the last pass saw and planned.
#[derive(Debug, Default)]
pub(crate) struct Last {
    pub(super) at: Option<u64>,
    pub(super) records: Records,
    pub(super) plan: Plan,
    waits: bool,
}

impl Last {
    /// Whether nothing was left to do, and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        let is_moving = |entry: &Entry| {
            matches!(
                entry.state,
                State::Creating
                    | State::Created
                    | State::Attaching
                    | State::Attached
                    | State::Detaching
                    | State::Detached
                    | State::Deleting
            )
        };
        let ours = self.records.entries.iter().filter(|entry| entry.pool.is_some());
        self.at.is_some() && !self.waits && self.records.creations.is_empty() && !ours.into_iter().any(is_moving)
    }
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// Makes one pass, and says when the next is due though nothing happens.
    pub(super) async fn pass(&mut self) -> Instant {
        let _pass = self.site.health.pass_begins(LIMIT);
        self.read_links().await;
        let now = self.site.clock.now();
        self.learn_late(now);
        let records = match Records::keep(&self.site.store) {
            Ok(records) => records,
            Err(error) => return self.cannot_pass(&reason(&error), now),
        };
        self.site.metrics.files_set_aside(self.site.store.set_aside());
        self.take_notes();
        self.memory.prune(&records, now);
        self.memory.see(&records, |eni| self.work.busy().contains_key(&Subject::Link(eni.clone())));
        self.hold_manifests_to(&records.entries);
        let held = records.held();
        self.requests.prune(&held);
        if self.timetable.next_resync <= now {
            self.resync(now);
        }
        let observed = self.observe(&records, held, now);
        let started = std::time::Instant::now();
        let plan = plan::plan(&self.manifests.declared, &observed);
        self.site.metrics.planned(started.elapsed());
        let Observed { held, identity, .. } = observed;
        self.offer(&plan, &records, &held);
        let begun = self.start(&plan, identity.as_ref(), &records, now);
        let retry = self.look(&plan, &records, now);
        let coming = self.coming(&records, begun, now);
        let doubted = if self.metadata_may_be_old() { Some(ENI_LIMIT) } else { None };
        let unknown = self.manifests.mandate.nothing.as_deref();
        let prospects = Prospects { coming, pools: &plan.pools, doubted, unknown };
        for told in self.requests.answer(&records, &held, &prospects, &self.site.metrics) {
            self.listeners.tell(tidings::of_request(told), &self.site.metrics);
        }
        let waits = !plan.actions.is_empty() || !plan.needs.is_empty();
        let next = self.next_wake(&plan, retry, now);
        self.last = Last { at: Some(now), records, plan, waits };
        self.finish(now);
        next
    }

    /// Whoever asks something while the records cannot be read is told so; when they are read again.
    fn cannot_pass(&mut self, why: &str, now: u64) -> Instant {
        log::error!("nothing is done while the records cannot be read: {why}");
        let msg = format!("the agent does nothing while the records of the node cannot be read: {why}");
        self.requests.refuse_all(Code::IO, &msg, &self.site.metrics);
        let asking = self.statuses.drain(..).chain(self.refreshes.drain(..).map(|refresh| refresh.reply));
        // Who does not listen any more has withdrawn.
        asking.for_each(|reply| drop(reply.send(refused(Code::IO, msg.clone()))));
        // Nobody waits any more, and an ENI that was just told of is forgotten when they are read again.
        self.instant(now + UNREADABLE_FOR, now)
    }

    /// Looks up what is needed, and plans; nothing is done.
    ///
    /// # Errors
    /// Those of the records.
    pub(crate) async fn preview(mut self, limit: Duration) -> Result<(Observed, Plan), store::Error> {
        let end = Instant::now() + limit;
        self.read_manifests();
        loop {
            self.read_links().await;
            let now = self.site.clock.now();
            let records = Records::read(&self.site.store)?;
            let observed = self.observe(&records, records.held(), now);
            let plan = plan::plan(&self.manifests.declared, &observed);
            self.look_around(&plan, &records, now);
            if self.work.is_empty() || Instant::now() >= end || self.wait(&mut None, end).await == super::Flow::End {
                return Ok((observed, plan));
            }
        }
    }

    async fn read_links(&mut self) {
        if !std::mem::take(&mut self.links_are_stale) && self.memory.links.is_some() {
            return;
        }
        let why = match timeout(LINKS_LIMIT, self.site.machine.links()).await {
            Ok(Ok(links)) => {
                self.site.health.kernel(Answer::Served);
                if devices(&links) != devices(self.memory.links.as_deref().unwrap_or_default()) {
                    self.metadata_will_change();
                }
                self.memory.links = Some(links);
                return;
            }
            Ok(Err(error)) => reason(&error),
            Err(_) => format!("the kernel did not answer within {} s", LINKS_LIMIT.as_secs()),
        };
        log::error!("the host's links cannot be read: {why}");
        self.site.health.kernel(Answer::Silent(why));
        self.memory.links = None;
    }

    /// What no event tells of is looked at again.
    fn resync(&mut self, now: u64) {
        self.timetable.resynced(now);
        self.read_manifests();
        self.links_are_stale = true;
        self.verdicts_are_due = true;
        self.read_metadata();
    }

    /// What plugins that died have left.
    fn take_notes(&mut self) {
        let notes = node::notes::Notes::open(self.site.store.path()).and_then(|notes| notes.take());
        match notes {
            Ok(notes) => {
                for note in notes {
                    let owner = note.owner.map(|owner| format!(" for {owner}")).unwrap_or_default();
                    let details = if note.details.is_empty() { String::new() } else { format!(" ({})", note.details) };
                    let words = format!("{} {}{owner}: {}{details}", note.program, note.verb, note.what);
                    self.listeners.tell(tidings::of_death(&words), &self.site.metrics);
                    self.memory.note_death(words);
                }
            }
            Err(error) => log::warn!("{}", reason(&error)),
        }
    }

    pub(super) fn identity(&self) -> Option<Identity> {
        Some(Identity {
            cluster: self.site.cluster_id()?.to_string(),
            node: self.site.node.clone(),
            instance: self.memory.instance.as_ref()?.id.to_string(),
        })
    }

    /// The instance is about to end, or the node is.
    pub(super) fn is_leaving(&self) -> bool {
        self.memory.leaving || matches!(self.manifests.node, NodeStanding::Leaving(_))
    }

    fn observe(&self, records: &Records, held: BTreeMap<EniId, Owner>, now: u64) -> Observed {
        let (memory, agent) = (&self.memory, &self.site.settings.agent);
        let unfinished = records.records.iter().filter(|record| !record.holds());
        Observed {
            now,
            identity: self.identity(),
            availability_zone: memory.instance.as_ref().map(|instance| instance.availability_zone.clone()),
            leaving: self.is_leaving(),
            cordoned: self.manifests.node == NodeStanding::Cordoned,
            mandate: self.manifests.mandate.clone(),
            entries: records.entries.clone(),
            creations: records.creations.clone(),
            held,
            address_uses: records.uses.clone(),
            links: memory.links.clone(),
            devices: self.look_at_devices(records),
            metadata: memory.metadata.as_ref().map(|known| known.value.clone()),
            metadata_at: memory.metadata.as_ref().map_or(0, |known| known.at),
            limits: memory.limits.clone(),
            subnets: memory.subnets.iter().map(|(key, known)| (key.clone(), known.value.clone())).collect(),
            security_groups: memory
                .security_groups
                .iter()
                .map(|(key, known)| (key.clone(), known.value.clone()))
                .collect(),
            demand: self.requests.demand(),
            busy: self.work.busy().keys().cloned().collect(),
            holds: memory.holds.all().clone(),
            taken_slots: memory.taken_slots.clone(),
            asked: memory.asked.clone(),
            looked: memory.looked.clone(),
            doubtful: memory.doubtful.clone(),
            gone: memory.gone.clone(),
            gone_uses: memory.gone_uses.clone(),
            allocated: self.site.devices.allocations().devices(),
            withheld: memory.questions.withheld(),
            unfinished: unfinished.map(|record| record.owner.clone()).collect(),
            limit: Limit {
                max_enis: agent.max_enis.map(std::num::NonZeroU32::get),
                reserved_enis: agent.reserved_enis,
                release_grace: agent.release_grace_seconds,
                orphan_grace: agent.orphan_grace_seconds,
                adopt_original: agent.adopt_original,
            },
        }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            identity: self.identity(),
            instance: self.memory.instance.as_ref().map(|instance| instance.id.clone()),
            metadata: self.memory.metadata.as_ref().map(|known| known.value.clone()),
            subnets: self.memory.all_subnets(),
            pools: self.manifests.declared.pools.clone(),
        }
    }

    /// Starts what there is room for. The end of any task makes a pass, which plans the rest again. How many ENIs of each pool
    /// were asked for that no file tells of yet that was read.
    fn start(
        &mut self,
        plan: &Plan,
        identity: Option<&Identity>,
        records: &Records,
        now: u64,
    ) -> BTreeMap<PoolName, u32> {
        let mut begun = BTreeMap::new();
        if plan.actions.is_empty() {
            return begun;
        }
        let facts = Arc::new(self.facts());
        for action in &plan.actions {
            let (subject, errand) = match (action, identity) {
                (Action::Create(wanted), Some(identity)) => {
                    let planned = apply::planned(wanted.clone(), identity, now);
                    (Subject::Creation(planned.request.client_token.clone()), Errand::Create(planned))
                }
                (action, _) => match action.subject() {
                    Some(subject) => (subject, Errand::Other(action.clone())),
                    None => continue,
                },
            };
            if !self.work.has_room_for(&subject) || self.is_premature(action, records, now) {
                continue;
            }
            if let Errand::Create(planned) = &errand
                && let Err(why) = self.intend(planned)
            {
                let hold = Hold::Pool(planned.pool.clone());
                self.memory.holds.failed(hold, Policy::of_machine(), why, now);
                continue;
            }
            if let Errand::Create(planned) = &errand {
                *begun.entry(planned.pool.clone()).or_default() += 1;
            }
            log::debug!("{action}");
            let tells = tidings::of(action, pool_of(action, records));
            let job = Job::Action { subject, name: action.name(), words: action.to_string(), tells };
            let task = apply::run(Arc::clone(&self.site), Arc::clone(&facts), errand);
            self.work.start(job, async move { Ended::Action(task.await) });
        }
        begun
    }

    /// How many ENIs of each pool are on their way, and nothing holds them back.
    fn coming(&self, records: &Records, begun: BTreeMap<PoolName, u32>, now: u64) -> BTreeMap<PoolName, u32> {
        let holds = |hold: Hold| self.memory.holds.all().get(&hold).is_some_and(|held| held.until > now);
        let creations = records.creations.iter().filter(|planned| {
            !holds(Hold::Creation(planned.request.client_token.clone())) && !holds(Hold::Pool(planned.pool.clone()))
        });
        let comes = |state| matches!(state, State::Created | State::Detached | State::Attaching | State::Attached);
        let entries = records.entries.iter().filter(|entry| {
            let eni = &entry.network_interface_id;
            comes(entry.state) && !holds(Hold::Cloud(eni.clone(), Verb::Attach)) && !holds(Hold::Link(eni.clone()))
        });
        let mut coming = begun;
        let pools = creations.map(|planned| &planned.pool).chain(entries.filter_map(Entry::pool_name));
        pools.for_each(|pool| *coming.entry(pool.clone()).or_default() += 1);
        coming
    }

    /// Writes the intent of a new ENI, before the next pass can plan it once more.
    fn intend(&self, planned: &Planned) -> Result<(), String> {
        let token =
            planned.request.client_token.parse().map_err(|error: node::intent::InvalidToken| error.to_string())?;
        let intent = node::intent::Intent { token, content: planned.clone() };
        self.site.store.write_intent(&intent).map_err(|error| {
            let why = reason(&error);
            log::error!("no ENI is asked for while its intent cannot be written: {why}");
            why
        })
    }

    /// The earliest time at which something is due.
    fn next_wake(&self, plan: &Plan, retry: Option<u64>, now: u64) -> Instant {
        let verdicts = self.verdicts_are_due.then_some(self.next_verdicts);
        // One that began in this pass, the plan does not know.
        let holds = self.memory.holds.all().values().map(|held| held.until).filter(|&until| until > now).min();
        let pauses = self.pauses_until(now);
        let unlearned = self.unlearned.as_ref().map(|_| now + UNREADABLE_FOR);
        let times = [plan.wake_at, retry, verdicts, holds, pauses, unlearned, Some(self.timetable.next_resync)];
        let at = times.into_iter().flatten().min().unwrap_or(now);
        let next = self.instant(at, now);
        self.requests.next_due().map_or(next, |due| due.min(next))
    }

    /// The moment of a time of the clock. What should have been done in this pass, and was not, is not done in a circle.
    fn instant(&self, at: u64, now: u64) -> Instant {
        Instant::now() + Duration::from_secs(at.saturating_sub(now)).max(BREATH)
    }

    /// The pass is over, and others may know of it.
    fn finish(&mut self, now: u64) {
        if let Err(error) = self.site.store.write_agent_pass(&AgentPass { finished_at: now }) {
            log::error!("that a pass is over cannot be written: {}", reason(&error));
        }
        let status = self.status(now);
        self.site.metrics.show(&status);
        self.reply(&status);
        self.listeners.show(status);
    }
}

/// The pool that an action is about.
fn pool_of<'a>(action: &'a Action, records: &'a Records) -> Option<&'a PoolName> {
    match action {
        Action::Create(Wanted { pool, .. })
        | Action::CreateAgain(Planned { pool, .. })
        | Action::Adopt { pool, .. } => Some(pool),
        _ => {
            let (Subject::Cloud(eni) | Subject::Link(eni)) = action.subject()? else { return None };
            records.entries.iter().find(|entry| entry.network_interface_id == eni)?.pool_name()
        }
    }
}

/// The links of devices, by their addresses; those of pods come and go.
fn devices(links: &[HostLink]) -> BTreeSet<MacAddr> {
    links.iter().filter(|link| link.pci_address.is_some()).filter_map(|link| link.mac_address).collect()
}
