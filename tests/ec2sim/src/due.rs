//! What EC2 does later by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{AttachmentId, EniId, InstanceId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// A new ENI becomes available.
    Available(EniId),
    /// The machine shows the NIC.
    Plug(EniId, AttachmentId),
    /// udev renames its link.
    Rename(EniId, AttachmentId),
    /// The attachment is complete.
    Attached(EniId, AttachmentId),
    /// The machine loses the NIC.
    Unplug(EniId, AttachmentId),
    /// The attachment is gone.
    Detached(EniId, AttachmentId),
    /// An instance has ended.
    Terminated(InstanceId),
}

/// The things to come by their time; of one time, in the order they were planned.
#[derive(Debug, Default)]
pub(crate) struct Dues {
    queue: BTreeMap<(Duration, u64), Due>,
    planned: u64,
}

impl Dues {
    pub(crate) fn plan(&mut self, at: Duration, due: Due) {
        self.planned += 1;
        self.queue.insert((at, self.planned), due);
    }

    /// The next one that is due, with its time.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<(Duration, Due)> {
        let first = self.queue.first_entry()?;
        let (at, _) = *first.key();
        (at <= now).then(|| (at, first.remove()))
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }
}
