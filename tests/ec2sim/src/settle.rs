//! The transitions that EC2 makes by itself, when their time has come.

use std::time::Duration;

use crate::cloud::Inner;
use crate::due::Due;
use crate::facts;
use crate::hardware::{Effect, Nic};
use crate::ids::{AttachmentId, EniId, InstanceId};
use crate::record::{AttachmentRecord, AttachmentStatus, EniRecord, InstanceState};

pub(crate) fn settle(inner: &mut Inner, now: Duration) {
    while let Some((at, due)) = inner.dues.pop(now) {
        // What happened between is history at its own time.
        inner.history.commit(&mut inner.state, at);
        happen(inner, due);
        inner.history.commit(&mut inner.state, at);
    }
}

fn happen(inner: &mut Inner, due: Due) {
    match due {
        Due::Available(eni) => {
            // Deleted meanwhile, it is none.
            inner.state.change_eni(&eni, |record| record.pending = false).unwrap_or_default();
        }
        Due::Plug(eni, attachment) => {
            // Detached before the machine has seen it, it never does.
            let there = |at: &mut AttachmentRecord| {
                at.plugged = at.status != AttachmentStatus::Detaching;
                at.plugged
            };
            if on(inner, &eni, &attachment, there) == Some(true) {
                effect(inner, &eni, Effect::Plug, kernel_name);
            }
        }
        Due::Rename(eni, attachment) => {
            if on(inner, &eni, &attachment, |at| at.plugged) == Some(true) {
                effect(inner, &eni, Effect::Rename, host_name);
            }
        }
        Due::Attached(eni, attachment) => {
            on(inner, &eni, &attachment, |at| {
                if at.status == AttachmentStatus::Attaching {
                    at.status = AttachmentStatus::Attached;
                }
            })
            .unwrap_or_default();
        }
        Due::Unplug(eni, attachment) => unplug(inner, &eni, &attachment),
        Due::Detached(eni, attachment) => {
            unplug(inner, &eni, &attachment);
            if on(inner, &eni, &attachment, |_| ()).is_some() {
                inner.state.change_eni(&eni, |record| record.attachment = None).unwrap_or_default();
            }
        }
        Due::Terminated(instance) => terminated(inner, &instance),
    }
}

fn unplug(inner: &mut Inner, eni: &EniId, attachment: &AttachmentId) {
    if on(inner, eni, attachment, |at| std::mem::take(&mut at.plugged)) == Some(true) {
        effect(inner, eni, Effect::Unplug, host_name);
    }
}

/// An instance's ENIs end with it if they are so marked, and are free otherwise
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html>, "Termination behavior").
fn terminated(inner: &mut Inner, instance: &InstanceId) {
    if let Some(record) = inner.state.instances.get_mut(instance) {
        record.state = InstanceState::Terminated;
    }
    let enis: Vec<EniId> = inner.state.index().at(instance).map(|(_, id)| id.clone()).collect();
    for eni in enis {
        let Ok(record) = inner.state.eni(&eni) else { continue };
        let Some(at) = record.attachment.clone() else { continue };
        unplug(inner, &eni, &at.id);
        if at.delete_on_termination {
            inner.state.remove_eni(&eni);
        } else {
            inner.state.change_eni(&eni, |record| record.attachment = None).unwrap_or_default();
        }
    }
}

/// Does something to an attachment that still is the one that was meant.
fn on<T>(
    inner: &mut Inner,
    eni: &EniId,
    attachment: &AttachmentId,
    change: impl FnOnce(&mut AttachmentRecord) -> T,
) -> Option<T> {
    let same = |record: &EniRecord| record.attachment.as_ref().is_some_and(|at| at.id == *attachment);
    inner.state.eni(eni).ok().filter(|record| same(record))?;
    inner.state.change_eni(eni, |record| record.attachment.as_mut().map(change)).ok().flatten()
}

pub(crate) fn effect(inner: &mut Inner, eni: &EniId, kind: fn(Nic) -> Effect, name: fn(&AttachmentRecord) -> String) {
    let Ok(facts) = facts::eni(&inner.state, eni) else { return };
    let link_name = inner.state.eni(eni).ok().and_then(|record| record.attachment.as_ref()).map(name);
    inner.effects.push_back(kind(Nic { eni: facts, link_name: link_name.unwrap_or_default() }));
}

/// The name that the driver asks for, `eth%d` (`alloc_etherdev_mqs`, net/ethernet/eth.c), as it falls on a machine whose
/// links are in the order of their slots.
fn kernel_name(at: &AttachmentRecord) -> String {
    format!("eth{}", at.card * 100 + at.index)
}

pub(crate) fn host_name(at: &AttachmentRecord) -> String {
    at.host_name.clone()
}
