//! The entry of an ENI that EC2 has just made.

use std::collections::BTreeMap;

use ec2::NetworkInterface;
use node::inventory::{Entry, Mode, Pool, Sharing, State};

use super::policy::reason;
use crate::agent::site::Facts;
use crate::learn::{Known, entry_of};
use crate::observe::Planned;

/// What its intent, EC2's answer and what is known of its surroundings say together.
///
/// # Errors
/// Why the answer cannot be used.
pub(super) fn fresh(planned: &Planned, answer: &NetworkInterface, facts: &Facts, now: u64) -> Result<Entry, String> {
    let Some(identity) = &facts.identity else { return Err("the instance is not known yet".to_string()) };
    let known = Known {
        identity,
        pools: &facts.pools,
        subnets: &facts.subnets,
        metadata: facts.metadata.as_deref(),
        links: None,
        held: &BTreeMap::new(),
        orphan_grace: 0,
    };
    let declared = facts.pool(&planned.pool);
    let link_name = declared.and_then(|pool| pool.link_name.clone());
    let pool = declared.map_or_else(|| withdrawn(planned), |pool| pool.for_eni_at(None));
    entry_of(answer, Some(pool), link_name, State::Created, &known, now).map_err(|error| reason(&error))
}

/// Of a pool that was withdrawn since it was asked for: it goes as it came.
fn withdrawn(planned: &Planned) -> Pool {
    Pool {
        name: planned.pool.clone(),
        sharing: Sharing::Exclusive,
        mode: Mode::Netdev,
        cooldown_seconds: 0,
        resource_name: None,
    }
}
