//! What the agent shows of its node, and answers to those who ask for it.

use std::collections::BTreeMap;

use node::ask::{Refusal, Reply};
use node::inventory::State;
use node::names::EniId;
use tokio::sync::oneshot;

use super::clock::Clock;
use super::needs::REFRESHED_FOR;
use super::work::Job;
use super::{Agent, LooksAt, Refresh};
use crate::apply::policy::IO;
use crate::kernel::Machine;
use crate::kubernetes::NodeStanding;
use crate::observe::{Held, Hold, Subject};
use crate::view::{self, Declared, EniView, Instance, PoolView, Status};

/// This agent's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

impl EniView {
    fn show(&mut self, held: Option<&Held>) {
        self.last_error = held.map(|held| held.reason.clone());
        self.tried_again_at = held.map(|held| held.until);
    }
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// As of the last pass.
    pub(super) fn status(&self, now: u64) -> Status {
        let (memory, last) = (&self.memory, &self.last);
        let instance = memory.instance.as_ref().map(|instance| Instance {
            id: instance.id.to_string(),
            instance_type: Some(instance.instance_type.clone()),
            availability_zone: Some(instance.availability_zone.clone()),
        });
        let slots = last.plan.slots.as_ref().map(|slots| view::Slots { limit: slots.limit, used: slots.used() });
        Status {
            node: self.site.node.clone(),
            instance,
            agent_version: Some(VERSION.to_string()),
            as_of: now,
            last_pass: last.at,
            leaving: self.is_leaving(),
            slots,
            pools: self.pool_views(now),
            enis: self.eni_views(now),
            resources: self.site.devices.views(),
            requests: self.requests.views(),
            refusals: self.requests.refusals(now),
            notes: self.notes(),
        }
        .counted()
    }

    fn pool_views(&self, now: u64) -> Vec<PoolView> {
        let pools = self.manifests.declared.pools.iter().map(|pool| {
            let standing = self.last.plan.pools.get(&pool.name).cloned().unwrap_or_default();
            // A pool without a max of its own has what the instance takes.
            let most = standing.max.or(self.last.plan.slots.as_ref().map(|slots| slots.limit));
            let declared = Declared { min: standing.min, max: most.unwrap_or(u32::MAX), warm: standing.warm };
            let mut waiting: Vec<String> = self.manifests.declared.faults_of(&pool.name).collect();
            waiting.extend(standing.waiting);
            // What went wrong since it was planned.
            let holds = [Hold::Growth, Hold::Pool(pool.name.clone())];
            let held =
                holds.iter().filter_map(|hold| self.memory.holds.all().get(hold)).filter(|held| held.until > now);
            let unsaid: Vec<&Held> = held.filter(|held| !waiting.contains(&held.reason)).collect();
            waiting.extend(unsaid.into_iter().map(|held| held.reason.clone()));
            let target = standing.is_known.then_some(standing.target);
            PoolView {
                declared: Some(declared),
                generation: self.manifests.generation(&pool.name),
                target,
                waiting,
                ..PoolView::undeclared(pool.name.clone(), pool.sharing)
            }
        });
        let refused = self.manifests.declared.refused.iter().map(|name| PoolView {
            waiting: self.manifests.declared.faults_of(name).collect(),
            ..PoolView::undeclared(name.clone(), self.manifests.sharing(name))
        });
        pools.chain(refused).collect()
    }

    fn eni_views(&self, now: u64) -> Vec<EniView> {
        let records = &self.last.records;
        let mut views = view::enis(&records.entries, &records.records, &records.uses, now);
        view::show_given_out(&mut views, &self.site.devices.allocations());
        let since: BTreeMap<&EniId, u64> =
            records.entries.iter().map(|entry| (&entry.network_interface_id, entry.upkeep.since)).collect();
        for view in &mut views {
            let Some(id) = &view.id else { continue };
            view.since = since.get(id).copied();
            let subjects = [Subject::Cloud(id.clone()), Subject::Link(id.clone())];
            view.doing = self.doing(&subjects).or_else(|| view.doing.take());
            let holds: Vec<Hold> = Hold::all_of_cloud(id).chain([Hold::Link(id.clone())]).collect();
            view.show(self.error(&holds));
        }
        views.extend(records.creations.iter().map(|planned| {
            let token = &planned.request.client_token;
            let mut view = EniView {
                pool: Some(planned.pool.clone()),
                subnet: Some(planned.request.subnet.to_string()),
                since: Some(planned.since),
                doing: self.doing(&[Subject::Creation(token.clone())]),
                ..EniView::in_state(State::Creating)
            };
            view.show(self.error(&[Hold::Creation(token.clone())]));
            view
        }));
        views
    }

    fn doing(&self, subjects: &[Subject]) -> Option<String> {
        subjects.iter().find_map(|subject| self.work.busy().get(subject).cloned())
    }

    fn error(&self, holds: &[Hold]) -> Option<&Held> {
        holds.iter().filter_map(|hold| self.memory.holds.all().get(hold)).max_by_key(|held| held.until)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = view::unfinished(&self.last.records.records);
        let declared = &self.manifests.declared;
        notes.extend(declared.faults.iter().map(ToString::to_string));
        if self.site.cluster_id().is_none() {
            let why = match self.site.cluster {
                Some(_) => "the API server has not told the UID of the namespace kube-system yet",
                None => "node.toml: cluster_id is missing",
            };
            notes.push(format!("{why}: nothing is asked of EC2"));
        }
        if self.manifests.node != NodeStanding::Serves {
            notes.push(format!("the Node {}", self.manifests.node));
        }
        notes.extend(self.manifests.mandate.nothing.iter().map(|why| format!("nothing is changed in EC2: {why}")));
        notes.extend(self.memory.questions.failure.clone());
        notes.extend(self.memory.unseen.iter().cloned());
        notes.extend(self.memory.deaths.iter().cloned());
        notes
    }

    /// Somebody wants a fresh look. EC2 is asked for that once in a while only.
    pub(super) fn refresh(&mut self, reply: oneshot::Sender<Reply>) {
        let now = self.site.clock.now();
        self.links_are_stale = true;
        self.verdicts_are_due = true;
        let is_fresh = self.timetable.last_describe.is_some_and(|at| at + REFRESHED_FOR > now);
        let looks_at = match is_fresh || !self.regular_describe() {
            true => LooksAt::Node,
            false => LooksAt::Ec2,
        };
        self.refreshes.push(Refresh { reply, looks_at });
    }

    /// EC2 has answered and that is written down, or it could not.
    pub(super) fn refreshed(&mut self) {
        if self.unlearned.is_none() && !self.work.runs(|job| matches!(job, Job::Describe { .. })) {
            self.refreshes.iter_mut().for_each(|refresh| refresh.looks_at = LooksAt::Node);
        }
    }

    /// Answers those for whom a pass is enough.
    pub(super) fn reply(&mut self, status: &Status) {
        for refresh in std::mem::take(&mut self.refreshes) {
            match refresh.looks_at {
                LooksAt::Ec2 => self.refreshes.push(refresh),
                // Who does not listen any more has withdrawn.
                LooksAt::Node => drop(refresh.reply.send(Reply::Refreshed {})),
            }
        }
        for asker in self.statuses.drain(..) {
            let reply = serde_json::to_value(status).map_or_else(
                |error| Reply::Refused(Refusal { code: IO, msg: error.to_string(), details: String::new() }),
                Reply::Status,
            );
            drop(asker.send(reply));
        }
    }
}
