//! What to do next: a pure function of what is declared and what is observed. No clock, no file, no network; time comes in as
//! an argument, and who runs an action chooses what must be random.

mod action;
mod adopt;
mod groups;
mod grow;
mod index;
mod mandate;
mod pool;
mod release;
mod shared;
mod shrink;
mod slots;
mod tend;
#[cfg(test)]
pub(crate) mod tests;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};

use node::names::{EniId, PoolName};
use serde::Serialize;

use crate::declared::{Declared, Reference};
use crate::observe::{Observed, Subject};

pub(crate) use action::{Action, Change, Wanted};
pub(crate) use pool::Standing;
pub(crate) use slots::Slots;

use index::World;

/// What to do now, what has to be known for more, and when time alone changes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    /// In any order, all at once.
    pub(crate) actions: Vec<Action>,
    /// What is not known and would change the plan.
    pub(crate) needs: BTreeSet<Need>,
    /// What was looked up and is of no use as it was found. It may be otherwise by now: what a manifest names may be made after it.
    pub(crate) doubts: BTreeSet<Need>,
    /// When to plan again though nothing happens; in seconds since the boot.
    pub(crate) wake_at: Option<u64>,
    /// ENIs that the kubelet is not offered any more, since they are about to go.
    pub(crate) withheld: BTreeSet<EniId>,
    /// How each pool of this node stands, by name.
    pub(crate) pools: BTreeMap<PoolName, Standing>,
    /// The instance's slots, if they are known.
    pub(crate) slots: Option<Slots>,
}

/// Something to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Need {
    /// The instance metadata: who this is, and what is attached.
    Metadata,
    /// What the instance's type takes.
    Limits,
    /// A subnet, as a manifest names it.
    Subnet(Reference),
    /// A security group, as a manifest names it.
    SecurityGroup(Reference),
    /// How EC2 sees this ENI now.
    Look(EniId),
    /// Which devices the kubelet's pods have.
    GivenOut,
}

impl Plan {
    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn need(&mut self, need: Need) {
        self.needs.insert(need);
    }

    fn doubt(&mut self, need: Need) {
        self.doubts.insert(need);
    }

    /// Does the first of these things with an ENI in EC2 that nothing holds back, and plans again when what holds the others back is
    /// over.
    fn act_in_ec2(&mut self, eni: &EniId, actions: impl IntoIterator<Item = Action>, observed: &Observed) {
        if observed.is_busy(&Subject::Cloud(eni.clone())) {
            return;
        }
        for action in actions {
            match action.hold().and_then(|hold| observed.hold(&hold)) {
                Some(held) => self.wake(held.until),
                None => return self.act(action),
            }
        }
    }

    /// To be planned again at this time at the latest.
    fn wake(&mut self, at: u64) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// Plans.
pub(crate) fn plan(declared: &Declared, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    let observed = &World::of(declared, observed);
    release::plan(observed, &mut plan);
    tend::plan(observed, &mut plan);
    let slots = Slots::of(observed);
    let mut room = slots.clone();
    for pool in &declared.pools {
        let mut standing = pool::stand(pool, observed, &mut plan);
        grow::plan(pool, observed, &mut standing, &mut room, &mut plan);
        shrink::plan(pool, observed, &mut standing, &mut plan);
        shared::plan(pool, observed, &mut standing, &mut plan);
        plan.pools.insert(pool.name.clone(), standing);
    }
    shrink::withdrawn(declared, observed, &mut plan);
    upkeep::plan(observed, &mut plan);
    mandate::keep_to(observed, &mut plan);
    plan.slots = slots;
    plan
}
