//! The API server and EC2 at their worst, and two who both think that they hold the Lease.

use serde_json::json;

use super::api_server::{ENI_NODES, Instead, NODE_ENIS};
use super::stage::{GRACE, Stage, reported};

fn nodes(stage: &Stage) -> u64 {
    stage.node_eni("data").and_then(|object| object["status"]["nodes"].as_u64()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_and_are_forgotten_begin_again() {
    let mut stage = Stage::at_work(&["node-1", "node-2"]).await;
    for number in 3..8 {
        stage.api.ends_watches();
        stage.node(&format!("node-{number}"));
        stage.until("the new node is counted", |stage| nodes(stage) == number).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_eninode_that_cannot_be_read_hides_no_other_and_does_not_count_as_empty() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.node("node-2");
    stage.declare("data", &json!({}));
    // The schema has no word against it.
    let mut report = stage.api.object(ENI_NODES, "node-2").unwrap();
    report["status"]["slots"] = json!({ "limit": 4_294_967_296_u64, "used": 1, "free": 1 });
    stage.api.put(ENI_NODES, report);
    stage.start("one");
    stage.until("both nodes are counted", |stage| nodes(stage) == 2).await;
    let said = stage.node_eni("data").unwrap()["status"]["problems"].to_string();
    assert!(said.contains("its ENINode cannot be read: status.slots.limit"), "{said}");

    stage.api.delete(NODE_ENIS, "data");
    let waits =
        |stage: &Stage| stage.condition("data", "Managed").is_some_and(|(.., why)| why.contains("read: node-2"));
    stage.until("it is said", waits).await;
    stage.rest(3600).await;
    assert!(stage.node_eni("data").is_some(), "the node may have an ENI of it");
    stage.report("node-2", &json!([]), &json!([]));
    stage.until("it is gone", |stage| stage.node_eni("data").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn statuses_are_written_after_every_kind_of_refusal() {
    for fault in [409, 410, 429, 500, 503].map(Instead::Refuses).into_iter().chain([
        Instead::Hangs,
        Instead::Breaks,
        Instead::DoesAndRefuses(500),
    ]) {
        let mut stage = Stage::at_work(&["node-1", "node-2"]).await;
        stage.api.at(Some(http::Method::PATCH), "/status", 3, fault);
        stage.node("node-3");
        stage.until("the new node is counted", |stage| nodes(stage) == 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_api_server_deletes_nothing_and_changes_nothing() {
    let mut stage = Stage::at_work(&["node-1", "node-2"]).await;
    let left = stage.eni("data", "node-2");
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    stage.rest(60).await;
    stage.api.cut_off("one", Instead::Breaks);
    stage.until("the Lease is lost", |stage| !stage.holds("one")).await;
    let before = stage.ec2.calls().len();
    stage.rest(3600).await;
    assert!(stage.exists(&left) && stage.ec2.calls().len() == before, "not even asked");
    stage.api.heals();
    stage.until("it is swept", |stage| !stage.exists(&left)).await;
    stage.node("node-3");
    stage.until("the new node is counted", |stage| nodes(stage) == 2).await;
}

#[tokio::test(start_paused = true)]
async fn an_ec2_that_refuses_and_throttles_costs_time_and_no_more() {
    let mut stage = Stage::at_work(&["node-1", "node-2"]).await;
    let left = stage.eni("data", "node-2");
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    stage.ec2.at_all().every(2).throttles();
    stage.until("it is swept", |stage| !stage.exists(&left)).await;
    stage.ec2.heal();
    stage.node("node-3");
    stage.until("the new node is counted", |stage| nodes(stage) == 2).await;
    assert_eq!(stage.deletions(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_who_both_work_for_a_while_do_what_one_would() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.node("node-2");
    stage.declare("data", &json!({}));
    let (left, making) = (stage.eni("data", "node-2"), stage.eni("data", "node-1"));
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    // Each by itself, as if it held the Lease.
    let (one, two) = (stage.works_alone("one"), stage.works_alone("two"));
    stage.until("it is swept", |stage| !stage.exists(&left)).await;
    stage.report("node-1", &json!([reported("eni-00000000000000001", "data", "ready")]), &json!([]));
    stage.rest(GRACE.as_secs()).await;
    let writes = stage.writes("/status");
    stage.rest(3600).await;
    assert_eq!(stage.writes("/status"), writes, "they agree, and do not write against each other");
    assert!(stage.exists(&making) && stage.deletions() == 1 && stage.is_managed("data"));
    making.delete().unwrap();
    stage.report("node-1", &json!([]), &json!([]));
    stage.api.delete(NODE_ENIS, "data");
    stage.until("it is gone", |stage| stage.node_eni("data").is_none()).await;
    one.abort();
    two.abort();
}
