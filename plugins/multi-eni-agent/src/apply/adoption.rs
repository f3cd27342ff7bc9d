//! ENIs of the original controller that become the project's.

use ec2::Tags;
use node::fault;
use node::names::{EniId, PoolName};

use super::attributes::refused;
use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::ledger;
use crate::agent::site::{Facts, Site};
use crate::kernel::Machine;
use crate::observe::{Hold, Verb, network_interface_id};
use crate::seen::metrics::Outcome;

/// Tags it as the project's, and then takes it into the pool: what EC2 does not know to be ours is never on record as ours.
pub(super) async fn adopt<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    facts: &Facts,
    eni: &EniId,
    pool: &PoolName,
    tags: &Tags,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Adopt);
    let (Some(declared), Ok(id)) = (facts.pool(pool), network_interface_id(eni)) else { return Report::done([]) };
    if !tags.is_empty() {
        fault::point("an ENI is about to be adopted");
        if let Err(error) = site.cloud.tag(&id, tags).await {
            return refused(eni, hold, &error);
        }
        fault::point("an ENI is tagged as ours and not yet taken in");
    }
    let waited = |waited| site.metrics.lock_waited("claim", waited);
    let taken = site.ledger.take_in(eni, site.clock.now(), waited, |entry| {
        entry.pool = Some(declared.for_eni_at(entry.pci_address));
        entry.tags.extend(tags.clone());
    });
    match taken.await {
        Ok(_) => {
            log::info!("adopted {eni} of the original controller for pool {pool}");
            Report::done([Effect::Cleared(hold), Effect::LinksChanged])
        }
        // `allow` of node.toml let a plugin have it meanwhile.
        Err(error @ ledger::Error::Held { .. }) => {
            log::debug!("{error}");
            Report { outcome: Outcome::Failed("held"), ..Report::unwritten(hold, &error) }
        }
        Err(error) => Report::unwritten(hold, &error),
    }
}
