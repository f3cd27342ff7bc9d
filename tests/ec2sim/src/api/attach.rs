//! AttachNetworkInterface
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachNetworkInterface.html>).

use std::time::Duration;

use crate::cloud::Inner;
use crate::due::Due;
use crate::ids::{AttachmentId, EniId, InstanceId};
use crate::record::{AttachmentRecord, AttachmentStatus, EniRecord, InstanceRecord, InstanceState};

use super::check;
use super::refusal::Refusal;
use super::request::AttachNetworkInterface;
use super::response::Response;
use super::types::InstanceType;

pub(crate) fn answer(inner: &mut Inner, request: &AttachNetworkInterface, now: Duration) -> Result<Response, Refusal> {
    let index = request.device_index.ok_or_else(|| Refusal::missing("deviceIndex"))?;
    let card = request.network_card_index.unwrap_or(0);
    let (id, eni) = check::eni(inner, &request.network_interface_id)?;
    let (instance_id, instance) = check::instance(inner, &request.instance_id)?;
    check_state(&id, eni, &instance_id, instance)?;
    check_zone(inner, eni, instance)?;
    check_slot(inner, &instance_id, (card, index))?;
    check_limits(inner, &instance_id, instance, card, eni)?;
    let attachment = AttachmentId::nth(inner.state.next());
    let record = AttachmentRecord {
        id: attachment.clone(),
        instance: instance_id,
        index,
        card,
        host_name: host_name(card, index),
        status: AttachmentStatus::Attaching,
        // Set by a Modify, says the page of EC2 on interfaces; attached ones outlive their instance by default.
        delete_on_termination: false,
        since: now,
        plugged: false,
    };
    inner.state.change_eni(&id, |eni| {
        eni.pending = false;
        eni.attachment = Some(record);
    })?;
    inner.api.attachments.insert(attachment.clone(), id.clone());
    let timing = inner.timing;
    inner.dues.plan(now + timing.plug, Due::Plug(id.clone(), attachment.clone()));
    inner.dues.plan(now + timing.plug + timing.rename, Due::Rename(id.clone(), attachment.clone()));
    inner.dues.plan(now + timing.attach, Due::Attached(id, attachment.clone()));
    Ok(Response::Attached { attachment_id: attachment, network_card_index: card })
}

/// As systemd names the NICs of a Nitro machine: slot 5 is the first one.
fn host_name(card: u32, index: u32) -> String {
    format!("ens{}", 5 + card * 100 + index)
}

fn check_state(
    id: &EniId,
    eni: &EniRecord,
    instance_id: &InstanceId,
    instance: &InstanceRecord,
) -> Result<(), Refusal> {
    if eni.attachment.is_some() {
        return Err(Refusal::new("InvalidNetworkInterface.InUse", format!("Interface: [{id}] in use.")));
    }
    if let Some(requester) = &eni.requester {
        let message = format!("You are not allowed to manage '{id}', which {requester} manages.");
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    if instance.state != InstanceState::Running {
        let message = format!("Instance '{instance_id}' is not in a valid state to attach an interface.");
        return Err(Refusal::new("IncorrectState", message));
    }
    Ok(())
}

/// "You can attach a network interface to an instance in the same Availability Zone" (using-eni.html).
fn check_zone(inner: &Inner, eni: &EniRecord, instance: &InstanceRecord) -> Result<(), Refusal> {
    let zone = &inner.state.subnet(&eni.subnet)?.zone;
    if *zone == instance.zone {
        return Ok(());
    }
    let message = "You may not attach a network interface to an instance if they are not in the same availability zone";
    Err(Refusal::combination(message))
}

fn check_slot(inner: &Inner, instance: &InstanceId, (card, index): (u32, u32)) -> Result<(), Refusal> {
    match inner.state.index().in_slot(instance, (card, index)) {
        Some(_) => {
            let message = format!("Instance '{instance}' already has an interface attached at device index '{index}'.");
            Err(Refusal::value(message))
        }
        None => Ok(()),
    }
}

fn check_limits(
    inner: &Inner,
    id: &InstanceId,
    instance: &InstanceRecord,
    card: u32,
    eni: &EniRecord,
) -> Result<(), Refusal> {
    let of = limits(inner, instance);
    let Some(of_card) = of.cards.get(card as usize) else {
        return Err(Refusal::value(format!("Network card index {card} is not valid for instance type {}", of.name)));
    };
    let count = |on: Option<u32>| {
        let at = inner.state.index().at(id).filter(|((card, _), _)| on.is_none_or(|on| on == *card));
        u32::try_from(at.count()).unwrap_or(u32::MAX)
    };
    let most = instance.refused_beyond.unwrap_or(of.interfaces).min(of.interfaces);
    let (all, on_card) = (count(None) + 1, count(Some(card)) + 1);
    if all > most || on_card > *of_card {
        let message = format!("Interface count {} exceeds the limit for {}", all.max(on_card), of.name);
        return Err(Refusal::new("AttachmentLimitExceeded", message));
    }
    let ipv4 = u32::try_from(1 + eni.secondaries.len()).unwrap_or(u32::MAX);
    let ipv6 = u32::try_from(eni.ipv6.len()).unwrap_or(u32::MAX);
    if ipv4 > of.ipv4_per_interface || ipv6 > of.ipv6_per_interface {
        return Err(too_many_addresses(&of));
    }
    Ok(())
}

pub(crate) fn too_many_addresses(of: &InstanceType) -> Refusal {
    let message = format!("Number of private addresses exceeds the limit of an interface of {}", of.name);
    Refusal::new("PrivateIpAddressLimitExceeded", message)
}

/// The limits of an instance: its type's, or generous ones of an unknown type and of one with other cards.
pub(crate) fn limits(inner: &Inner, instance: &InstanceRecord) -> InstanceType {
    let known = inner.api.types.get(&instance.kind).filter(|of| of.cards.len() == instance.cards as usize);
    known.cloned().unwrap_or_else(|| InstanceType::with_cards(&instance.kind, &vec![15; instance.cards as usize], 50))
}
