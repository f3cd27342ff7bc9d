//! What the loop tells others of what happened: how actions and requests ended, for those who show it to people. Nobody who listens
//! makes it wait, and what nobody takes in time is counted and lost.

use std::sync::Arc;

use node::inventory::State;
use node::names::{EniId, PoolName};
use node::record::Pod;
use tokio::sync::{mpsc, watch};

use super::requests::Told;
use crate::apply::Effect;
use crate::apply::policy::ENI_LIMIT;
use crate::observe::{Hold, Subject};
use crate::plan::Action;
use crate::seen::metrics::{Metrics, Outcome};
use crate::view::Status;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tiding {
    pub(crate) about: About,
    pub(crate) what: What,
    /// The ENI of the pool that it happened to, if it was one: what happens to it again is the same tiding.
    pub(crate) eni: Option<EniId>,
    /// For people, in one line.
    pub(crate) note: String,
}

/// What it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    Pool(PoolName),
    Pod(Pod),
    Node,
}

/// What happened, one of a few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    CreationFailed,
    Attached,
    AttachmentFailed,
    Adopted,
    AdoptionFailed,
    Detached,
    DetachmentFailed,
    Deleted,
    DeletionFailed,
    AlreadyDeleted,
    OutOfOrder,
    Bound,
    BindFailed,
    Unbound,
    UnbindFailed,
    LimitReached,
    PluginDied,
    Waits,
    Refused,
}

/// What is told when an action ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tells {
    pool: PoolName,
    eni: Option<EniId>,
    done: Option<(What, String)>,
    failed: Option<What>,
}

/// What is told of this action, of a pool that its action or its ENI names.
pub(crate) fn of(action: &Action, pool: Option<&PoolName>) -> Option<Tells> {
    let done = |what, words: String| Some((what, words));
    let (done, failed) = match action {
        Action::Create(_) | Action::CreateAgain(_) => (None, Some(What::CreationFailed)),
        Action::Attach { eni, slot } => {
            (done(What::Attached, format!("attached {eni} at {slot}")), Some(What::AttachmentFailed))
        }
        Action::Adopt { eni, .. } => {
            (done(What::Adopted, format!("adopted {eni} of the original controller")), Some(What::AdoptionFailed))
        }
        Action::Detach { eni } => (done(What::Detached, format!("EC2 detaches {eni}")), Some(What::DetachmentFailed)),
        Action::Delete { eni } => (done(What::Deleted, format!("deleted {eni}")), Some(What::DeletionFailed)),
        Action::Forget { eni, why } => (done(What::AlreadyDeleted, format!("{eni} is gone: {why}")), None),
        Action::HandOver { eni } => (done(What::Bound, format!("bound {eni} to vfio-pci")), Some(What::BindFailed)),
        Action::TakeBack { eni, .. } => {
            (done(What::Unbound, format!("unbound {eni} from vfio-pci")), Some(What::UnbindFailed))
        }
        Action::Mark { eni, state: State::Quarantined, why } => {
            (done(What::OutOfOrder, format!("{eni} is out of order and left alone: {why}")), None)
        }
        Action::Modify { .. }
        | Action::Tag { .. }
        | Action::AssignIpv4 { .. }
        | Action::AssignIpv6 { .. }
        | Action::UnassignIpv4 { .. }
        | Action::UnassignIpv6 { .. }
        | Action::Arrive { .. }
        | Action::LookAfter { .. }
        | Action::Note { .. }
        | Action::Mark { .. }
        | Action::Release { .. }
        | Action::ReleaseAddresses { .. } => return None,
    };
    let eni = match action.subject() {
        Some(Subject::Cloud(eni) | Subject::Link(eni)) => Some(eni),
        Some(Subject::Creation(_) | Subject::Attachment(_) | Subject::AddressUse(_)) | None => None,
    };
    Some(Tells { pool: pool?.clone(), eni, done, failed })
}

impl Tells {
    /// How it ended.
    pub(crate) fn ended(&self, outcome: Outcome, effects: &[Effect]) -> Option<Tiding> {
        let (what, note) = match outcome {
            Outcome::Done => self.done.clone()?,
            // Somebody was faster, as may be.
            Outcome::Failed("held") => return None,
            Outcome::Failed(_) => (self.failed?, reason(effects)?),
        };
        Some(Tiding { about: About::Pool(self.pool.clone()), what, eni: self.eni.clone(), note })
    }
}

fn reason(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| match effect {
        Effect::Failed { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

/// What is the node's, whatever pool the action was for.
pub(crate) fn of_node(effects: &[Effect]) -> Option<Tiding> {
    effects.iter().find_map(|effect| match effect {
        Effect::Failed { hold: Hold::Growth, policy, reason } if policy.code == ENI_LIMIT => {
            Some(Tiding { about: About::Node, what: What::LimitReached, eni: None, note: reason.clone() })
        }
        _ => None,
    })
}

/// A plugin died.
pub(crate) fn of_death(words: &str) -> Tiding {
    Tiding { about: About::Node, what: What::PluginDied, eni: None, note: words.to_string() }
}

/// A request that was told no, or waits for long.
pub(crate) fn of_request(told: Told) -> Tiding {
    match told {
        Told::Waits { pod, note } => Tiding { about: About::Pod(pod), what: What::Waits, eni: None, note },
        Told::Refused { pod, note } => Tiding { about: About::Pod(pod), what: What::Refused, eni: None, note },
    }
}

/// Those who are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listeners {
    /// How the node is, after each pass; only the newest counts.
    pub(crate) status: Option<watch::Sender<Option<Arc<Status>>>>,
    pub(crate) tidings: Option<mpsc::Sender<Tiding>>,
}

impl Listeners {
    pub(super) fn show(&self, status: Status) {
        if let Some(sender) = &self.status {
            sender.send_replace(Some(Arc::new(status)));
        }
    }

    pub(super) fn tell(&self, tiding: Tiding, metrics: &Metrics) {
        let Some(sender) = &self.tidings else { return };
        if sender.try_send(tiding).is_err() {
            metrics.event("dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Report;
    use ec2::{Class, Code, Error, Slot};

    fn attach() -> Tells {
        let slot = Slot { network_card_index: 0, device_index: 2 };
        let action = Action::Attach { eni: "eni-0000000a".parse().unwrap(), slot };
        of(&action, Some(&"data".parse().unwrap())).unwrap()
    }

    #[test]
    fn an_attachment_that_was_made_is_told_and_one_that_was_refused_with_the_reason() {
        let done = attach().ended(Outcome::Done, &[]).unwrap();
        assert_eq!((done.what, done.about), (What::Attached, About::Pool("data".parse().unwrap())));
        assert!(done.note.contains("eni-0000000a"), "{}", done.note);
        let error = Error::new(ec2::Action::AttachNetworkInterface, Code::AttachmentLimitExceeded);
        assert_eq!(error.class, Class::Limit);
        let report = Report::refused(Hold::Growth, &error);
        let failed = attach().ended(report.outcome, &report.effects).unwrap();
        assert_eq!(failed.what, What::AttachmentFailed);
        assert!(failed.note.contains("AttachmentLimitExceeded"), "{}", failed.note);
        assert_eq!(of_node(&report.effects).unwrap().what, What::LimitReached);
    }

    #[test]
    fn that_a_plugin_was_faster_is_no_news() {
        let report = Report::of_machine(Hold::Growth, "held", "somebody has it".to_string());
        assert_eq!(attach().ended(report.outcome, &report.effects), None);
    }

    #[test]
    fn what_an_agent_does_all_day_is_not_told() {
        let pool = "data".parse().unwrap();
        let eni = || "eni-0000000a".parse().unwrap();
        let rests = Action::Mark { eni: eni(), state: State::Cooling, why: String::new() };
        for action in [rests, Action::AssignIpv4 { eni: eni(), count: 1 }] {
            assert_eq!(of(&action, Some(&pool)), None);
        }
    }

    #[tokio::test]
    async fn who_does_not_listen_in_time_misses_it_and_that_is_counted() {
        let (sender, mut receiver) = mpsc::channel(1);
        let (listeners, metrics) =
            (Listeners { tidings: Some(sender), ..Listeners::default() }, Metrics::new("test", &[]));
        listeners.tell(of_death("first"), &metrics);
        listeners.tell(of_death("second"), &metrics);
        assert_eq!(receiver.recv().await.unwrap().note, "first");
        assert!(metrics.text().contains("multi_eni_events_total{result=\"dropped\"} 1"), "{}", metrics.text());
    }
}
