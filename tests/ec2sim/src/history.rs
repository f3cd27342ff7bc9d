//! What was so a while ago: a Describe may be old by seconds, and so may the metadata
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::ids::EniId;
use crate::record::EniRecord;
use crate::state::State;

/// No answer is older than this.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Version {
    since: Duration,
    record: Option<EniRecord>,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    versions: BTreeMap<EniId, VecDeque<Version>>,
    /// In the order they happened.
    changes: VecDeque<(Duration, EniId)>,
}

impl History {
    /// Keeps what the touched ENIs are from now on.
    pub(crate) fn commit(&mut self, state: &mut State, now: Duration) {
        for id in state.take_touched() {
            let version = Version { since: now, record: state.enis().get(&id).cloned() };
            let versions = self.versions.entry(id.clone()).or_default();
            // What changed and changed again at one time was never seen between.
            if versions.back().is_some_and(|last| last.since >= now) {
                versions.pop_back();
            }
            versions.push_back(version);
            self.changes.push_back((now, id));
        }
        self.forget(now);
    }

    /// The ENI as it was then; nothing if it was not yet, or no more.
    pub(crate) fn at(&self, id: &EniId, then: Duration) -> Option<&EniRecord> {
        let versions = self.versions.get(id)?;
        versions.iter().rev().find(|version| version.since <= then)?.record.as_ref()
    }

    /// The ENIs that have changed after that time.
    pub(crate) fn changed_after(&self, then: Duration) -> BTreeSet<&EniId> {
        self.changes.iter().rev().take_while(|(when, _)| *when > then).map(|(_, id)| id).collect()
    }

    /// From now on it counts from another zero, and what is so has always been so.
    pub(crate) fn rebase(&mut self) {
        self.changes.clear();
        self.versions.retain(|_, versions| {
            let Some(mut last) = versions.pop_back() else { return false };
            last.since = Duration::ZERO;
            let lives = last.record.is_some();
            *versions = VecDeque::from([last]);
            lives
        });
    }

    fn forget(&mut self, now: Duration) {
        let Some(horizon) = now.checked_sub(LONGEST) else { return };
        while let Some((_, id)) = self.changes.pop_front_if(|(when, _)| *when < horizon) {
            let Some(versions) = self.versions.get_mut(&id) else { continue };
            while versions.get(1).is_some_and(|next| next.since <= horizon) {
                versions.pop_front();
            }
            if versions.len() == 1 && versions[0].record.is_none() {
                self.versions.remove(&id);
            }
        }
    }
}
