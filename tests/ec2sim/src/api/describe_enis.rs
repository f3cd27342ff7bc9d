//! DescribeNetworkInterfaces
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html>).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cloud::Inner;
use crate::ids::{EniId, InstanceId};

use super::check;
use super::filter::{Says, holds, page};
use super::refusal::Refusal;
use super::request::Select;
use super::response::{NetworkInterface, Response};
use super::{text, view};

/// As it was at `then`, which is now or seconds ago.
pub(crate) fn answer(inner: &Inner, select: &Select, then: Duration) -> Result<Response, Refusal> {
    let wanted = select.ids.iter().map(|id| check::eni_id(id)).collect::<Result<Vec<EniId>, Refusal>>()?;
    let mut found = Vec::new();
    for id in candidates(inner, select, &wanted, then) {
        let Some(record) = inner.history.at(&id, then) else { continue };
        let Some(eni) = view::eni(&inner.state, &id, record) else { continue };
        if holds(&select.filters, &eni.tags, |filter| says(&eni, filter))? {
            found.push(eni);
        }
    }
    for id in &wanted {
        if inner.history.at(id, then).is_none() {
            return Err(check::no_eni(id.as_str()));
        }
    }
    let (items, next_token) = page(found, select, |eni| eni.network_interface_id.to_string())?;
    Ok(Response::NetworkInterfaces { items, next_token })
}

/// Those that can match: by an index if a filter has one, and whatever has changed since then.
fn candidates(inner: &Inner, select: &Select, wanted: &[EniId], then: Duration) -> BTreeSet<EniId> {
    if !wanted.is_empty() {
        return wanted.iter().cloned().collect();
    }
    let exact = |value: &String| !value.contains(['*', '?']);
    let index = inner.state.index();
    let recent = inner.history.changed_after(then).into_iter().cloned();
    for filter in select.filters.iter().filter(|filter| filter.values.iter().all(exact)) {
        let now: Option<Vec<EniId>> = match filter.name.as_str() {
            "network-interface-id" => Some(filter.values.iter().filter_map(|id| EniId::new(id).ok()).collect()),
            "attachment.instance-id" => {
                let instances = filter.values.iter().filter_map(|id| InstanceId::new(id).ok());
                Some(instances.flat_map(|id| index.at(&id).map(|(_, eni)| eni.clone()).collect::<Vec<_>>()).collect())
            }
            name => name
                .strip_prefix("tag:")
                .map(|key| filter.values.iter().flat_map(|value| index.tagged(key, value)).cloned().collect()),
        };
        if let Some(now) = now {
            return now.into_iter().chain(recent).collect();
        }
    }
    inner.state.enis().keys().cloned().chain(recent).collect()
}

fn says(eni: &NetworkInterface, filter: &str) -> Says {
    let at = eni.attachment.as_ref();
    match filter {
        "network-interface-id" => Says::one(&eni.network_interface_id),
        "subnet-id" => Says::one(&eni.subnet_id),
        "vpc-id" => Says::one(&eni.vpc_id),
        "availability-zone" => Says::one(&eni.availability_zone),
        "status" => Says::one(text::eni_status(eni.status)),
        "description" => Says::one(&eni.description),
        "group-id" => Says::all(eni.groups.iter().map(|group| &group.id)),
        "group-name" => Says::all(eni.groups.iter().map(|group| &group.name)),
        "mac-address" => Says::one(eni.mac_address),
        "interface-type" => Says::one(&eni.interface_type),
        "owner-id" => Says::one(&eni.owner_id),
        "requester-id" => Says::all(&eni.requester_id),
        "requester-managed" => Says::one(eni.requester_id.is_some()),
        "source-dest-check" => Says::one(eni.source_dest_check),
        "private-ip-address" => Says::one(eni.private_ip_address),
        "addresses.private-ip-address" => {
            Says::all(std::iter::once(&eni.private_ip_address).chain(&eni.secondary_private_ip_addresses))
        }
        "ipv6-addresses.ipv6-address" => Says::all(&eni.ipv6_addresses),
        "attachment.attachment-id" => Says::all(at.map(|at| &at.attachment_id)),
        "attachment.instance-id" => Says::all(at.map(|at| &at.instance_id)),
        "attachment.device-index" => Says::all(at.map(|at| at.device_index)),
        "attachment.network-card-index" => Says::all(at.map(|at| at.network_card_index)),
        "attachment.status" => Says::all(at.map(|at| text::attachment_status(at.status))),
        "attachment.delete-on-termination" => Says::all(at.map(|at| at.delete_on_termination)),
        _ => Says::NoSuchFilter,
    }
}
