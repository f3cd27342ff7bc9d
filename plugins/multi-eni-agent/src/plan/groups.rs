//! What the subnets and security groups that a manifest names are in EC2.

use ec2::{SecurityGroupId, Subnet};

use super::index::World;
use super::{Need, Plan};
use crate::declared::{Pool, Reference};

/// The subnets of a pool that are in the node's zone, each with how the manifest names it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Eligible<'a> {
    pub(crate) subnets: Vec<(&'a Reference, &'a Subnet)>,
    /// What is wrong with the others, but for their zone.
    pub(crate) faults: Vec<String>,
    /// Some are not looked up yet.
    pub(crate) unknown: Vec<&'a Reference>,
    /// Some mean nothing, or too much, or are not what the pool needs.
    pub(crate) doubted: Vec<&'a Reference>,
}

pub(crate) fn eligible<'a>(pool: &'a Pool, observed: &'a World<'_>) -> Eligible<'a> {
    let mut eligible = Eligible::default();
    for reference in &pool.subnets {
        match observed.subnets.get(reference).map(Vec::as_slice) {
            None => eligible.unknown.push(reference),
            Some([]) => {
                eligible.doubted.push(reference);
                eligible.faults.push(format!("subnet {reference} does not exist: correct the NodeENI"));
            }
            Some([subnet]) => {
                let is_double = eligible.subnets.iter().any(|(_, other)| other.id == subnet.id);
                let is_here = observed.availability_zone.as_ref() == Some(&subnet.availability_zone);
                match lacking_family(pool, subnet) {
                    Some(fault) if is_here => {
                        eligible.doubted.push(reference);
                        eligible.faults.push(fault);
                    }
                    None if is_here && !is_double => eligible.subnets.push((reference, subnet)),
                    _ => {}
                }
            }
            Some(several) => {
                eligible.doubted.push(reference);
                let ids: Vec<_> = several.iter().map(|subnet| subnet.id.to_string()).collect();
                let ids = ids.join(", ");
                eligible.faults.push(format!("subnet {reference} means {ids}: name it by its id in the NodeENI"));
            }
        }
    }
    eligible
}

/// Why a subnet cannot give an ENI of the pool its addresses.
fn lacking_family(pool: &Pool, subnet: &Subnet) -> Option<String> {
    let lacks = |family, field| {
        format!("subnet {} has no {family} CIDR, and pool {} has {field}: correct the NodeENI", subnet.id, pool.name)
    };
    if pool.ipv6 > 0 && subnet.ipv6_cidrs.is_empty() {
        return Some(lacks("IPv6", "ipv6Addresses"));
    }
    (pool.secondary_ipv4 > 0 && subnet.ipv4_cidr.is_none()).then(|| lacks("IPv4", "secondaryIPv4Addresses"))
}

/// A pool's security groups, those named by their ids and those named otherwise, each once; nothing if one is not known, with
/// the reasons.
pub(crate) fn security_groups(
    pool: &Pool,
    observed: &World<'_>,
    plan: &mut Plan,
    waiting: &mut Vec<String>,
) -> Option<Vec<SecurityGroupId>> {
    let mut groups = Vec::new();
    let before = waiting.len();
    let mut is_unknown = false;
    for reference in &pool.security_groups {
        let found = match reference {
            Reference::Id(id) => id.parse().ok(),
            Reference::Name(_) => match observed.security_groups.get(reference).map(Vec::as_slice) {
                None => {
                    plan.need(Need::SecurityGroup(reference.clone()));
                    is_unknown = true;
                    continue;
                }
                Some([group]) => Some(group.clone()),
                Some([]) => {
                    plan.doubt(Need::SecurityGroup(reference.clone()));
                    None
                }
                Some(several) => {
                    plan.doubt(Need::SecurityGroup(reference.clone()));
                    let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
                    let ids = ids.join(", ");
                    waiting.push(format!("security group {reference} means {ids}: name it by its id in the NodeENI"));
                    continue;
                }
            },
        };
        match found {
            Some(group) if !groups.contains(&group) => groups.push(group),
            Some(_) => {}
            None => waiting.push(format!("security group {reference} does not exist: correct the NodeENI")),
        }
    }
    (waiting.len() == before && !is_unknown).then_some(groups)
}
