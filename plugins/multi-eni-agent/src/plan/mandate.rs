//! What of EC2 is not this agent's to change: anything, while another controller works on the cluster's ENIs or it is not known what is
//! declared; and the ENIs of a pool that nobody has put into its care. The kernel's side goes on, for the pods that are there.

use std::collections::BTreeMap;

use cni::Code;
use node::inventory::Entry;
use node::names::{EniId, PoolName};

use super::{Action, Plan};
use crate::observe::{Mandate, Observed, Subject};

/// Takes out of a plan what it may not do, and says so where it is missed.
pub(super) fn keep_to(observed: &Observed, plan: &mut Plan) {
    let mandate = &observed.mandate;
    if *mandate == Mandate::default() {
        return;
    }
    let pools: BTreeMap<&EniId, &PoolName> = observed.entries.iter().filter_map(of_pool).collect();
    plan.actions.retain(|action| {
        let pool = match action {
            Action::Create(wanted) => Some(&wanted.pool),
            Action::CreateAgain(planned) => Some(&planned.pool),
            Action::Adopt { pool, .. } => Some(pool),
            action => match action.subject() {
                Some(Subject::Cloud(eni)) => pools.get(&eni).copied(),
                _ => None,
            },
        };
        !action.changes_ec2() || mandate.refusal(pool).is_none()
    });
    // What does not go stays on offer.
    plan.withheld.retain(|eni| mandate.refusal(pools.get(eni).copied()).is_none());
    for (name, standing) in &mut plan.pools {
        if let Some(why) = mandate.refusal(Some(name)) {
            standing.waiting.clear();
            standing.refusal = None;
            standing.refuse(Code::TRY_AGAIN.get(), why.to_string());
        }
    }
}

fn of_pool(entry: &Entry) -> Option<(&EniId, &PoolName)> {
    Some((&entry.network_interface_id, entry.pool_name()?))
}
