//! The loop's part of the kubelet's devices: what is offered follows each plan, and the kubelet is asked what its pods have where
//! that decides something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use node::inventory::{Entry, Mode, Seen};
use node::names::EniId;
use node::record::Owner;

use super::Agent;
use super::clock::Clock;
use super::looks;
use super::needs::Later;
use super::records::Records;
use super::work::Job;
use crate::apply::policy::{Policy, reason};
use crate::devices::{self, GivenOut, KubeletError};
use crate::kernel::Machine;
use crate::observe::Asked;
use crate::plan::{Need, Plan};

/// Seconds between two questions about devices that were given out and that no attachment holds.
const ASKED_EVERY: u64 = 10;

/// The questions to the kubelet, counted: an answer says nothing of what happened after its question.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    asked: u64,
    /// The last one that was answered, and when it was asked.
    answered: Option<(u64, u64)>,
    /// ENIs that are offered no more, and how many questions were asked before.
    withheld: BTreeMap<EniId, u64>,
    /// Why the last one was not answered.
    pub(super) failure: Option<String>,
}

impl Questions {
    /// What is offered no more, and whether the kubelet was asked since.
    pub(super) fn withheld(&self) -> BTreeMap<EniId, Asked> {
        let answered = self.answered.map_or(0, |(number, _)| number);
        let asked = |before: u64| if answered > before { Asked::Since } else { Asked::NotYet };
        self.withheld.iter().map(|(eni, before)| (eni.clone(), asked(*before))).collect()
    }

    fn withhold(&mut self, enis: &BTreeSet<EniId>) {
        self.withheld.retain(|eni, _| enis.contains(eni));
        for eni in enis {
            self.withheld.entry(eni.clone()).or_insert(self.asked);
        }
    }
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// Offers the kubelet what the plan leaves it.
    pub(super) fn offer(&mut self, plan: &Plan, records: &Records, held: &BTreeMap<EniId, Owner>) {
        let offers = devices::offers(&devices::Facts {
            pools: &self.manifests.declared.pools,
            entries: &records.entries,
            held: &held.keys().cloned().collect(),
            allocated: &self.site.devices.allocations().devices(),
            is_known: self.memory.questions.answered.is_some(),
            withheld: &plan.withheld,
        });
        self.site.devices.offer(offers);
        self.memory.questions.withhold(&plan.withheld);
    }

    /// Asks the kubelet which devices its pods have, where the plan needs it or something was given out that may be free again.
    pub(super) fn need_given_out(&mut self, plan: &Plan, records: &Records, now: u64, later: &mut Later) {
        let questions = &self.memory.questions;
        let next = match questions.answered {
            _ if plan.needs.contains(&Need::GivenOut) => now,
            None if self.has_resources(&records.entries) => now,
            Some((_, at)) if self.has_unheld_allocation(records) => at + ASKED_EVERY,
            None | Some(_) => return,
        };
        let next = next.max(self.pauses.given_out.until);
        if next > now {
            return later.at(next);
        }
        if !self.work.runs(|job| matches!(job, Job::GivenOut { .. })) {
            self.memory.questions.asked += 1;
            let job = Job::GivenOut { number: self.memory.questions.asked, asked_at: now };
            self.work.start(job, looks::given_out(Arc::clone(&self.site)));
        }
    }

    /// How the devices are that user space has, or should have.
    pub(super) fn look_at_devices(&self, records: &Records) -> BTreeMap<EniId, Seen> {
        let attached = records.records.iter().filter(|record| record.mode == Mode::VfioPci);
        let attached: BTreeSet<_> = attached.map(|record| record.device.mac_address).collect();
        let is_meant = |entry: &&Entry| {
            let should_be = entry.pool.as_ref().is_some_and(|pool| pool.mode == Mode::VfioPci);
            let was = entry.seen.as_ref().is_some_and(Seen::is_for_user_space);
            should_be || was || attached.contains(&entry.mac_address)
        };
        let look = |entry: &Entry| {
            let seen = self.site.machine.look_at(entry.pci_address?)?;
            Some((entry.network_interface_id.clone(), seen))
        };
        records.entries.iter().filter(is_meant).filter_map(look).collect()
    }

    fn has_resources(&self, entries: &[Entry]) -> bool {
        let of_entries =
            entries.iter().filter_map(|entry| entry.pool.as_ref()).any(|pool| pool.resource_name.is_some());
        let of_pools = self.manifests.declared.pools.iter().any(|pool| pool.resource_name.is_some());
        of_entries || of_pools || !self.site.devices.allocations().is_empty()
    }

    /// Whether something was given out that no attachment holds: its pod has not begun, has ended, or needs none.
    fn has_unheld_allocation(&self, records: &Records) -> bool {
        let held: BTreeSet<_> = records
            .records
            .iter()
            .filter(|record| record.holds())
            .filter_map(|record| record.device.pci_address)
            .collect();
        self.site.devices.allocations().devices().iter().any(|device| !held.contains(device))
    }

    /// The kubelet has answered, or has not.
    pub(super) fn given_out(
        &mut self,
        (number, asked_at): (u64, u64),
        answer: Result<GivenOut, KubeletError>,
        now: u64,
    ) {
        match answer {
            Ok(given_out) => {
                let grace = self.site.settings.agent.release_grace_seconds;
                self.site.devices.look(&given_out, asked_at, now, grace);
                self.memory.questions.answered = Some((number, asked_at));
                self.memory.questions.failure = None;
                self.pauses.given_out = Default::default();
            }
            Err(error) => {
                let why = format!("no device that was given out is taken back: {}", reason(&error));
                if self.memory.questions.failure.as_ref() != Some(&why) {
                    log::warn!("{why}");
                }
                self.memory.questions.failure = Some(why);
                self.pauses.given_out.failed(Policy::of_machine(), now);
            }
        }
    }
}
