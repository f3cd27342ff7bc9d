//! An ENI that is known, in the light of EC2's answer.

use ec2::{AttachmentStatus, InstanceAttachment, NetworkInterface, Status};
use node::inventory::{Entry, Ipv4Address, Ipv6Address, State};

use super::adopt::subnet_of;
use super::{APART, Known, LOOKS, STALE};
use crate::life::{become_state, may_become};

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// This; it may be what it was.
    Entry(Box<Entry>),
    /// It is forgotten, for this reason.
    Gone(String),
}

/// EC2 shows it.
pub(super) fn seen(entry: &Entry, eni: &NetworkInterface, known: &Known<'_>, now: u64) -> Change {
    let mut new = entry.clone();
    new.upkeep.unseen = 0;
    facts(&mut new, eni, now);
    complete(&mut new, known);
    if entry.pool.is_none() {
        return Change::Entry(Box::new(new));
    }
    match &eni.attachment {
        Some(attachment) if is_here(attachment, known) => attached(&mut new, attachment, now),
        // Somebody took it to another instance, whose agent looks after it if it is ours at all.
        Some(attachment) if attachment.status != AttachmentStatus::Detached && is_surely_not_here(&new, known) => {
            return Change::Gone("it is on another instance".to_string());
        }
        Some(attachment) if attachment.status != AttachmentStatus::Detached => {}
        _ if eni.status == Status::Available => unattached(&mut new, known, now),
        _ => {}
    }
    Change::Entry(Box::new(new))
}

/// EC2 leaves it out of what is attached.
pub(super) fn not_attached(entry: &Entry, known: &Known<'_>, now: u64) -> Change {
    let mut new = entry.clone();
    if !matches!(entry.state, State::Created | State::Detached | State::Deleting | State::Detaching) {
        unattached(&mut new, known, now);
    }
    Change::Entry(Box::new(new))
}

/// EC2 leaves it out of what it was asked for.
pub(super) fn unseen(entry: &Entry, known: &Known<'_>, now: u64) -> Change {
    let mut new = entry.clone();
    let upkeep = &mut new.upkeep;
    // What was made just now may not be shown yet.
    let is_news = now.saturating_sub(upkeep.since) < APART && matches!(entry.state, State::Created | State::Attaching);
    if !is_news && (upkeep.unseen == 0 || now.saturating_sub(upkeep.unseen_at) >= APART) {
        upkeep.unseen = upkeep.unseen.saturating_add(1);
        upkeep.unseen_at = now;
    }
    if new.upkeep.unseen >= LOOKS && is_surely_not_here(&new, known) {
        return Change::Gone(format!("EC2 has left it out {LOOKS} times"));
    }
    Change::Entry(Box::new(new))
}

/// Neither the host, nor a pod, nor the instance metadata have it, and all of them were asked.
fn is_surely_not_here(entry: &Entry, known: &Known<'_>) -> bool {
    let is_held = known.held.contains_key(&entry.network_interface_id);
    known.links.is_some() && !shows(entry, known) && !is_held && !in_metadata(entry, known)
}

fn is_here(attachment: &InstanceAttachment, known: &Known<'_>) -> bool {
    attachment.instance.as_ref().is_some_and(|instance| instance.as_str() == known.identity.instance)
}

/// The plain facts.
fn facts(entry: &mut Entry, eni: &NetworkInterface, now: u64) {
    entry.tags.clone_from(&eni.tags);
    let upkeep = &mut entry.upkeep;
    upkeep.security_groups = eni.security_groups.iter().map(ToString::to_string).collect();
    upkeep.source_dest_check = Some(eni.source_dest_check);
    if now.saturating_sub(upkeep.addresses_changed_at) >= STALE || upkeep.addresses_changed_at == 0 {
        entry.ipv4_addresses =
            eni.ipv4.iter().map(|one| Ipv4Address { address: one.address, primary: one.primary }).collect();
        entry.ipv6_addresses =
            eni.ipv6.iter().map(|one| Ipv6Address { address: one.address, primary: one.primary }).collect();
    }
}

/// An entry that was made before anything was known of its subnet has none of the CIDRs without which no address can be given.
fn complete(entry: &mut Entry, known: &Known<'_>) {
    let told = subnet_of(&entry.subnet.id, known.subnets, known.metadata.unwrap_or_default());
    entry.subnet.ipv4_cidr = entry.subnet.ipv4_cidr.or(told.ipv4_cidr);
    if entry.subnet.ipv6_cidrs.is_empty() {
        entry.subnet.ipv6_cidrs = told.ipv6_cidrs;
    }
}

/// EC2 has it on this instance, or nearly.
fn attached(entry: &mut Entry, attachment: &InstanceAttachment, now: u64) {
    let age = now.saturating_sub(entry.upkeep.since);
    // An answer from before the detachment looks the same.
    if matches!(entry.state, State::Detached | State::Deleting) && age < STALE {
        return;
    }
    if matches!(attachment.status, AttachmentStatus::Detaching | AttachmentStatus::Other) {
        return;
    }
    entry.device_index = attachment.slot.device_index;
    entry.network_card_index = attachment.slot.network_card_index;
    let upkeep = &mut entry.upkeep;
    upkeep.attachment_id = Some(attachment.id.to_string());
    upkeep.delete_on_termination = Some(attachment.delete_on_termination);
    upkeep.unattached_since = None;
    upkeep.found = false;
    let next = match attachment.status {
        AttachmentStatus::Attached => State::Attached,
        AttachmentStatus::Attaching
        | AttachmentStatus::Detaching
        | AttachmentStatus::Detached
        | AttachmentStatus::Other => State::Attaching,
    };
    let is_late = matches!(entry.state, State::Created | State::Attaching | State::Detached | State::Deleting);
    if is_late && may_become(entry.state, next) {
        let became = become_state(entry, next, now);
        debug_assert!(became.is_ok());
    }
}

/// EC2 has it on no instance.
fn unattached(entry: &mut Entry, known: &Known<'_>, now: u64) {
    let first = *entry.upkeep.unattached_since.get_or_insert(now);
    let is_second = now.saturating_sub(first) >= known.orphan_grace;
    let to = match entry.state {
        // We had it detached, and EC2 has done it.
        State::Detaching => State::Detached,
        State::Created | State::Detached => {
            if is_second {
                entry.upkeep.found = false;
            }
            return;
        }
        // Asked for, and it did not come to it; the answer may be older than the asking.
        State::Attaching if now.saturating_sub(entry.upkeep.since) >= STALE || entry.upkeep.attachment_id.is_none() => {
            State::Created
        }
        State::Attached | State::Ready | State::Cooling | State::InUse | State::Quarantined
            if is_second && is_surely_not_here(entry, known) =>
        {
            State::Detached
        }
        State::Creating
        | State::Attaching
        | State::Attached
        | State::Ready
        | State::Cooling
        | State::InUse
        | State::Quarantined
        | State::Deleting
        | State::Deleted => return,
    };
    if may_become(entry.state, to) {
        let became = become_state(entry, to, now);
        debug_assert!(became.is_ok());
        entry.upkeep.attachment_id = None;
        entry.upkeep.delete_on_termination = None;
        if to != State::Detaching {
            entry.upkeep.unattached_since = None;
        }
    }
}

/// Whether the host's kernel has its link.
fn shows(entry: &Entry, known: &Known<'_>) -> bool {
    known.links.is_some_and(|links| links.iter().any(|link| link.mac_address == Some(entry.mac_address)))
}

fn in_metadata(entry: &Entry, known: &Known<'_>) -> bool {
    let is_it = |one: &ec2::MetadataInterface| one.id.as_str() == entry.network_interface_id.as_str();
    known.metadata.is_none_or(|metadata| metadata.iter().any(is_it))
}
