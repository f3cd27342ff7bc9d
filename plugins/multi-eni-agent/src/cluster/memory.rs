//! What a holder of the Lease remembers. None of it outlives the tenure, and nothing that is right needs it to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ec2::{InstanceId, NetworkInterface, NetworkInterfaceId};

use super::action::{Action, Key};
use super::aggregate::Since;
use super::deletion::Looks;
use super::original::{Original, Signs};
use super::plan::SURVEY;
use super::sweep::{Rules, Sightings, Survey};
use super::world::World;
use crate::api::NodeEniStatus;

/// The first pause after a failure; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause after failures. What cannot be deleted waits for the regular look.
fn longest_pause(key: &Key) -> Duration {
    match key {
        Key::Eni(_) => SURVEY,
        Key::Cluster(_) | Key::NodeEni(..) => Duration::from_secs(120),
    }
}

/// The memory. Times are since the tenure began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) original: Original,
    /// When it was last asked for.
    pub(super) original_asked: Option<Duration>,
    pub(crate) sightings: Sightings,
    /// When EC2 was last looked at as a whole.
    pub(super) surveyed: Option<Duration>,
    /// The instances that had a Node at the last look, or have had one since.
    pub(super) instances: BTreeSet<InstanceId>,
    /// What the last look says may go.
    pub(super) condemned: Vec<NetworkInterfaceId>,
    pub(crate) since: Since,
    /// By the UID of a NodeENI that is deleted.
    pub(super) looks: BTreeMap<String, Looks>,
    /// By UID, the status that was last written.
    pub(super) written: BTreeMap<String, Written>,
    under_way: BTreeSet<Key>,
    /// How often something failed in a row, and when it may be tried again.
    failed: BTreeMap<Key, (u32, Duration)>,
}

/// A status that was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) at: Duration,
    pub(super) status: NodeEniStatus,
}

/// What came of an action.
#[derive(Debug)]
pub(crate) enum Learned {
    /// It was done.
    Done,
    /// It was not there to be done any more.
    NotThere,
    /// It was not done, or may not have been.
    Failed(String),
    /// What the API server says of the original.
    Original(Signs),
    /// The ENIs of a NodeENI that EC2 has.
    Enis(Vec<NetworkInterface>),
    /// What EC2 has that is attached to nothing.
    Survey(Survey),
}

impl Memory {
    /// An action begins.
    pub(crate) fn begins(&mut self, action: &Action, world: &World, now: Duration) {
        self.under_way.insert(action.key());
        match action {
            Action::AskForOriginal => self.original_asked = Some(now),
            Action::Survey => {
                self.surveyed = Some(now);
                self.instances = world.instances().collect();
            }
            Action::WriteStatus { of, status, .. } => {
                self.written.insert(of.uid.clone(), Written { at: now, status: (**status).clone() });
            }
            Action::AddFinalizer(_) | Action::RemoveFinalizer(_) | Action::AskForEnis { .. } | Action::Delete(_) => {}
        }
    }

    /// Takes in what came of an action.
    pub(crate) fn learns(&mut self, action: &Action, learned: Learned, world: &World, rules: &Rules, now: Duration) {
        let key = action.key();
        self.under_way.remove(&key);
        let Learned::Failed(why) = learned else {
            self.failed.remove(&key);
            return self.takes_in(action, learned, world, rules, now);
        };
        let failures = self.failed.get(&key).map_or(0, |(failures, _)| *failures);
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(longest_pause(&key));
        self.failed.insert(key, (failures.saturating_add(1), now + pause));
        match action {
            Action::AskForOriginal => self.original.is_silent(why),
            // It may have been written all the same: in its time, what the API server shows is looked at again.
            Action::WriteStatus { of, .. } => {
                self.written.entry(of.uid.clone()).and_modify(|last| last.status = NodeEniStatus::default());
            }
            _ => {}
        }
    }

    fn takes_in(&mut self, action: &Action, learned: Learned, world: &World, rules: &Rules, now: Duration) {
        match (action, learned) {
            (Action::AskForOriginal, Learned::Original(signs)) => self.original.see(&signs, now),
            (Action::AskForEnis { uid, .. }, Learned::Enis(found)) => {
                self.looks.entry(uid.clone()).or_default().see(&found, now);
            }
            (Action::Survey, Learned::Survey(survey)) => {
                self.condemned = self.sightings.see(&survey, world, rules, now);
                // Of what others have deleted, no failure is left.
                let sightings = &self.sightings;
                self.failed.retain(|key, _| !matches!(key, Key::Eni(id) if !sightings.has(id)));
            }
            (Action::Delete(id), _) => self.sightings.forget(id),
            _ => {}
        }
    }

    /// How many things have failed and were not done since.
    #[cfg(test)]
    pub(super) fn failures(&self) -> usize {
        self.failed.len()
    }

    /// When an action may begin: nothing while it is under way.
    pub(super) fn may_begin(&self, key: &Key) -> Option<Duration> {
        if self.under_way.contains(key) {
            return None;
        }
        Some(self.failed.get(key).map_or(Duration::ZERO, |(_, at)| *at))
    }

    /// Forgets what is not there any more.
    pub(super) fn retain(&mut self, world: &World) {
        let uids: BTreeSet<&str> = world.node_enis.values().map(|of| of.uid.as_str()).collect();
        self.written.retain(|uid, _| uids.contains(uid.as_str()));
        self.looks.retain(|uid, _| uids.contains(uid.as_str()));
        self.since.retain(|uid| uids.contains(uid));
        self.failed.retain(|key, _| key.is_of_none_but(&uids));
    }
}
