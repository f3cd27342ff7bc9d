//! What the loop remembers from one pass to the next. All of it can be had again: from the files, the kernel, the instance
//! metadata and EC2.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ec2::{Instance, InstanceTypeLimits, MetadataInterface, SecurityGroup, SecurityGroupId, Slot, Subnet};
use node::inventory::State;
use node::names::EniId;
use node::record::Owner;
use tokio::time::Instant;

use super::devices::Questions;
use super::holds::Holds;
use super::looks::MetadataAnswer;
use super::records::Records;
use super::unclear::Unclear;
use crate::apply::Effect;
use crate::declared::Reference;
use crate::kernel::{HostLink, Life, Verdict};
use crate::observe::{Hold, Verb};

/// Seconds for which EC2 is believed that somebody is at a place where nothing known is.
const TAKEN_FOR: u64 = 60;
/// The most notes about plugins that died.
const MOST_NOTES: usize = 16;

/// Something that was looked up, and when.
#[derive(Debug, Clone)]
pub(crate) struct Known<T> {
    pub(crate) value: T,
    pub(crate) at: u64,
}

/// The loop's memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) instance: Option<Instance>,
    pub(crate) leaving: bool,
    pub(crate) metadata: Option<Known<Vec<MetadataInterface>>>,
    pub(crate) limits: Option<InstanceTypeLimits>,
    pub(crate) subnets: BTreeMap<Reference, Known<Vec<Subnet>>>,
    pub(crate) security_groups: BTreeMap<Reference, Known<Vec<SecurityGroupId>>>,
    pub(crate) unclear: Unclear,
    pub(crate) links: Option<Vec<HostLink>>,
    pub(crate) holds: Holds,
    pub(crate) taken_slots: BTreeMap<Slot, u64>,
    pub(crate) asked: BTreeSet<EniId>,
    pub(crate) looked: BTreeMap<EniId, u64>,
    /// What EC2 is asked about whatever the planner thinks.
    pub(crate) doubtful: BTreeSet<EniId>,
    pub(crate) gone: BTreeMap<Owner, u64>,
    pub(crate) gone_uses: BTreeMap<Owner, u64>,
    /// Why it cannot be told whether some are alive.
    pub(crate) unseen: BTreeSet<String>,
    /// The moment at which the last action about an ENI in EC2 ended: an answer to an older question is not about it.
    pub(crate) changed: BTreeMap<EniId, u64>,
    /// Since when the kernel has shown the links of ENIs that are not in the inventory yet.
    pub(crate) shown: BTreeMap<EniId, Instant>,
    /// What the kubelet was asked about devices.
    pub(crate) questions: Questions,
    /// How plugins died.
    pub(crate) deaths: VecDeque<String>,
}

/// Whether what was refused is as it should be by now, however that came.
fn is_over(verb: Verb, state: State) -> bool {
    match verb {
        Verb::Attach | Verb::Delete => state.is_on_node(),
        Verb::Detach => matches!(state, State::Created | State::Detached | State::Deleting | State::Deleted),
        Verb::Adopt
        | Verb::Forget
        | Verb::Modify
        | Verb::Tag
        | Verb::AssignIpv4
        | Verb::AssignIpv6
        | Verb::UnassignIpv4
        | Verb::UnassignIpv6 => false,
    }
}

impl Memory {
    /// An action ended so. Whether the host's links have to be read again.
    pub(crate) fn take(&mut self, effects: Vec<Effect>, now: u64) -> bool {
        let mut links_changed = false;
        for effect in effects {
            match effect {
                Effect::Failed { hold, policy, reason } => {
                    log::warn!("{reason}");
                    self.holds.failed(hold, policy, reason, now);
                }
                Effect::Cleared(hold) => self.holds.clear(&hold),
                Effect::Asked(eni) => drop(self.asked.insert(eni)),
                Effect::Unasked(eni) => drop(self.asked.remove(&eni)),
                Effect::SlotTaken(slot) => drop(self.taken_slots.insert(slot, now + TAKEN_FOR)),
                Effect::Doubtful(eni) => drop(self.doubtful.insert(eni)),
                Effect::SubnetStale(id) => self.subnet_is_stale(&id),
                Effect::GroupsStale(ids) => {
                    self.security_groups.retain(|_, known| !known.value.iter().any(|id| ids.contains(id)));
                }
                Effect::Settled(owner) => {
                    self.gone.remove(&owner);
                    self.gone_uses.remove(&owner);
                }
                Effect::LinksChanged => links_changed = true,
            }
        }
        links_changed
    }

    /// Forgets what was about things that are no more.
    pub(crate) fn prune(&mut self, records: &Records, now: u64) {
        let is_known = |eni: &EniId| records.entries.iter().any(|entry| entry.network_interface_id == *eni);
        let state = |eni: &EniId| {
            records.entries.iter().find(|entry| entry.network_interface_id == *eni).map(|entry| entry.state)
        };
        self.asked.retain(is_known);
        self.looked.retain(|eni, _| is_known(eni));
        self.doubtful.retain(is_known);
        self.changed.retain(|eni, _| is_known(eni));
        self.taken_slots.retain(|_, until| *until > now);
        self.gone.retain(|owner, _| records.records.iter().any(|record| record.owner == *owner));
        self.gone_uses.retain(|owner, _| records.uses.iter().any(|usage| usage.owner == *owner));
        self.holds.prune(now);
        self.holds.forget(|hold, _| match hold {
            Hold::Cloud(eni, verb) => state(eni).is_none_or(|state| is_over(*verb, state)),
            Hold::Link(eni) => !is_known(eni),
            Hold::Creation(token) => !records.creations.iter().any(|planned| planned.request.client_token == *token),
            Hold::Growth | Hold::Pool(_) | Hold::Subnet(_) | Hold::Attachment(_) | Hold::AddressUse(_) | Hold::Look => {
                false
            }
        });
    }

    /// Notes which links are new. Those that are being taken in count until that has ended.
    pub(crate) fn see(&mut self, records: &Records, is_taken_in: impl Fn(&EniId) -> bool) {
        let shows = |mac| self.links.iter().flatten().any(|link| link.mac_address == Some(mac));
        let comes = |state| matches!(state, State::Created | State::Attaching | State::Attached);
        let coming = records.entries.iter().filter(|entry| comes(entry.state) && shows(entry.mac_address));
        let coming: BTreeSet<EniId> = coming.map(|entry| entry.network_interface_id.clone()).collect();
        self.shown.retain(|eni, _| coming.contains(eni) || is_taken_in(eni));
        for eni in coming {
            self.shown.entry(eni).or_insert_with(Instant::now);
        }
    }

    /// The instance metadata were read.
    pub(crate) fn read_metadata(&mut self, answer: MetadataAnswer, now: u64) {
        if answer.leaving && !self.leaving {
            log::warn!("the instance is about to end: nothing is attached any more");
        }
        self.leaving = answer.leaving;
        self.instance = Some(answer.instance);
        self.metadata = Some(Known { value: answer.interfaces, at: now });
    }

    /// Who is gone, of those that were looked at.
    pub(crate) fn judge(&mut self, records: Vec<Verdict>, uses: Vec<Verdict>, now: u64) {
        let mut unseen = BTreeSet::new();
        for (verdicts, gone) in [(records, &mut self.gone), (uses, &mut self.gone_uses)] {
            for Verdict { owner, life } in verdicts {
                match life {
                    Life::Gone => {
                        gone.entry(owner).or_insert(now);
                    }
                    Life::Alive => {
                        gone.remove(&owner);
                    }
                    Life::Unknown(why) => {
                        gone.remove(&owner);
                        unseen.insert(format!("nothing of {owner} is released: {why}"));
                    }
                }
            }
        }
        for why in unseen.difference(&self.unseen) {
            log::warn!("{why}");
        }
        self.unseen = unseen;
    }

    /// A plugin died.
    pub(crate) fn note_death(&mut self, words: String) {
        log::warn!("{words}");
        self.deaths.push_back(words);
        while self.deaths.len() > MOST_NOTES {
            self.deaths.pop_front();
        }
    }

    /// EC2 was asked for subnets.
    pub(crate) fn found_subnets(&mut self, found: BTreeMap<Reference, Vec<Subnet>>, now: u64) {
        for (reference, value) in found {
            self.subnets.insert(reference, Known { value, at: now });
        }
    }

    /// EC2 was asked for security groups.
    pub(crate) fn found_security_groups(&mut self, found: BTreeMap<Reference, Vec<SecurityGroup>>, now: u64) {
        for (reference, groups) in found {
            let value = groups.into_iter().map(|group| group.id).collect();
            self.security_groups.insert(reference, Known { value, at: now });
        }
    }

    /// What the manifests name that is not clear is asked for at once.
    pub(crate) fn forget_unclear(&mut self) {
        self.subnets.retain(|_, known| known.value.len() == 1);
        self.security_groups.retain(|_, known| known.value.len() == 1);
        self.unclear.forget();
    }

    /// Its free addresses are not what they were. What it is stays known.
    fn subnet_is_stale(&mut self, id: &str) {
        for known in self.subnets.values_mut() {
            if known.value.iter().any(|subnet| subnet.id.as_str() == id) {
                known.at = 0;
            }
        }
    }

    /// Every subnet that was looked up, each once.
    pub(crate) fn all_subnets(&self) -> Vec<Subnet> {
        let mut all: Vec<Subnet> = Vec::new();
        for subnet in self.subnets.values().flat_map(|known| &known.value) {
            if !all.iter().any(|other| other.id == subnet.id) {
                all.push(subnet.clone());
            }
        }
        all
    }
}
