//! ENIs out of EC2.

use ec2::{Class, Code};
use node::fault;
use node::inventory::State;
use node::names::EniId;

use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::site::Site;
use crate::kernel::Machine;
use crate::life;
use crate::observe::{Hold, Verb, network_interface_id};

/// Deletes an ENI that is on no instance, and forgets it.
pub(super) async fn delete<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, eni: &EniId) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Delete);
    let Ok(id) = network_interface_id(eni) else { return Report::done([]) };
    let now = site.clock.now();
    if let Err(error) = site.ledger.change(eni, |entry| life::become_state(entry, State::Deleting, now)).await {
        return Report::unwritten(hold, &error);
    }
    fault::point("an ENI is about to be deleted");
    let answer = site.cloud.delete(&id).await;
    fault::point("an ENI is deleted and still in the inventory");
    let error = match answer {
        Ok(()) => return forget(site, eni, hold).await,
        Err(error) if error.class == Class::NotFound => return forget(site, eni, hold).await,
        Err(error) => error,
    };
    // "Network interface 'eni-…' is currently in use", for some seconds after it was detached: nobody's fault, and soon over.
    let class = if error.code == Code::InvalidParameterValue { Class::InUse } else { error.class };
    let report = Report::refused_as(hold.clone(), class, &error);
    if error.may_have_happened() || error.class == Class::Throttled {
        return report;
    }
    // It is in use against all that is known, or may not be deleted: EC2 says which.
    match site.ledger.change(eni, |entry| life::become_state(entry, State::Detached, now)).await {
        Ok(_) => report.and(Effect::Doubtful(eni.clone())),
        Err(error) => Report::unwritten(hold, &error),
    }
}

async fn forget<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, eni: &EniId, hold: Hold) -> Report {
    match site.ledger.forget(eni, site.clock.now()).await {
        Ok(()) => {
            log::info!("deleted {eni}");
            Report::done([Effect::Cleared(hold)])
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}
