//! What happened, in Kubernetes' words. Where aws-multi-eni-controller has a word for it, it is that one.

use crate::agent::tidings::What;

/// Whether people should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Warning,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// An Event's `type`, `reason` and `action`.
pub(super) fn words(what: What) -> (Kind, &'static str, &'static str) {
    use Kind::{Normal, Warning};
    match what {
        What::CreationFailed => (Warning, "ENICreationFailed", "Create"),
        What::Attached => (Normal, "ENIAttached", "Attach"),
        What::AttachmentFailed => (Warning, "ENIAttachmentFailed", "Attach"),
        What::Adopted => (Normal, "ENIAdopted", "Adopt"),
        What::AdoptionFailed => (Warning, "ENIAdoptionFailed", "Adopt"),
        What::Detached => (Normal, "ENIDetached", "Detach"),
        What::DetachmentFailed => (Warning, "ENIDetachmentFailed", "Detach"),
        What::Deleted => (Normal, "ENIDeleted", "Delete"),
        What::DeletionFailed => (Warning, "ENIDeletionFailed", "Delete"),
        What::AlreadyDeleted => (Normal, "ENIAlreadyDeleted", "Forget"),
        What::OutOfOrder => (Warning, "ENIOutOfOrder", "SetAside"),
        What::Bound => (Normal, "DPDKBound", "Bind"),
        What::BindFailed => (Warning, "DPDKBindFailed", "Bind"),
        What::Unbound => (Normal, "DPDKUnbound", "Unbind"),
        What::UnbindFailed => (Warning, "DPDKUnbindFailed", "Unbind"),
        What::LimitReached => (Warning, "ENILimitReached", "Attach"),
        What::PluginDied => (Warning, "CNIPluginDied", "Serve"),
        What::Waits => (Normal, "WaitingForENI", "Acquire"),
        What::Refused => (Warning, "ENIRefused", "Acquire"),
    }
}
