//! A NodeENI that is deleted.

use serde_json::json;

use super::api_server::{Instead, NODE_ENIS, ORIGINAL_DEPLOYMENTS};
use super::stage::{FINALIZER, GRACE, Stage, reported};

/// A NodeENI with an ENI on a node, which a pod has.
async fn in_use() -> (Stage, ec2sim::Eni) {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    let eni = stage.attached("data", "node-1", 1);
    let mut held = reported(eni.id().as_str(), "data", "in-use");
    held["owner"] = json!({ "namespace": "default", "pod": "upf-0" });
    stage.report("node-1", &json!([held]), &json!([]));
    stage.start("one");
    stage.until("it is managed", |stage| stage.is_managed("data")).await;
    (stage, eni)
}

fn says(stage: &Stage, text: &str) -> bool {
    stage
        .condition("data", "Managed")
        .is_some_and(|(_, reason, message)| reason == "Deleting" && message.contains(text))
}

#[tokio::test(start_paused = true)]
async fn it_says_what_it_waits_for_and_goes_when_ec2_has_none_of_its_enis() {
    let (stage, eni) = in_use().await;
    stage.api.delete(NODE_ENIS, "data");
    stage.until("it waits for the pod", |stage| says(stage, "default/upf-0 on node-1")).await;
    let asked = |stage: &Stage| stage.ec2.calls_of(ec2sim::Action::DescribeNetworkInterfaces).len();
    let before = asked(&stage);
    stage.rest(3600).await;
    assert!(asked(&stage) - before <= 7, "EC2 is asked for it when no agent has any more");
    assert!(stage.node_eni("data").is_some() && stage.deletions() == 0, "nothing is forced");

    stage.report("node-1", &json!([reported(eni.id().as_str(), "data", "detaching")]), &json!([]));
    stage.until("it waits for the agent", |stage| says(stage, "agents of nodes")).await;
    stage.report("node-1", &json!([]), &json!([]));
    stage.until("it waits for EC2", |stage| says(stage, eni.id().as_str())).await;
    stage.rest(600).await;
    assert!(stage.node_eni("data").is_some(), "EC2 has it");

    eni.detach().unwrap();
    eni.delete().unwrap();
    let took = stage.until("it is gone", |stage| stage.node_eni("data").is_none()).await;
    assert!((30..120).contains(&took), "after two looks: {took} s");
    assert_eq!(stage.deletions(), 0, "the agent of the node has deleted it");
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_node_had_of_it_is_swept_and_then_it_goes() {
    let (stage, eni) = in_use().await;
    stage.instance_ends("node-1");
    stage.node_goes("node-1");
    stage.api.delete(NODE_ENIS, "data");
    let took = stage.until("it is gone", |stage| stage.node_eni("data").is_none()).await;
    assert!(!stage.exists(&eni) && stage.deletions() == 1);
    assert!((GRACE.as_secs()..GRACE.as_secs() + 300).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_comes_up_late_keeps_it() {
    let stage = Stage::at_work(&["node-1"]).await;
    let asked = |stage: &Stage| stage.ec2.calls_of(ec2sim::Action::DescribeNetworkInterfaces).len();
    let before = asked(&stage);
    stage.api.delete(NODE_ENIS, "data");
    stage.until("EC2 was asked once", |stage| asked(stage) > before).await;
    let late = stage.attached("data", "node-1", 1);
    stage.report("node-1", &json!([reported(late.id().as_str(), "data", "attached")]), &json!([]));
    stage.rest(3600).await;
    assert!(stage.node_eni("data").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_of_another_stays() {
    let (stage, eni) = in_use().await;
    let mut object = stage.node_eni("data").unwrap();
    object["metadata"]["finalizers"] = json!(["example.com/other", FINALIZER]);
    stage.api.put(NODE_ENIS, object);
    eni.detach().unwrap();
    eni.delete().unwrap();
    stage.report("node-1", &json!([]), &json!([]));
    stage.api.delete(NODE_ENIS, "data");
    let others =
        |stage: &Stage| stage.node_eni("data").unwrap()["metadata"]["finalizers"] == json!(["example.com/other"]);
    stage.until("ours is gone", others).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_only_others_hold_says_so_and_no_more_that_the_original_is_at_work() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    let mut object = stage.node_eni("data").unwrap();
    object["metadata"]["finalizers"] = json!(["example.com/other"]);
    stage.api.put(NODE_ENIS, object);
    stage.api.delete(NODE_ENIS, "data");
    let deployment = |replicas: u32| {
        let spec = json!({ "replicas": replicas, "selector": {}, "template": {} });
        json!({ "metadata": { "name": "eni-controller" }, "spec": spec })
    };
    stage.api.put(ORIGINAL_DEPLOYMENTS, deployment(1));
    stage.start("one");
    let reason = |stage: &Stage| stage.condition("data", "Managed").map(|(_, reason, _)| reason);
    stage.until("it is at work", |stage| reason(stage).as_deref() == Some("OriginalControllerAtWork")).await;
    stage.api.put(ORIGINAL_DEPLOYMENTS, deployment(0));
    stage.until("it waits for others", |stage| says(stage, "finalizers of others")).await;
}

#[tokio::test(start_paused = true)]
async fn a_conflict_at_the_finalizer_is_tried_again_on_what_is_there() {
    for fault in [Instead::Refuses(409), Instead::Refuses(500), Instead::DoesAndRefuses(504), Instead::Hangs] {
        let (stage, eni) = in_use().await;
        eni.detach().unwrap();
        eni.delete().unwrap();
        stage.report("node-1", &json!([]), &json!([]));
        stage.api.at(Some(http::Method::PATCH), "nodeenis/data", 2, fault);
        stage.api.delete(NODE_ENIS, "data");
        stage.until("it is gone", |stage| stage.node_eni("data").is_none()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_made_again_under_the_same_name_is_another() {
    let (stage, eni) = in_use().await;
    eni.detach().unwrap();
    eni.delete().unwrap();
    stage.report("node-1", &json!([]), &json!([]));
    stage.api.delete(NODE_ENIS, "data");
    stage.until("it is gone", |stage| stage.node_eni("data").is_none()).await;
    stage.declare("data", &json!({}));
    stage.until("the new one is managed", |stage| stage.is_managed("data")).await;
    stage.rest(3600).await;
    assert!(stage.is_managed("data"));
}
