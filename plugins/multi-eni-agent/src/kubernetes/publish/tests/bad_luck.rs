//! The API server's bad days, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use node::inventory::State;
use node::store::Store;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::object::{eni, status};
use crate::kubernetes::node::ThisNode;
use crate::kubernetes::publish::{Publisher, Told};
use crate::kubernetes::scripted::{Answer, Call, Scripted};
use crate::kubernetes::snapshot::{Heard, Known};
use crate::seen::metrics::Metrics;
use crate::view::Status;

const PATH: &str = "/apis/networking.k8s.aws/v1alpha1/eninodes/node-1";
const LOOK_EVERY: Duration = Duration::from_secs(300);

struct Node {
    api: Scripted,
    status: watch::Sender<Option<Arc<Status>>>,
    known: watch::Sender<Known>,
    metrics: Metrics,
    place: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// A node whose agent has made no pass yet.
    fn new(api: &Scripted, place: TempDir) -> Self {
        let store = Arc::new(Store::open(&place.path().join("state")).unwrap());
        let (status, told_status) = watch::channel(None);
        let (known, told_known) = watch::channel(with_uid("uid-a"));
        let metrics = Metrics::new("test", &[]);
        let publisher = Publisher {
            client: api.client(),
            node: "node-1".to_string(),
            store,
            metrics: metrics.clone(),
            look_every: LOOK_EVERY,
        };
        let task = tokio::spawn(publisher.run(Told { status: told_status, known: told_known }));
        Self { api: api.clone(), status, known, metrics, place, task }
    }

    fn pass(&self, enis: u32) {
        let status = status((1..=enis).map(|number| eni(number, State::Ready)));
        self.status.send_replace(Some(Arc::new(status)));
    }

    fn shows(&self) -> Option<u64> {
        self.api.object(PATH)?["status"]["counts"]["total"].as_u64()
    }

    async fn until_shown(&self, enis: u64) {
        let end = Instant::now() + Duration::from_secs(7200);
        while self.shows() != Some(enis) {
            assert!(Instant::now() < end, "{:?} and not {enis}: {:#?}", self.shows(), self.api.take_calls());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Nothing is under way any more.
    async fn rest(&self) {
        sleep(Duration::from_secs(5)).await;
    }

    fn writes(&self) -> Vec<Call> {
        self.api.take_calls().into_iter().filter(Call::is_write).collect()
    }
}

fn with_uid(uid: &str) -> Known {
    let node = ThisNode { uid: uid.to_string(), ..ThisNode::default() };
    Known { node: Heard::There(Arc::new(node)), ..Known::default() }
}

fn new() -> Node {
    Node::new(&Scripted::default(), tempfile::tempdir_in("/dev/shm").unwrap())
}

/// One that is shown already.
async fn shown(enis: u32) -> Node {
    let node = new();
    node.pass(enis);
    node.until_shown(enis.into()).await;
    node.rest().await;
    node.api.take_calls();
    node
}

#[tokio::test(start_paused = true)]
async fn the_object_is_made_with_its_node_as_owner_and_then_shown() {
    let node = new();
    node.pass(1);
    let began = Instant::now();
    node.until_shown(1).await;
    assert!(began.elapsed() < Duration::from_secs(1), "the first change is written at once");
    let calls = node.api.take_calls();
    let ways = calls.iter().map(|call| (call.method.as_str(), call.path.strip_prefix(PATH).unwrap()));
    let query = "?&force=true&fieldManager=multi-eni-agent";
    assert_eq!(ways.collect::<Vec<_>>(), [("GET", ""), ("PATCH", query), ("PATCH", &format!("/status{query}"))]);
    let owners = &node.api.object(PATH).unwrap()["metadata"]["ownerReferences"];
    assert_eq!(*owners, json!([{"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "uid-a"}]));
}

#[tokio::test(start_paused = true)]
async fn the_same_status_twice_writes_nothing() {
    let node = shown(2).await;
    for _ in 0..100 {
        node.pass(2);
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(node.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn a_new_agent_writes_nothing_where_all_is_as_it_was() {
    let mut node = shown(2).await;
    let before = node.api.object(PATH).unwrap();
    let place = std::mem::replace(&mut node.place, tempfile::tempdir_in("/dev/shm").unwrap());
    let next = Node::new(&node.api, place);
    drop(node);
    next.pass(2);
    next.rest().await;
    let calls = next.api.take_calls();
    assert_eq!(calls.iter().map(|call| call.method.as_str()).collect::<Vec<_>>(), ["GET"], "{calls:#?}");
    assert_eq!(next.api.object(PATH).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_one_write_in_a_second() {
    let node = shown(0).await;
    for enis in 1..=40 {
        node.pass(enis);
        sleep(Duration::from_millis(50)).await;
    }
    node.until_shown(40).await;
    let writes = node.writes();
    assert!((2..=4).contains(&writes.len()), "two seconds and {} writes", writes.len());
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_without_the_server_it_gets_what_is_so_then_once() {
    let node = shown(0).await;
    node.api.set_away(true);
    for enis in 1..=60 {
        node.pass(enis);
        sleep(Duration::from_secs(60)).await;
    }
    let tries = node.api.take_calls().len();
    assert!((30..=200).contains(&tries), "{tries} tries in an hour");
    node.api.set_away(false);
    let back = Instant::now();
    node.until_shown(60).await;
    assert!(back.elapsed() <= Duration::from_secs(60));
    node.rest().await;
    assert_eq!(node.writes().len(), 1, "what was between is of no interest");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_peace_has_it() {
    let node = shown(0).await;
    node.api.answer([Answer::Later(429, 90)]);
    node.pass(1);
    sleep(Duration::from_secs(89)).await;
    assert_eq!(node.api.calls(), 1);
    node.until_shown(1).await;
    let series = "multi_eni_kubernetes_writes_total{object=\"eninode\",result=\"throttled\"} 1";
    assert!(node.metrics.text().contains(series), "{}", node.metrics.text());
}

#[tokio::test(start_paused = true)]
async fn whatever_it_answers_the_status_is_written_in_the_end() {
    for codes in [vec![409], vec![429], vec![500, 503, 504], vec![403, 403], vec![404], vec![410], vec![422, 400]] {
        let node = shown(0).await;
        node.api.answer(codes.iter().map(|&code| Answer::Code(code)));
        node.pass(3);
        node.until_shown(3).await;
        node.rest().await;
        assert_eq!(node.writes().len(), codes.len() + 1, "{codes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_looked_at_and_not_believed() {
    let node = shown(0).await;
    node.api.answer([Answer::Lost]);
    node.pass(1);
    sleep(Duration::from_millis(1)).await;
    // The node is again as it was before, which the object is not.
    node.pass(0);
    node.until_shown(0).await;
    node.rest().await;
    let calls = node.api.take_calls();
    assert_eq!(calls.iter().map(|call| call.method.as_str()).collect::<Vec<_>>(), ["PATCH", "GET", "PATCH"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_a_user_deleted_comes_back() {
    let node = shown(1).await;
    node.api.delete(PATH);
    node.until_shown(1).await;
    node.rest().await;
    // A write that finds none does not wait for the next look.
    node.api.delete(PATH);
    node.pass(2);
    let began = Instant::now();
    node.until_shown(2).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_wrote_into_it_is_put_right_at_the_next_look() {
    let node = shown(1).await;
    let mut object = node.api.object(PATH).unwrap();
    object["status"] = json!({"counts": "many"});
    node.api.put(PATH, object);
    node.until_shown(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_made_again_under_its_name_owns_the_object() {
    let node = shown(1).await;
    node.known.send_replace(with_uid("uid-b"));
    node.rest().await;
    let object = node.api.object(PATH).unwrap();
    let owners = object["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((owners.len(), &owners[0]["uid"]), (1, &json!("uid-b")), "{object:#}");
    assert_eq!(object["status"]["nodeUID"], "uid-b");
    assert_eq!(node.writes().len(), 2);
    // The garbage collector had it on its list, for the old Node.
    node.api.delete(PATH);
    let began = Instant::now();
    node.until_shown(1).await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn before_the_node_is_known_nothing_is_written() {
    let node = new();
    node.known.send_replace(Known { node: Heard::Absent, ..Known::default() });
    node.pass(1);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(node.api.calls(), 0);
    node.known.send_replace(with_uid("uid-a"));
    node.until_shown(1).await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_know_the_kind_is_not_asked_in_a_circle() {
    let node = new();
    node.api.answer([Answer::Code(404); 50]);
    node.pass(1);
    sleep(Duration::from_secs(600)).await;
    assert!(node.api.calls() < 100, "{} requests in ten minutes", node.api.calls());
}
