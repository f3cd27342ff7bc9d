//! New ENIs. The intent is on disk under its client token before EC2 is asked, so that no ENI is made that nobody knows of: asked
//! again with the same token, EC2 answers with the same ENI.

use ec2::{Class, Creation};
use node::fault;
use node::intent::{Intent, Token};
use tokio::time::Instant;

use super::entry;
use super::policy::reason;
use super::report::{Effect, Report, failed_with};
use crate::agent::clock::Clock;
use crate::agent::ledger;
use crate::agent::site::{Facts, Site};
use crate::kernel::Machine;
use crate::observe::{Hold, Planned};
use crate::plan::Wanted;
use crate::seen::metrics::Outcome;
use crate::tags::Identity;

/// The intent of a new ENI, with a random client token of 32 hexadecimal digits.
pub(crate) fn planned(wanted: Wanted, identity: &Identity, now: u64) -> Planned {
    let client_token = format!("{:032x}", fastrand::u128(..));
    let tags = identity.tags(&wanted.pool, &client_token, &wanted.tags);
    let request = Creation {
        client_token,
        subnet: wanted.subnet.id,
        security_groups: wanted.security_groups,
        description: wanted.description,
        secondary_ipv4_count: wanted.secondary_ipv4,
        ipv6_count: wanted.ipv6,
        tags,
    };
    Planned { pool: wanted.pool, request, since: now, refused_since: None }
}

/// Which of the tries of one creation this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// Its intent was written for it.
    First,
    /// Of an earlier one the answer was lost, or it was never known.
    Further,
}

/// Asks EC2 for what an intent on disk says.
pub(super) async fn create<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    facts: &Facts,
    planned: &Planned,
    which: Try,
) -> Report {
    let request = &planned.request;
    fault::point("an ENI is about to be created");
    let started = Instant::now();
    let answer = site.cloud.create(request).await;
    let outcome = answer.as_ref().map_or_else(|error| failed_with(error.class), |_| Outcome::Done);
    site.metrics.created(request.subnet.as_str(), outcome, started.elapsed());
    fault::point("an ENI is created and not yet written down");
    match answer {
        Ok(answer) => created(site, facts, planned, &answer).await,
        Err(error) => refused(site, planned, which, &error),
    }
}

async fn created<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    facts: &Facts,
    planned: &Planned,
    answer: &ec2::NetworkInterface,
) -> Report {
    let hold = Hold::Creation(planned.request.client_token.clone());
    let entry = match entry::fresh(planned, answer, facts, site.clock.now()) {
        Ok(entry) => entry,
        Err(why) => return Report::of_machine(hold, "answer", format!("{}: {why}", answer.id)),
    };
    // The intent stays where the entry cannot be written: EC2 gives the same answer when it is asked again.
    if let Err(error) = site.ledger.add(&entry).await {
        return Report::unwritten(hold, &error);
    }
    fault::point("an ENI is written down and its intent is still there");
    if let Err(error) = forget(site, planned) {
        return Report::unwritten(hold, &error);
    }
    log::info!("created {} of pool {} in {}", answer.id, planned.pool, answer.subnet);
    Report::done([
        Effect::Cleared(hold),
        Effect::Cleared(Hold::Pool(planned.pool.clone())),
        Effect::Cleared(Hold::Subnet(planned.request.subnet.to_string())),
    ])
}

/// What was certainly not made is forgotten. All else is asked for again.
fn refused<C, M, K: Clock>(site: &Site<C, M, K>, planned: &Planned, which: Try, error: &ec2::Error) -> Report {
    let subnet = planned.request.subnet.to_string();
    let creation = Hold::Creation(planned.request.client_token.clone());
    let hold = match error.class {
        // A throttled errand may have been sent before, and that answer lost.
        Class::Throttled | Class::Transient | Class::Unknown | Class::InUse => {
            return Report::refused(creation, error);
        }
        Class::Capacity => Hold::Subnet(subnet.clone()),
        // Other pools ask for less of each of theirs.
        Class::Limit if error.is_of_this_eni() => Hold::Pool(planned.pool.clone()),
        Class::Limit => Hold::Growth,
        Class::NotFound | Class::Denied | Class::Misconfigured => Hold::Pool(planned.pool.clone()),
    };
    let report = Report::refused(hold, error).and(Effect::SubnetStale(subnet));
    let report = match error.class {
        Class::NotFound => report.and(Effect::GroupsStale(planned.request.security_groups.clone())),
        _ => report,
    };
    if which == Try::Further || error.may_have_happened() {
        keep(site, planned);
        return Report::refused(creation, error).effects.into_iter().fold(report, Report::and);
    }
    match forget(site, planned) {
        Ok(()) => report,
        Err(error) => Report::unwritten(creation, &error),
    }
}

/// Notes that EC2 refuses what an earlier try may have made.
fn keep<C, M, K: Clock>(site: &Site<C, M, K>, planned: &Planned) {
    let refused_since = planned.refused_since.or_else(|| Some(site.clock.now()));
    let content = Planned { refused_since, ..planned.clone() };
    let Ok(token) = planned.request.client_token.parse::<Token>() else { return };
    if content != *planned
        && let Err(error) = site.store.write_intent(&Intent { token, content })
    {
        // Then it is asked for again, and noted then.
        log::warn!("{}", reason(&error));
    }
}

fn forget<C, M, K>(site: &Site<C, M, K>, planned: &Planned) -> Result<(), ledger::Error> {
    // A token of ours is a file's name; what is none has no file.
    let Ok(token) = planned.request.client_token.parse::<Token>() else { return Ok(()) };
    Ok(site.store.remove_intent(&token)?)
}
