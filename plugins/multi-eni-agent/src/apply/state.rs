//! States that nothing but the node's own facts stand behind.

use node::inventory::State;
use node::names::EniId;

use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::site::Site;
use crate::kernel::Machine;
use crate::life;
use crate::observe::{Hold, Verb};

/// Writes another state.
pub(super) async fn mark<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    state: State,
    why: &str,
) -> Report {
    let (hold, now) = (Hold::Link(eni.clone()), site.clock.now());
    match site.ledger.change(eni, |entry| life::become_state(entry, state, now)).await {
        // What is out of order says why for as long as it is left alone.
        Ok(_) if state == State::Quarantined => {
            log::warn!("{eni} is {state}: {why}");
            Report::done([])
        }
        Ok(_) => {
            log::debug!("{eni} is {state}: {why}");
            Report::done([Effect::Cleared(hold)])
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}

/// Forgets an ENI.
pub(super) async fn forget<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    why: &str,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Forget);
    match site.ledger.forget(eni, site.clock.now()).await {
        Ok(()) => {
            log::info!("{eni} is forgotten: {why}");
            Report::done([Effect::Cleared(hold)])
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}
