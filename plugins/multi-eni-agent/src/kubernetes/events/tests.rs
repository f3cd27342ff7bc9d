//! What the API server is asked to write, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use node::record::Pod;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::{MOST_WAITING, Writer};
use crate::agent::tidings::{About, Tiding, What};
use crate::kubernetes::node::ThisNode;
use crate::kubernetes::node_eni::{Managed, NodeEniObject};
use crate::kubernetes::scripted::{Answer, Call, Scripted};
use crate::kubernetes::snapshot::{Heard, Known};
use crate::seen::metrics::Metrics;

const IN_DEFAULT: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

struct Node {
    api: Scripted,
    tidings: mpsc::Sender<Tiding>,
    metrics: Metrics,
    _known: watch::Sender<Known>,
}

impl Node {
    fn new() -> Self {
        let (api, metrics) = (Scripted::default(), Metrics::new("test", &[]));
        let object = NodeEniObject {
            uid: "uid-of-data".to_string(),
            generation: Some(1),
            is_deleted: false,
            managed: Managed::Yes,
            spec: None,
        };
        let known = Known {
            node_enis: Some(Arc::new([("data".to_string(), object)].into())),
            node: Heard::There(Arc::new(ThisNode { uid: "uid-of-node".to_string(), ..ThisNode::default() })),
            ..Known::default()
        };
        let (known, told) = watch::channel(known);
        let (tidings, receiver) = mpsc::channel(MOST_WAITING);
        let writer = Writer { client: api.client(), node: "node-1".to_string(), metrics: metrics.clone() };
        tokio::spawn(writer.run(receiver, told));
        Self { api, tidings, metrics, _known: known }
    }

    fn tell(&self, tiding: Tiding) {
        self.tidings.try_send(tiding).unwrap();
    }

    async fn rest(&self) {
        sleep(Duration::from_millis(100)).await;
    }

    fn events(&self) -> Vec<Value> {
        self.api.objects("/apis/events.k8s.io/v1/")
    }

    fn counted(&self, result: &str) -> bool {
        self.metrics.text().contains(&format!("multi_eni_events_total{{result=\"{result}\"}}"))
    }
}

fn of_pool(what: What, eni: u32, note: &str) -> Tiding {
    let eni = format!("eni-{eni:017x}").parse().ok();
    Tiding { about: About::Pool("data".parse().unwrap()), what, eni, note: note.to_string() }
}

fn of_pod(name: &str, what: What) -> Tiding {
    let pod = Pod { namespace: "red".into(), name: name.into(), uid: Some(format!("uid-of-{name}")) };
    Tiding { about: About::Pod(pod), what, eni: None, note: "pool data has no free ENI".to_string() }
}

fn ways(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.method.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_attached_eni_is_an_event_of_its_node_eni_as_the_original_had_it() {
    let node = Node::new();
    node.tell(of_pool(What::Attached, 1, "attached eni-00000000000000001 at 0/1"));
    node.rest().await;
    let calls = node.api.take_calls();
    assert_eq!(ways(&calls), ["POST"]);
    assert!(calls[0].path.starts_with(IN_DEFAULT), "an object without a namespace has its Events in default");
    let mut event = calls[0].body.clone();
    let name = event["metadata"]["name"].take();
    assert!(name.as_str().unwrap().starts_with("data."), "{name}");
    let time = event["eventTime"].take();
    assert_eq!(time.as_str().unwrap().len(), "2025-11-25T07:33:56.000000Z".len());
    let expected = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": null, "namespace": "default"},
        "eventTime": null, "type": "Normal", "reason": "ENIAttached", "action": "Attach",
        "note": "node-1: attached eni-00000000000000001 at 0/1",
        "reportingController": "networking.k8s.aws/multi-eni-agent", "reportingInstance": "node-1",
        "regarding": {"apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI", "name": "data", "uid": "uid-of-data"},
        "related": {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "uid-of-node"},
    });
    assert_eq!(event, expected);
}

#[tokio::test(start_paused = true)]
async fn a_server_before_1_21_gets_the_events_of_objects_without_a_namespace_where_it_takes_them() {
    let node = Node::new();
    node.api.answer([Answer::Code(422)]);
    node.tell(of_pool(What::Attached, 1, "attached"));
    node.rest().await;
    node.tell(of_pool(What::Detached, 1, "detached"));
    node.tell(of_pod("web-0", What::Refused));
    node.rest().await;
    let calls = node.api.take_calls();
    let places: Vec<_> = calls.iter().map(|call| call.body["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(places, ["default", "kube-system", "kube-system", "red"]);
    assert!(calls[1].path.starts_with("/apis/events.k8s.io/v1/namespaces/kube-system/events"), "{}", calls[1].path);
    assert!(!node.counted("refused") && node.events().len() == 3);
}

#[tokio::test(start_paused = true)]
async fn what_no_server_takes_is_refused_once_and_moves_no_other() {
    let node = Node::new();
    node.api.answer([Answer::Code(422), Answer::Code(422)]);
    node.tell(of_pool(What::Attached, 1, "attached"));
    node.rest().await;
    assert!(node.counted("refused"));
    node.tell(of_pool(What::Detached, 1, "detached"));
    node.rest().await;
    assert!(node.api.take_calls().pop().unwrap().path.starts_with(IN_DEFAULT));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_waits_and_one_that_is_refused_have_events_in_their_namespace() {
    let node = Node::new();
    node.tell(of_pod("web-0", What::Waits));
    node.tell(of_pod("web-1", What::Refused));
    node.rest().await;
    let calls = node.api.take_calls();
    let told: Vec<_> = calls.iter().map(|call| (call.body["reason"].as_str(), call.body["type"].as_str())).collect();
    assert_eq!(told, [(Some("WaitingForENI"), Some("Normal")), (Some("ENIRefused"), Some("Warning"))]);
    for call in &calls {
        assert!(call.path.starts_with("/apis/events.k8s.io/v1/namespaces/red/events"), "{}", call.path);
        assert_eq!(call.body["regarding"]["kind"], "Pod");
        assert!(call.body["note"].as_str().unwrap().contains("multi-eni-agent explain red/web-"), "{}", call.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_goes_on_is_one_event_whose_count_is_written_now_and_then() {
    let node = Node::new();
    for again in 0..60 {
        // EC2's words have an id of its own in them.
        node.tell(of_pool(What::AttachmentFailed, 1, &format!("IncorrectState, request {again}")));
        sleep(Duration::from_secs(60)).await;
    }
    let calls = node.api.take_calls();
    assert_eq!(ways(&calls)[..2], ["POST", "PATCH"]);
    assert!((8..=13).contains(&calls.len()), "an hour, and {} requests", calls.len());
    let events = node.events();
    assert_eq!(events.len(), 1);
    assert!(events[0]["series"]["count"].as_u64().unwrap() >= 50, "{}", events[0]);
    assert!(node.counted("folded"));
}

#[tokio::test(start_paused = true)]
async fn the_same_of_another_eni_is_another_event() {
    let node = Node::new();
    for eni in 1..=3 {
        node.tell(of_pool(What::Attached, eni, "attached"));
    }
    node.rest().await;
    assert_eq!(node.events().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_server_has_forgotten_is_written_anew() {
    let node = Node::new();
    node.tell(of_pool(What::AttachmentFailed, 1, "no"));
    node.rest().await;
    let name = node.events()[0]["metadata"]["name"].as_str().unwrap().to_string();
    node.api.delete(&format!("{IN_DEFAULT}/{name}"));
    node.tell(of_pool(What::AttachmentFailed, 1, "no"));
    sleep(Duration::from_secs(310)).await;
    node.tell(of_pool(What::AttachmentFailed, 1, "no"));
    node.rest().await;
    assert_eq!(ways(&node.api.take_calls()), ["POST", "PATCH", "POST"]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_let_through_in_part_and_the_rest_is_counted() {
    let node = Node::new();
    for pod in 0..200 {
        node.tell(of_pod(&format!("web-{pod}"), What::Refused));
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(node.events().len(), 25);
    assert!(node.counted("dropped"), "{}", node.metrics.text());
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_server_was_away_is_written_when_it_is_back() {
    let node = Node::new();
    node.api.set_away(true);
    for eni in 1..=3 {
        node.tell(of_pool(What::Attached, eni, "attached"));
    }
    sleep(Duration::from_secs(3600)).await;
    assert!(node.api.take_calls().len() < 200);
    node.api.set_away(false);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(node.events().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_makes_no_second_event() {
    let node = Node::new();
    node.api.answer([Answer::Lost, Answer::Code(409)]);
    node.tell(of_pool(What::Attached, 1, "attached"));
    sleep(Duration::from_secs(60)).await;
    assert_eq!((node.events().len(), node.api.take_calls().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_refused_holds_up_no_other() {
    let node = Node::new();
    // As in a namespace that is being deleted.
    node.api.answer([Answer::Code(403), Answer::Code(404), Answer::Code(422), Answer::Later(429, 5)]);
    for pod in 0..5 {
        node.tell(of_pod(&format!("web-{pod}"), What::Refused));
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!((node.events().len(), node.api.take_calls().len()), (2, 6));
    assert!(node.counted("refused"));
}

#[tokio::test(start_paused = true)]
async fn one_that_the_server_always_fails_with_holds_up_no_other() {
    let node = Node::new();
    // As a webhook that looks at one namespace and is down.
    node.api.set_broken(Some("/apis/events.k8s.io/v1/namespaces/red/"));
    node.tell(of_pod("web-0", What::Refused));
    node.rest().await;
    for eni in 1..=3 {
        node.tell(of_pool(What::Attached, eni, "attached"));
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(node.events().len(), 3);
    node.api.take_calls();
    sleep(Duration::from_secs(3600)).await;
    let tries = node.api.take_calls().len();
    assert!((10..=24).contains(&tries), "{tries} tries in an hour");
    node.api.set_broken(None);
    sleep(Duration::from_secs(400)).await;
    assert_eq!(node.events().len(), 4);
}

#[test]
fn every_reason_is_one_that_the_server_takes_and_a_person_can_look_for() {
    use super::words::words;
    let all = [
        What::CreationFailed,
        What::Attached,
        What::AttachmentFailed,
        What::Adopted,
        What::AdoptionFailed,
        What::Detached,
        What::DetachmentFailed,
        What::Deleted,
        What::DeletionFailed,
        What::AlreadyDeleted,
        What::OutOfOrder,
        What::Bound,
        What::BindFailed,
        What::Unbound,
        What::UnbindFailed,
        What::LimitReached,
        What::PluginDied,
        What::Waits,
        What::Refused,
    ];
    let mut reasons: Vec<&str> = all.iter().map(|&what| words(what).1).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), all.len());
    // Those of aws-multi-eni-controller, which somebody may watch for.
    for original in [
        "ENIAttached",
        "ENIDetached",
        "ENIDeleted",
        "ENIAlreadyDeleted",
        "DPDKUnbound",
        "ENICreationFailed",
        "ENIAttachmentFailed",
        "ENIDetachmentFailed",
        "ENIDeletionFailed",
        "DPDKUnbindFailed",
    ] {
        assert!(reasons.contains(&original), "{original}");
    }
}
