//! ENIs that the original controller made for a pool of this node: they become the project's when nobody has them, so that a
//! cluster moves over without a new ENI and without a pod that loses its own.

use node::inventory::Entry;

use super::index::World;
use super::pool::Standing;
use super::{Action, Plan};
use crate::declared::Pool;
use crate::observe::{Hold, Verb};

/// Counts them as the pool's, which makes no others in their place, and adopts those that nobody has.
pub(crate) fn plan(pool: &Pool, observed: &World<'_>, standing: &mut Standing, plan: &mut Plan) {
    for entry in observed.originals(&pool.name) {
        let eni = &entry.network_interface_id;
        if let Some(max) = standing.max.filter(|&max| standing.have() >= max) {
            let why =
                format!("{eni} of the original controller is left alone: the pool has its max of {max} without it");
            standing.wait(why);
            continue;
        }
        match what_has_it(entry, observed) {
            Some(what) => {
                standing.in_use += 1;
                standing.wait(format!("{eni} of the original controller is not adopted yet: {what}"));
            }
            None => {
                standing.coming += 1;
                if let Some(held) = observed.hold(&Hold::Cloud(eni.clone(), Verb::Adopt)) {
                    standing.wait(held.reason.clone());
                }
                adopt(pool, entry, observed, plan);
            }
        }
    }
}

fn adopt(pool: &Pool, entry: &Entry, observed: &World<'_>, plan: &mut Plan) {
    let Some(identity) = observed.identity.as_ref().filter(|_| !observed.leaving) else { return };
    let eni = entry.network_interface_id.clone();
    let tags = identity.lacking(&pool.name, &pool.tags, &entry.tags);
    plan.act_in_ec2(&entry.network_interface_id, [Action::Adopt { eni, pool: pool.name.clone(), tags }], observed);
}

/// Why it is not nobody's.
fn what_has_it(entry: &Entry, observed: &World<'_>) -> Option<String> {
    if let Some(owner) = observed.held.get(&entry.network_interface_id) {
        return Some(format!("{owner} has it"));
    }
    if entry.upkeep.attachment_id.is_none() {
        return Some("EC2 has not said that it is attached".to_string());
    }
    let Some(link) = observed.link_of(entry) else {
        return Some("its link is not on the host: a pod has it, or a driver of user space".to_string());
    };
    link.tie.as_ref().map(ToString::to_string)
}
