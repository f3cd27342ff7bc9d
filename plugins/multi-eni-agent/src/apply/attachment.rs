//! ENIs to the instance, and from it.

use ec2::{Class, Force, Slot};
use node::fault;
use node::inventory::{Entry, State};
use node::names::EniId;

use super::policy::Policy;
use super::report::{Effect, Report};
use crate::agent::clock::Clock;
use crate::agent::ledger;
use crate::agent::site::{Facts, Site};
use crate::kernel::{ArrivalWish, Machine};
use crate::life;
use crate::observe::{Hold, Verb, network_interface_id};
use crate::seen::metrics::Outcome;

/// Attaches an ENI at this place.
pub(super) async fn attach<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    facts: &Facts,
    eni: &EniId,
    slot: Slot,
) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Attach);
    let (Some(instance), Ok(id)) = (&facts.instance, network_interface_id(eni)) else {
        return Report::of_machine(hold, "instance", "the instance is not known yet".to_string());
    };
    let now = site.clock.now();
    let intent = site.ledger.change(eni, |entry| {
        life::become_state(entry, State::Attaching, now)?;
        (entry.network_card_index, entry.device_index) = (slot.network_card_index, slot.device_index);
        entry.upkeep.attachment_id = None;
        entry.upkeep.delete_on_termination = None;
        // Where it sat at another time, it need not sit now.
        (entry.pci_address, entry.original_driver, entry.seen) = (None, None, None);
        Ok(())
    });
    if let Err(error) = intent.await {
        return Report::unwritten(hold, &error);
    }
    fault::point("an ENI is about to be attached");
    let answer = site.cloud.attach(&id, instance, slot).await;
    fault::point("an ENI is attached and its attachment not yet written down");
    match answer {
        Ok(attachment) => {
            log::info!("attached {eni} at {slot}");
            let written = site.ledger.change(eni, |entry| {
                entry.upkeep.attachment_id = Some(attachment.to_string());
                // What EC2 makes of an attachment by itself (AttachNetworkInterface, "Termination behavior").
                entry.upkeep.delete_on_termination = Some(false);
                Ok(())
            });
            let asked = Effect::Asked(eni.clone());
            match written.await {
                Ok(_) => Report::done([asked, Effect::Cleared(hold), Effect::Cleared(Hold::Growth)]),
                Err(error) => Report::unwritten(hold, &error).and(asked).and(Effect::Doubtful(eni.clone())),
            }
        }
        Err(error) => not_attached(site, eni, slot, &error).await,
    }
}

/// What was certainly not done is taken back; of all else EC2 is asked.
async fn not_attached<C: ec2::Cloud, M: Machine, K: Clock>(
    site: &Site<C, M, K>,
    eni: &EniId,
    slot: Slot,
    error: &ec2::Error,
) -> Report {
    site.metrics.attachment_failed(error.class.as_str());
    let hold = Hold::Cloud(eni.clone(), Verb::Attach);
    let report = match error.is_slot_taken() {
        // Another place is tried soon; that they are all refused must not become a storm of calls.
        true => Report::refused_as(hold.clone(), Class::InUse, error).and(Effect::SlotTaken(slot)),
        false => Report::refused(hold.clone(), error),
    };
    let report = match error.class {
        Class::Limit if error.is_of_this_eni() => report,
        Class::Limit => {
            let failed = Report::refused(Hold::Growth, error);
            failed.effects.into_iter().fold(report, Report::and)
        }
        Class::Transient | Class::Unknown | Class::InUse => return report.and(Effect::Doubtful(eni.clone())),
        Class::NotFound => report.and(Effect::Doubtful(eni.clone())),
        Class::Throttled | Class::Capacity | Class::Denied | Class::Misconfigured => report,
    };
    let now = site.clock.now();
    let back = site.ledger.change(eni, |entry| match entry.state {
        State::Attaching => life::become_state(entry, State::Created, now),
        _ => Ok(()),
    });
    match back.await {
        Ok(_) => report,
        Err(error) => Report::unwritten(hold, &error),
    }
}

/// Takes an ENI out of what may be claimed, and has it detached; never by force.
pub(super) async fn detach<C: ec2::Cloud, M: Machine, K: Clock>(site: &Site<C, M, K>, eni: &EniId) -> Report {
    let hold = Hold::Cloud(eni.clone(), Verb::Detach);
    let waited = |waited| site.metrics.lock_waited("claim", waited);
    let entry = match site.ledger.take_out(eni, site.clock.now(), waited).await {
        Ok(entry) => entry,
        // Somebody was faster: that is what the lock is for.
        Err(ledger::Error::Held { eni, held }) => {
            log::debug!("{eni} is not detached: it is {held}");
            return Report { outcome: Outcome::Failed("held"), effects: vec![soon(hold, format!("{eni} is {held}"))] };
        }
        Err(error) => return Report::unwritten(hold, &error),
    };
    if let Some(device) = entry.pci_address
        && site.machine.look_at(device).is_some_and(|seen| seen.is_for_user_space())
        && let Err(error) = site.machine.take_back(&wish_for_home(&entry)).await
    {
        // EC2 would wait for whoever has it, and so would the kernel.
        return Report::of_kernel(hold, &error);
    }
    let attachment = entry.upkeep.attachment_id.as_deref().and_then(|id| id.parse().ok());
    let (Some(attachment), Ok(id)) = (attachment, network_interface_id(eni)) else {
        let why = format!("the attachment of {eni} is not known: EC2 is asked for it");
        return Report::done([soon(hold, why), Effect::Unasked(eni.clone()), Effect::Doubtful(eni.clone())]);
    };
    fault::point("an ENI is about to be detached");
    let answer = site.cloud.detach(&id, &attachment, Force::No).await;
    fault::point("an ENI is being detached");
    match answer {
        Ok(()) => {
            log::info!("detaching {eni}");
            Report::done([Effect::Asked(eni.clone()), Effect::Cleared(hold)])
        }
        Err(error) => {
            // It is asked again, unless EC2 says meanwhile that it is off.
            let report = Report::refused(hold, &error).and(Effect::Unasked(eni.clone()));
            match error.class {
                Class::NotFound | Class::InUse | Class::Transient | Class::Unknown => {
                    report.and(Effect::Doubtful(eni.clone()))
                }
                Class::Throttled | Class::Capacity | Class::Limit | Class::Denied | Class::Misconfigured => report,
            }
        }
    }
}

/// Its link on the host, for the moments until it is gone.
fn wish_for_home(entry: &Entry) -> ArrivalWish {
    ArrivalWish { entry: entry.clone(), name: entry.network_interface_id.fallback_name(), mtu: None }
}

fn soon(hold: Hold, reason: String) -> Effect {
    Effect::Failed { hold, policy: Policy::of_machine(), reason }
}
