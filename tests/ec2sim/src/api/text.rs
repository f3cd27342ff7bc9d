//! Enumerations as EC2 writes them.

use crate::record::{AttachmentStatus, EniStatus, InstanceState};

pub(crate) fn eni_status(status: EniStatus) -> &'static str {
    match status {
        EniStatus::Pending => "pending",
        EniStatus::Available => "available",
        EniStatus::Attaching => "attaching",
        EniStatus::InUse => "in-use",
        EniStatus::Detaching => "detaching",
    }
}

pub(crate) fn attachment_status(status: AttachmentStatus) -> &'static str {
    match status {
        AttachmentStatus::Attaching => "attaching",
        AttachmentStatus::Attached => "attached",
        AttachmentStatus::Detaching => "detaching",
    }
}

/// Name and code (`InstanceState` of the API reference).
pub(crate) fn instance_state(state: InstanceState) -> (&'static str, u16) {
    match state {
        InstanceState::Running => ("running", 16),
        InstanceState::ShuttingDown => ("shutting-down", 32),
        InstanceState::Terminated => ("terminated", 48),
    }
}
