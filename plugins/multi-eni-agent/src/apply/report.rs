//! What came of an action, for the loop's memory.

use ec2::{Class, SecurityGroupId, Slot};
use node::names::EniId;
use node::record::Owner;

use super::policy::{self, Policy};
use crate::agent::ledger;
use crate::kernel;
use crate::observe::Hold;
use crate::seen::metrics::Outcome;

/// Something that the loop remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It failed: this is held back.
    Failed { hold: Hold, policy: Policy, reason: String },
    /// It did not fail this time.
    Cleared(Hold),
    /// EC2 was asked to attach or detach it.
    Asked(EniId),
    /// EC2 was not asked, or did not do it.
    Unasked(EniId),
    /// EC2 says that somebody is there.
    SlotTaken(Slot),
    /// Only EC2 knows how it is.
    Doubtful(EniId),
    /// EC2's word on the subnet's free addresses is not true any more.
    SubnetStale(String),
    /// EC2 does not know one of these security groups: a name may mean another one by now.
    GroupsStale(Vec<SecurityGroupId>),
    /// Its attachment is not gone, or is gone for good.
    Settled(Owner),
    /// The host's links were changed.
    LinksChanged,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) effects: Vec<Effect>,
}

impl Report {
    pub(crate) fn done(effects: impl IntoIterator<Item = Effect>) -> Self {
        Self { outcome: Outcome::Done, effects: effects.into_iter().collect() }
    }

    /// Failed for what EC2 said.
    pub(crate) fn refused(hold: Hold, error: &ec2::Error) -> Self {
        Self::refused_as(hold, error.class, error)
    }

    /// The same where the code means something of another class here.
    pub(crate) fn refused_as(hold: Hold, class: Class, error: &ec2::Error) -> Self {
        let failed = Effect::Failed { hold, policy: Policy::of(class), reason: policy::reason(error) };
        Self { outcome: failed_with(error.class), effects: vec![failed] }
    }

    /// Failed for the node's own records.
    pub(crate) fn unwritten(hold: Hold, error: &ledger::Error) -> Self {
        Self::of_machine(hold, "records", policy::reason(error))
    }

    /// Failed for the kernel.
    pub(crate) fn of_kernel(hold: Hold, error: &kernel::Error) -> Self {
        Self::of_machine(hold, "kernel", policy::reason(error))
    }

    /// Failed for something of this machine.
    pub(crate) fn of_machine(hold: Hold, class: &'static str, reason: String) -> Self {
        let failed = Effect::Failed { hold, policy: Policy::of_machine(), reason };
        Self { outcome: Outcome::Failed(class), effects: vec![failed] }
    }

    pub(crate) fn and(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// A failure of this class.
pub(crate) fn failed_with(class: Class) -> Outcome {
    Outcome::Failed(class.as_str())
}
