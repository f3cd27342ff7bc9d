//! How a pool stands on this node: what it has, and what it should have.

use node::inventory::{Entry, Sharing, State};
use serde::Serialize;

use super::groups::eligible;
use super::index::World;
use super::slots::is_unattached;
use super::{Need, Plan, adopt};
use crate::declared::{Pool, SubnetChoice};

/// A pool's numbers, and why it is not as declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    pub(crate) min: u32,
    /// Nothing if only the instance limits it.
    pub(crate) max: Option<u32>,
    pub(crate) warm: u32,
    /// How many ENIs it should have now.
    pub(crate) target: u32,
    /// Asked for, made, or being attached.
    pub(crate) coming: u32,
    /// On the node, and nobody's.
    pub(crate) free: u32,
    pub(crate) in_use: u32,
    pub(crate) cooling: u32,
    /// Out of order.
    pub(crate) quarantined: u32,
    /// On their way out; they count for nothing.
    pub(crate) leaving: u32,
    /// Plugins that wait.
    pub(crate) demand: u32,
    /// Whether `target` can be trusted: the subnets are known.
    pub(crate) is_known: bool,
    /// Why it is not as it should be, one line each.
    pub(crate) waiting: Vec<String>,
    /// What a plugin that waits is told, as a CNI error code and a line, if waiting is in vain.
    pub(crate) refusal: Option<(u32, String)>,
}

impl Standing {
    /// All that counts as had. What is out of order serves nobody; it only takes room.
    pub(crate) fn have(&self) -> u32 {
        self.coming + self.free + self.in_use + self.cooling
    }

    /// A reason, and what a plugin is told for it. The first one stands.
    pub(crate) fn refuse(&mut self, code: u32, reason: String) {
        if self.refusal.is_none() {
            self.refusal = Some((code, reason.clone()));
        }
        self.wait(reason);
    }

    /// A reason, each once.
    pub(crate) fn wait(&mut self, reason: String) {
        if !self.waiting.contains(&reason) {
            self.waiting.push(reason);
        }
    }
}

/// How it stands; what another controller made for it is planned on the way, since it counts.
pub(crate) fn stand(pool: &Pool, observed: &World<'_>, plan: &mut Plan) -> Standing {
    let eligible = eligible(pool, observed);
    for reference in &eligible.doubted {
        plan.doubt(Need::Subnet((*reference).clone()));
    }
    let least = match pool.subnet_choice {
        SubnetChoice::Each => u32::try_from(eligible.subnets.len()).unwrap_or(u32::MAX),
        SubnetChoice::MostFree => u32::from(!eligible.subnets.is_empty()),
    };
    let min = pool.min.unwrap_or(least);
    let max = pool.max.or((pool.warm == 0).then_some(min));
    let demand = observed.demand.get(&pool.name).copied().unwrap_or_default();
    // Only the number of subnets in the node's zone is not the manifest's to say.
    let is_known = eligible.unknown.is_empty() || pool.min.is_some();
    let mut standing = Standing { min, max, warm: pool.warm, demand, is_known, ..Standing::default() };
    let creations = observed.creations.iter().filter(|planned| planned.pool == pool.name).count();
    standing.coming = u32::try_from(creations).unwrap_or(u32::MAX);
    for entry in observed.members(&pool.name) {
        *count(&mut standing, entry, observed) += 1;
    }
    if standing.quarantined > 0 {
        standing.wait(format!("{} of its ENIs are out of order: see the last error of each", standing.quarantined));
    }
    adopt::plan(pool, observed, &mut standing, plan);
    standing.target = match observed.cordoned {
        true => target_of_cordoned(pool, &standing),
        false => target(pool, &standing),
    };
    standing
}

fn count<'a>(standing: &'a mut Standing, entry: &Entry, observed: &World<'_>) -> &'a mut u32 {
    let is_held = observed.is_held(entry);
    match entry.state {
        state if is_unattached(state) => &mut standing.coming,
        State::Creating | State::Attaching | State::Attached if !is_held => &mut standing.coming,
        // Between the kubelet's allocation and its pod's ADD there is no record.
        State::Ready | State::Cooling | State::InUse if observed.is_allocated(entry) => &mut standing.in_use,
        State::Ready if !is_held => &mut standing.free,
        State::Cooling if !is_held => &mut standing.cooling,
        State::Quarantined => &mut standing.quarantined,
        State::Detaching | State::Deleting | State::Deleted => &mut standing.leaving,
        State::InUse if !is_held => &mut standing.cooling,
        _ => &mut standing.in_use,
    }
}

/// An ENI that rests counts for those that are kept warm, since it will be free by itself, and not for a plugin that waits now.
fn target(pool: &Pool, standing: &Standing) -> u32 {
    let mut target = standing.min;
    if pool.sharing == Sharing::Exclusive {
        target = target.max(standing.in_use + pool.warm);
        if standing.demand > 0 {
            target = target.max(standing.in_use + standing.cooling + standing.demand);
        }
    } else {
        target = target.max(pool.warm);
    }
    at_most(target, standing)
}

/// Those that wait are served; nothing is made for pods that will not come.
fn target_of_cordoned(pool: &Pool, standing: &Standing) -> u32 {
    let kept = target(pool, &Standing { demand: 0, ..standing.clone() }).min(standing.have());
    if pool.sharing == Sharing::Exclusive && standing.demand > 0 {
        return kept.max(at_most(standing.in_use + standing.cooling + standing.demand, standing));
    }
    kept
}

fn at_most(target: u32, standing: &Standing) -> u32 {
    standing.max.map_or(target, |max| target.min(max.saturating_sub(standing.quarantined)))
}
