//! An Event as `events.k8s.io/v1` wants it, which Kubernetes has from 1.19 on.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use serde_json::{Value, json};

use super::home::DEFAULT;
use super::series::Series;
use super::words::words;
use crate::agent::tidings::{About, Tiding};
use crate::api::NodeEni;
use crate::kubernetes::snapshot::{Heard, Known};

/// Who reports; the server wants a qualified name.
const CONTROLLER: &str = "networking.k8s.aws/multi-eni-agent";
/// The server's bounds (`validateV1EventCreate` in `pkg/apis/core/validation/events.go`).
const MOST_NOTE: usize = 1024;
const MOST_INSTANCE: usize = 128;
/// What is left of a name for what an Event's name begins with: a DNS subdomain has 253 letters.
const MOST_NAME: usize = 200;

/// Whose words they are, and what is known of the objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reporter<'a> {
    pub(super) node: &'a str,
    pub(super) known: &'a Known,
}

/// The Event of something that happened for the first time.
pub(super) fn event(tiding: &Tiding, reporter: &Reporter<'_>, now: Timestamp) -> Event {
    let (kind, reason, action) = words(tiding.what);
    let node = reporter.node();
    let (regarding, related, note) = match &tiding.about {
        About::Node => (node, None, tiding.note.clone()),
        // One NodeENI has many nodes.
        About::Pool(pool) => {
            (reporter.node_eni(pool.as_str()), Some(node), format!("{}: {}", reporter.node, tiding.note))
        }
        About::Pod(pod) => {
            let hint = format!(
                "{}; `multi-eni-agent explain {}/{}` on {} says more",
                tiding.note, pod.namespace, pod.name, reporter.node
            );
            let regarding = ObjectReference {
                api_version: Some("v1".to_string()),
                kind: Some("Pod".to_string()),
                namespace: Some(pod.namespace.clone()),
                name: Some(pod.name.clone()),
                uid: pod.uid.clone(),
                ..ObjectReference::default()
            };
            (regarding, Some(node), hint)
        }
    };
    let name = regarding.name.as_deref().unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:016x}", cut(name, MOST_NAME), fastrand::u64(..))),
            namespace: Some(regarding.namespace.clone().unwrap_or_else(|| DEFAULT.to_string())),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(CONTROLLER.to_string()),
        reporting_instance: Some(cut(reporter.node, MOST_INSTANCE).to_string()),
        action: Some(action.to_string()),
        reason: Some(reason.to_string()),
        type_: Some(kind.as_str().to_string()),
        note: Some(cut(&note, MOST_NOTE).to_string()),
        regarding: Some(regarding),
        related,
        ..Event::default()
    }
}

/// What of an Event changes when it happens again.
pub(super) fn series_of(series: Series) -> Value {
    json!({"series": {"count": series.count, "lastObservedTime": MicroTime(series.last)}})
}

impl Reporter<'_> {
    fn node(&self) -> ObjectReference {
        let uid = match &self.known.node {
            Heard::There(node) => Some(node.uid.clone()),
            Heard::Nothing | Heard::Absent => None,
        };
        ObjectReference {
            api_version: Some("v1".to_string()),
            kind: Some("Node".to_string()),
            name: Some(self.node.to_string()),
            uid,
            ..ObjectReference::default()
        }
    }

    fn node_eni(&self, name: &str) -> ObjectReference {
        let object = self.known.node_enis.as_ref().and_then(|all| all.get(name));
        ObjectReference {
            api_version: Some(NodeEni::api_version(&()).into_owned()),
            kind: Some(NodeEni::kind(&()).into_owned()),
            name: Some(name.to_string()),
            uid: object.map(|object| object.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
