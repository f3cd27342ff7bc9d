//! Where the Events of objects without a namespace are. It is `default`, where `kubectl describe` looks for them; servers before 1.21
//! take an Event of `events.k8s.io` about such an object in `kube-system` alone (kubernetes/kubernetes#100125).

use k8s_openapi::api::events::v1::Event;

/// Where they are as a rule.
pub(super) const DEFAULT: &str = "default";
/// Where older servers want them.
const SYSTEM: &str = "kube-system";

/// Where this server wants them, as far as it has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home(&'static str);

impl Default for Home {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl Home {
    /// Puts an Event there, if its object has no namespace.
    pub(super) fn take_in(self, event: &mut Event) {
        if is_homeless(event) {
            event.metadata.namespace = Some(self.0.to_string());
        }
    }

    /// The server has taken this one.
    pub(super) fn served(&mut self, event: &Event) {
        if is_homeless(event) {
            *self = if event.metadata.namespace.as_deref() == Some(SYSTEM) { Self(SYSTEM) } else { Self(DEFAULT) };
        }
    }

    /// Whether one that was found invalid may be right in the other namespace.
    pub(super) fn may_be_another(event: &Event) -> bool {
        is_homeless(event) && event.metadata.namespace.as_deref() == Some(DEFAULT)
    }

    /// Of older servers.
    pub(super) fn of_older_servers() -> Self {
        Self(SYSTEM)
    }
}

fn is_homeless(event: &Event) -> bool {
    event.regarding.as_ref().is_some_and(|object| object.namespace.is_none())
}
