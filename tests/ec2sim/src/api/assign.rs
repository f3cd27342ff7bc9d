//! AssignPrivateIpAddresses, UnassignPrivateIpAddresses, AssignIpv6Addresses and UnassignIpv6Addresses, by their pages of
//! the API reference.

use std::net::Ipv6Addr;

use crate::addressing::{check_ipv4, check_ipv6, free_ipv4};
use crate::cloud::Inner;
use crate::error::Error;
use crate::hardware::Effect;
use crate::ids::{EniId, SubnetId};
use crate::settle::{effect, host_name};

use super::attach::{limits, too_many_addresses};
use super::check;
use super::create::{next_ipv4s, next_ipv6s};
use super::refusal::Refusal;
use super::request::{
    AssignIpv6Addresses, AssignPrivateIpAddresses, UnassignIpv6Addresses, UnassignPrivateIpAddresses,
};
use super::response::Response;

pub(crate) fn ipv4(inner: &mut Inner, request: &AssignPrivateIpAddresses) -> Result<Response, Refusal> {
    let (id, record) = check::eni(inner, &request.network_interface_id)?;
    let (subnet, had) = (record.subnet.clone(), 1 + record.secondaries.len());
    let addresses = match (&request.secondary_private_ip_address_count, request.private_ip_addresses.as_slice()) {
        (None, []) => return Err(Refusal::missing("secondaryPrivateIpAddressCount")),
        (Some(_), [_, ..]) => return Err(Refusal::combination("Either a number or addresses can be given, not both")),
        (Some(count), []) => {
            room(inner, &id, had + *count as usize, |of| of.ipv4_per_interface)?;
            if free_ipv4(&inner.state, &subnet)? < *count {
                return Err(Error::SubnetFull(subnet).into());
            }
            next_ipv4s(inner, &subnet, *count, &[])?
        }
        (None, wished) => {
            room(inner, &id, had + wished.len(), |of| of.ipv4_per_interface)?;
            wished.iter().try_for_each(|address| check_ipv4(&inner.state, &subnet, *address))?;
            wished.to_vec()
        }
    };
    inner.state.change_eni(&id, |record| record.secondaries.extend(&addresses))?;
    guard(inner, &id);
    Ok(Response::AssignedIpv4 { network_interface_id: id, addresses })
}

pub(crate) fn unassign_ipv4(inner: &mut Inner, request: &UnassignPrivateIpAddresses) -> Result<Response, Refusal> {
    let (id, record) = check::eni(inner, &request.network_interface_id)?;
    if request.private_ip_addresses.contains(&record.primary) {
        return Err(Refusal::value(format!("The primary private address of {id} cannot be unassigned")));
    }
    if request.private_ip_addresses.iter().any(|address| !record.secondaries.contains(address)) {
        return Err(Refusal::value(format!("Some of the requested addresses are not assigned to interface {id}")));
    }
    let gone = &request.private_ip_addresses;
    inner.state.change_eni(&id, |record| record.secondaries.retain(|address| !gone.contains(address)))?;
    guard(inner, &id);
    Ok(Response::Done)
}

pub(crate) fn ipv6(inner: &mut Inner, request: &AssignIpv6Addresses) -> Result<Response, Refusal> {
    let (id, record) = check::eni(inner, &request.network_interface_id)?;
    let (subnet, had) = (record.subnet.clone(), record.ipv6.len());
    let addresses = wished_ipv6(inner, request, &id, &subnet, had)?;
    inner.state.change_eni(&id, |record| record.ipv6.extend(&addresses))?;
    guard(inner, &id);
    Ok(Response::AssignedIpv6 { network_interface_id: id, addresses })
}

fn wished_ipv6(
    inner: &Inner,
    request: &AssignIpv6Addresses,
    id: &EniId,
    subnet: &SubnetId,
    had: usize,
) -> Result<Vec<Ipv6Addr>, Refusal> {
    match (&request.ipv6_address_count, request.ipv6_addresses.as_slice()) {
        (None, []) => Err(Refusal::missing("ipv6AddressCount")),
        (Some(_), [_, ..]) => Err(Refusal::combination("Either a number or addresses can be given, not both")),
        (Some(count), []) => {
            room(inner, id, had + *count as usize, |of| of.ipv6_per_interface)?;
            next_ipv6s(inner, subnet, *count)
        }
        (None, wished) => {
            room(inner, id, had + wished.len(), |of| of.ipv6_per_interface)?;
            wished.iter().try_for_each(|address| check_ipv6(&inner.state, subnet, *address))?;
            Ok(wished.to_vec())
        }
    }
}

pub(crate) fn unassign_ipv6(inner: &mut Inner, request: &UnassignIpv6Addresses) -> Result<Response, Refusal> {
    let (id, record) = check::eni(inner, &request.network_interface_id)?;
    if request.ipv6_addresses.iter().any(|address| !record.ipv6.contains(address)) {
        return Err(Refusal::value(format!("Some of the requested addresses are not assigned to interface {id}")));
    }
    let gone = request.ipv6_addresses.clone();
    inner.state.change_eni(&id, |record| record.ipv6.retain(|address| !gone.contains(address)))?;
    guard(inner, &id);
    Ok(Response::UnassignedIpv6 { network_interface_id: id, addresses: gone })
}

/// Whether an interface of its instance may have so many addresses
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>).
fn room(inner: &Inner, id: &EniId, wanted: usize, most: fn(&super::InstanceType) -> u32) -> Result<(), Refusal> {
    let attachment = inner.state.eni(id)?.attachment.as_ref();
    let Some(instance) = attachment.and_then(|at| inner.state.instances.get(&at.instance)) else { return Ok(()) };
    let of = limits(inner, instance);
    if wanted > most(&of) as usize { Err(too_many_addresses(&of)) } else { Ok(()) }
}

/// The VPC lets the new sources pass and drops the old ones.
fn guard(inner: &mut Inner, eni: &EniId) {
    effect(inner, eni, Effect::Allow, host_name);
}
