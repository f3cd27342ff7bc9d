//! New ENIs, and the attachment of those that are on no instance.

use cni::Code;
use ec2::{InstanceTypeLimits, Subnet};
use node::inventory::Entry;
use node::names::PoolName;

use super::groups::{Eligible, eligible, security_groups};
use super::index::World;
use super::pool::Standing;
use super::slots::{NoRoom, is_unattached};
use super::{Action, Need, Plan, Slots, Wanted};
use crate::declared::{Pool, Reference, SubnetChoice};
use crate::observe::{Hold, Subject, Verb};

/// Seconds for which the instance metadata are believed about what takes the room.
const METADATA_LIFE: u64 = 5;

pub(crate) fn plan(
    pool: &Pool,
    observed: &World<'_>,
    standing: &mut Standing,
    room: &mut Option<Slots>,
    plan: &mut Plan,
) {
    if standing.demand > 0 && standing.max.is_some_and(|max| max <= standing.in_use + standing.quarantined) {
        let max = standing.max.unwrap_or_default();
        standing.refuse(Code::TRY_AGAIN.get(), format!("pool {} has all of its {max} ENIs in use", pool.name));
    }
    let unattached: Vec<_> = observed.members(&pool.name).filter(|entry| is_unattached(entry.state)).collect();
    let is_short = standing.have() < standing.target;
    if !is_short && unattached.is_empty() {
        return;
    }
    if observed.leaving {
        return standing.refuse(
            Code::TRY_AGAIN.get(),
            "the instance or its node is going away: nothing is attached any more".to_string(),
        );
    }
    let eligible = eligible(pool, observed);
    for reference in &eligible.unknown {
        plan.need(Need::Subnet((*reference).clone()));
    }
    for fault in &eligible.faults {
        standing.refuse(Code::CONFIG.get(), fault.clone());
    }
    if observed.identity.is_none() || observed.metadata.is_none() {
        plan.need(Need::Metadata);
        return standing.wait("the instance metadata are not known yet".to_string());
    }
    let Some(room) = room else {
        plan.need(Need::Limits);
        return standing.wait("the limits of the instance's type are not known yet".to_string());
    };
    attach(pool, observed, standing, &unattached, room, plan);
    if is_short {
        create(pool, observed, standing, &eligible, room, plan);
    }
}

/// Those that count towards the target are attached; what is beyond it is for the shrinking.
fn attach(
    pool: &Pool,
    observed: &World<'_>,
    standing: &mut Standing,
    unattached: &[&Entry],
    room: &mut Slots,
    plan: &mut Plan,
) {
    for entry in unattached.iter().take(wanted_unattached(standing, unattached.len())) {
        let eni = &entry.network_interface_id;
        if observed.is_busy(&Subject::Cloud(eni.clone())) {
            continue;
        }
        if let Some(held) = observed.hold(&Hold::Cloud(eni.clone(), Verb::Attach)) {
            let (code, reason) = (held.code, held.reason.clone());
            plan.wake(held.until);
            standing.refuse(code, reason);
            continue;
        }
        match room.take(pool.network_card, pool.device_index) {
            Ok(slot) => plan.act(Action::Attach { eni: eni.clone(), slot }),
            Err(why) => no_room(why, observed, standing, plan),
        }
    }
}

/// What is attached may have gone since the metadata were read: nobody is sent away for what was.
fn no_room(why: NoRoom, observed: &World<'_>, standing: &mut Standing, plan: &mut Plan) {
    let is_old = observed.metadata_at.saturating_add(METADATA_LIFE) < observed.now;
    if is_old && standing.demand > 0 {
        plan.need(Need::Metadata);
        return standing.wait(format!("{why}, as far as the instance metadata told last"));
    }
    standing.refuse(Code::ENI_LIMIT.get(), why.to_string());
}

/// How many of the ENIs that are on no instance the pool wants: what is on the node already comes first.
pub(crate) fn wanted_unattached(standing: &Standing, unattached: usize) -> usize {
    let surplus = standing.have().saturating_sub(standing.target);
    unattached.saturating_sub(usize::try_from(surplus).unwrap_or(usize::MAX))
}

fn create(
    pool: &Pool,
    observed: &World<'_>,
    standing: &mut Standing,
    eligible: &Eligible<'_>,
    room: &mut Slots,
    plan: &mut Plan,
) {
    for hold in [Hold::Growth, Hold::Pool(pool.name.clone())] {
        if let Some(held) = observed.hold(&hold) {
            plan.wake(held.until);
            return standing.refuse(held.code, held.reason.clone());
        }
    }
    if let Some(why) = observed.limits.as_ref().and_then(|limits| too_many_addresses(pool, limits)) {
        return standing.refuse(Code::ENI_LIMIT.get(), why);
    }
    let Some(groups) = groups_of(pool, observed, standing, plan) else { return };
    if eligible.subnets.is_empty() {
        if eligible.unknown.is_empty() && eligible.faults.is_empty() {
            let zone = observed.availability_zone.as_deref().unwrap_or("the node's zone");
            standing.refuse(Code::CONFIG.get(), format!("pool {} has no subnet in {zone}", pool.name));
        }
        return;
    }
    let mut chooser = Chooser::new(pool, observed, eligible);
    for _ in standing.have()..standing.target {
        let subnet = match chooser.next(observed, plan) {
            Ok(subnet) => subnet,
            Err((code, reason)) => return standing.refuse(code, reason),
        };
        if let Err(why) = room.promise(pool.network_card) {
            return no_room(why, observed, standing, plan);
        }
        plan.act(Action::Create(Wanted {
            pool: pool.name.clone(),
            subnet: subnet.clone(),
            security_groups: groups.clone(),
            description: description(pool, observed),
            secondary_ipv4: pool.secondary_ipv4,
            ipv6: pool.ipv6,
            tags: pool.tags.clone(),
        }));
    }
}

/// What EC2 would make, and never attach.
fn too_many_addresses(pool: &Pool, limits: &InstanceTypeLimits) -> Option<String> {
    let InstanceTypeLimits { name, ipv4_per_interface, ipv6_per_interface, .. } = limits;
    let ipv4 = pool.secondary_ipv4.saturating_add(1);
    if ipv4 > *ipv4_per_interface {
        let most = ipv4_per_interface.saturating_sub(1);
        return Some(format!(
            "an ENI of {name} takes {most} IPv4 addresses beside its primary one, and pool {} wants {}: correct \
             secondaryIPv4Addresses in the NodeENI",
            pool.name, pool.secondary_ipv4
        ));
    }
    (pool.ipv6 > *ipv6_per_interface).then(|| {
        format!(
            "an ENI of {name} takes {ipv6_per_interface} IPv6 addresses, and pool {} wants {}: correct ipv6Addresses in the NodeENI",
            pool.name, pool.ipv6
        )
    })
}

fn groups_of(
    pool: &Pool,
    observed: &World<'_>,
    standing: &mut Standing,
    plan: &mut Plan,
) -> Option<Vec<ec2::SecurityGroupId>> {
    let mut reasons = Vec::new();
    let groups = security_groups(pool, observed, plan, &mut reasons);
    for reason in reasons {
        standing.refuse(Code::CONFIG.get(), reason);
    }
    groups
}

/// Never begins with `aws-K8S-`, by which amazon-vpc-cni knows what it may sweep.
fn description(pool: &Pool, observed: &World<'_>) -> String {
    let node = observed.identity.as_ref().map(|identity| identity.node.as_str()).unwrap_or_default();
    let text = pool.description.clone().unwrap_or_else(|| format!("multi-eni: pool {} of node {node}", pool.name));
    // EC2 takes 255 characters and no others than these (CreateNetworkInterface, `Description`).
    text.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(255).collect()
}

/// Gives one subnet after the other.
struct Chooser<'a> {
    pool: &'a Pool,
    /// With how many ENIs of the pool each has, and how many free addresses are left in it.
    subnets: Vec<(&'a Reference, &'a Subnet, u32, u32)>,
}

impl<'a> Chooser<'a> {
    fn new(pool: &'a Pool, observed: &World<'_>, eligible: &Eligible<'a>) -> Self {
        let subnets = eligible.subnets.iter().map(|&(reference, subnet)| {
            let here = count_in(&pool.name, subnet, observed);
            (reference, subnet, here, subnet.available_ipv4)
        });
        Self { pool, subnets: subnets.collect() }
    }

    /// # Errors
    /// A CNI code, and why no subnet can be had.
    fn next(&mut self, observed: &World<'_>, plan: &mut Plan) -> Result<&'a Subnet, (u32, String)> {
        let needed = 1 + self.pool.secondary_ipv4;
        let mut reason = None;
        let mut best: Option<usize> = None;
        for (place, (reference, subnet, here, free)) in self.subnets.iter().enumerate() {
            let refused = match observed.hold(&Hold::Subnet(subnet.id.to_string())) {
                Some(held) => {
                    plan.wake(held.until);
                    Some((held.code, held.reason.clone()))
                }
                None if subnet.ipv4_cidr.is_some() && *free < needed => {
                    plan.need(Need::Subnet((*reference).clone()));
                    Some((
                        Code::SUBNET_FULL.get(),
                        format!("subnet {} has {free} free addresses, {needed} are needed", subnet.id),
                    ))
                }
                None => None,
            };
            let is_better =
                best.and_then(|best| self.subnets.get(best)).is_none_or(|(_, _, most, most_free)| {
                    match self.pool.subnet_choice {
                        SubnetChoice::Each => here < most,
                        SubnetChoice::MostFree => free > most_free,
                    }
                });
            match (self.pool.subnet_choice, refused) {
                // One in each subnet is what is asked for: a full one is waited for, and not made up for elsewhere.
                (SubnetChoice::Each, Some(why)) if *here == 0 => return Err(why),
                (_, Some(why)) => reason = Some(why),
                (_, None) if is_better => best = Some(place),
                (_, None) => {}
            }
        }
        let chosen = best.and_then(|best| self.subnets.get_mut(best));
        let Some((_, subnet, here, free)) = chosen else {
            return Err(reason.unwrap_or((Code::TRY_AGAIN.get(), "no subnet can be had".to_string())));
        };
        *here += 1;
        *free = free.saturating_sub(needed);
        Ok(subnet)
    }
}

fn count_in(pool: &PoolName, subnet: &Subnet, observed: &World<'_>) -> u32 {
    let there = observed.members(pool).filter(|entry| entry.subnet.id == subnet.id.as_str()).count();
    let coming =
        observed.creations.iter().filter(|planned| planned.pool == *pool && planned.request.subnet == subnet.id);
    u32::try_from(there + coming.count()).unwrap_or(u32::MAX)
}
