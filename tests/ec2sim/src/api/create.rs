//! CreateNetworkInterface
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html>).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::addressing::{check_ipv4, free_ipv4, next_ipv4, next_ipv6};
use crate::cloud::Inner;
use crate::due::Due;
use crate::ids::{EniId, SubnetId, VpcId};
use crate::mac::MacAddr;
use crate::record::{EniRecord, SecurityGroup, Tags};

use super::refusal::Refusal;
use super::request::CreateNetworkInterface;
use super::response::{NetworkInterface, Response};
use super::{check, tags, view};

/// "Security groups per network interface" of
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const GROUPS_PER_INTERFACE: usize = 5;

pub(crate) fn answer(inner: &mut Inner, request: &CreateNetworkInterface, now: Duration) -> Result<Response, Refusal> {
    if let Some(done) = repeated(inner, request)? {
        return Ok(Response::NetworkInterface(Box::new(done)));
    }
    let subnet = subnet(inner, &request.subnet_id)?;
    let vpc = inner.state.subnet(&subnet)?.vpc.clone();
    let groups = groups(inner, &vpc, &request.security_group_ids)?;
    let tags = specified(request)?;
    let most = inner.api.limits.interfaces_per_region;
    if inner.state.enis().len() >= most {
        let message = format!("You have reached your quota of network interfaces: {most}");
        return Err(Refusal::new("NetworkInterfaceLimitExceeded", message));
    }
    let record = record(inner, request, subnet, now)?;
    let record = EniRecord { groups, tags, ..record };
    let id = EniId::nth(inner.state.next());
    let made =
        view::eni(&inner.state, &id, &record).ok_or_else(|| Refusal::new("InternalError", "the subnet is gone"))?;
    inner.state.put_eni(id.clone(), record);
    inner.api.made.insert(id.clone());
    inner.dues.plan(now + inner.timing.available, Due::Available(id.clone()));
    if let Some(token) = &request.client_token {
        inner.api.tokens.insert(token.clone(), (request.clone(), made.clone()));
    }
    Ok(Response::NetworkInterface(Box::new(made)))
}

/// What this client token has made already (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>).
fn repeated(inner: &Inner, request: &CreateNetworkInterface) -> Result<Option<NetworkInterface>, Refusal> {
    let Some((first, made)) = request.client_token.as_ref().and_then(|token| inner.api.tokens.get(token)) else {
        return Ok(None);
    };
    if first != request {
        let message = "The client token was used before with other parameters";
        return Err(Refusal::new("IdempotentParameterMismatch", message));
    }
    let id = &made.network_interface_id;
    let now = inner.state.eni(id).ok().and_then(|record| view::eni(&inner.state, id, record));
    Ok(Some(now.unwrap_or_else(|| made.clone())))
}

fn subnet(inner: &Inner, id: &str) -> Result<SubnetId, Refusal> {
    if id.is_empty() {
        return Err(Refusal::missing("subnetId"));
    }
    let subnet = check::subnet_id(id)?;
    let missing = || Refusal::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
    inner.state.subnets.get(&subnet).ok_or_else(missing)?;
    Ok(subnet)
}

/// Groups of the ENI's VPC; the VPC's default group if none is named.
pub(crate) fn groups(inner: &Inner, vpc: &VpcId, ids: &[String]) -> Result<Vec<SecurityGroup>, Refusal> {
    if ids.len() > GROUPS_PER_INTERFACE {
        let message =
            format!("You have exceeded the maximum number of security groups per interface: {GROUPS_PER_INTERFACE}");
        return Err(Refusal::new("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    if ids.is_empty() {
        let default = inner.state.groups.iter().find(|(_, group)| group.vpc == *vpc && group.name == "default");
        return Ok(default
            .map(|(id, group)| SecurityGroup { id: id.clone(), name: group.name.clone() })
            .into_iter()
            .collect());
    }
    let known = |id: &String| {
        let missing = || Refusal::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
        let group = inner.state.groups.get(check::group_id(id)?).ok_or_else(missing)?;
        if group.vpc != *vpc {
            return Err(Refusal::new(
                "InvalidGroup.NotFound",
                format!("The security group '{id}' does not exist in VPC '{vpc}'"),
            ));
        }
        Ok(SecurityGroup { id: id.clone(), name: group.name.clone() })
    };
    ids.iter().map(known).collect()
}

fn specified(request: &CreateNetworkInterface) -> Result<Tags, Refusal> {
    let mut all = Vec::new();
    for specification in &request.tag_specifications {
        if specification.resource_type != "network-interface" {
            let of = &specification.resource_type;
            return Err(Refusal::value(format!("'{of}' is not a valid taggable resource type for this operation.")));
        }
        all.extend(specification.tags.iter().cloned());
    }
    tags::checked(&all, &Tags::new())
}

fn record(
    inner: &mut Inner,
    request: &CreateNetworkInterface,
    subnet: SubnetId,
    now: Duration,
) -> Result<EniRecord, Refusal> {
    let secondary = request.secondary_private_ip_address_count.unwrap_or(0);
    if free_ipv4(&inner.state, &subnet)? < secondary.saturating_add(1) {
        return Err(crate::error::Error::SubnetFull(subnet).into());
    }
    let primary = match request.private_ip_address {
        Some(address) => {
            check_ipv4(&inner.state, &subnet, address)?;
            address
        }
        None => next_ipv4(&inner.state, &subnet, |_| false)?,
    };
    let secondaries = next_ipv4s(inner, &subnet, secondary, &[primary])?;
    let ipv6 = next_ipv6s(inner, &subnet, request.ipv6_address_count.unwrap_or(0))?;
    Ok(EniRecord {
        mac: MacAddr::nth(inner.state.next()),
        mtu: 9001,
        subnet,
        primary,
        secondaries,
        ipv6,
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        groups: Vec::new(),
        attachment: None,
        tags: Tags::new(),
        description: request.description.clone().unwrap_or_default(),
        source_dest_check: true,
        interface_type: request.interface_type.clone().unwrap_or_else(|| "interface".into()),
        requester: None,
        pending: true,
        created: now,
    })
}

/// So many free addresses, all of them or none.
pub(crate) fn next_ipv4s(
    inner: &Inner,
    subnet: &SubnetId,
    count: u32,
    spoken: &[Ipv4Addr],
) -> Result<Vec<Ipv4Addr>, Refusal> {
    let mut given: Vec<Ipv4Addr> = Vec::new();
    for _ in 0..count {
        given.push(next_ipv4(&inner.state, subnet, |address| spoken.contains(&address) || given.contains(&address))?);
    }
    Ok(given)
}

pub(crate) fn next_ipv6s(inner: &Inner, subnet: &SubnetId, count: u32) -> Result<Vec<Ipv6Addr>, Refusal> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let first = next_ipv6(&inner.state, subnet)?.to_bits();
    let free = |address: &Ipv6Addr| inner.state.index().owner(subnet, IpAddr::V6(*address)).is_none();
    Ok((first..=u128::MAX).map(Ipv6Addr::from_bits).filter(free).take(count as usize).collect())
}
