//! What is said of a NodeENI.

use serde_json::{Value, json};

use super::api_server::{ENI_NODES, Instead, NODE_ENIS, NODES, ORIGINAL_DEPLOYMENTS, ORIGINAL_LEASES};
use super::stage::{FINALIZER, Stage, reported};

fn ready_pool() -> Value {
    json!([{ "name": "data", "generation": 1, "min": 1, "target": 1 }])
}

#[tokio::test(start_paused = true)]
async fn a_new_node_eni_is_checked_kept_by_the_finalizer_and_counted() {
    let stage = Stage::at_work(&["node-1", "node-2"]).await;
    let finalizers = stage.node_eni("data").unwrap()["metadata"]["finalizers"].clone();
    assert_eq!(finalizers, json!([FINALIZER]));
    assert_eq!(stage.condition("data", "Valid").unwrap().0, "True");
    assert_eq!(stage.condition("data", "Ready").unwrap().1, "NodesNotReady");

    stage.report("node-1", &json!([reported("eni-00000000000000001", "data", "in-use")]), &ready_pool());
    stage.report("node-2", &json!([reported("eni-00000000000000002", "data", "ready")]), &ready_pool());
    stage
        .until("all is ready", |stage| stage.condition("data", "Ready").is_some_and(|(status, ..)| status == "True"))
        .await;
    let status = stage.node_eni("data").unwrap()["status"].clone();
    assert_eq!((&status["nodes"], &status["observedGeneration"]), (&json!(2), &json!(1)));
    assert_eq!(
        status["enis"],
        json!({ "total": 2, "ready": 1, "inUse": 1, "cooling": 0, "coming": 0, "quarantined": 0, "leaving": 0 })
    );
    let nodes: Vec<_> = status["attachments"].as_array().unwrap().iter().map(|at| at["nodeID"].clone()).collect();
    assert_eq!(nodes, ["node-1", "node-2"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_change_is_not_written_and_what_does_at_most_every_ten_seconds() {
    let stage = Stage::at_work(&["node-1"]).await;
    stage.rest(60).await;
    let before = stage.writes("/status");
    stage.rest(1800).await;
    assert_eq!(stage.writes("/status"), before, "nothing has changed");
    for number in 0..100 {
        let state = if number % 2 == 0 { "ready" } else { "in-use" };
        stage.report("node-1", &json!([reported("eni-00000000000000001", "data", state)]), &ready_pool());
        stage.rest(1).await;
    }
    let writes = stage.writes("/status") - before;
    assert!((9..=11).contains(&writes), "{writes} in 100 s");
}

#[tokio::test(start_paused = true)]
async fn a_nodes_heartbeat_wakes_nobody() {
    let stage = Stage::at_work(&["node-1"]).await;
    stage.rest(60).await;
    let before = stage.writes("/status");
    for number in 0..60 {
        let mut node = stage.api.object(NODES, "node-1").unwrap();
        node["status"] =
            json!({ "conditions": [{ "type": "Ready", "status": "True", "lastHeartbeatTime": number.to_string() }] });
        stage.api.put(NODES, node);
        stage.rest(10).await;
    }
    assert_eq!(stage.writes("/status"), before);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_not_one_is_said_with_what_was_meant_and_hides_no_other_node_eni() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    stage.declare("wrong", &json!({ "dpdkEnabled": true, "mtu": 20000 }));
    stage.start("one");
    stage
        .until("both are looked at", |stage| stage.is_managed("data") && stage.condition("wrong", "Valid").is_some())
        .await;
    let (status, reason, message) = stage.condition("wrong", "Valid").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Invalid"));
    assert!(message.contains("enableDPDK is") && message.contains("mtu"), "{message}");
    assert_eq!(stage.condition("wrong", "Ready").unwrap().1, "Invalid");
}

#[tokio::test(start_paused = true)]
async fn a_node_of_an_earlier_life_says_nothing_of_the_new_one() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    stage.report("node-1", &json!([reported("eni-00000000000000001", "data", "ready")]), &ready_pool());
    stage.start("one");
    stage
        .until("it is ready", |stage| stage.condition("data", "Ready").is_some_and(|(status, ..)| status == "True"))
        .await;
    let mut node = stage.api.object(NODES, "node-1").unwrap();
    node["metadata"]["uid"] = json!("uid-of-another");
    stage.api.put(NODES, node);
    let total = |stage: &Stage| stage.node_eni("data").unwrap()["status"]["enis"]["total"].clone();
    stage.until("its ENIs are the old one's", |stage| total(stage) == json!(0)).await;
    let problem = stage.node_eni("data").unwrap()["status"]["problems"][0].clone();
    assert!(problem["message"].as_str().unwrap().contains("has not reported"), "{problem}");
    assert!(stage.api.object(ENI_NODES, "node-1").is_some());
}

/// The original's Lease, renewed so often.
fn original_lease(stage: &Stage, renewals: u32) {
    let spec = json!({ "holderIdentity": "original", "leaseDurationSeconds": 15, "leaseTransitions": renewals });
    let name = json!({ "name": "nodeeni-controller-leader-election" });
    stage.api.put(ORIGINAL_LEASES, json!({ "metadata": name, "spec": spec }));
}

fn original_deployment(stage: &Stage, replicas: u32) {
    let spec = json!({ "replicas": replicas, "selector": {}, "template": {} });
    stage.api.put(ORIGINAL_DEPLOYMENTS, json!({ "metadata": { "name": "eni-controller" }, "spec": spec }));
}

/// As the original's write of a status.
fn attached_by_the_original(stage: &Stage, attachments: &Value) {
    let mut object = stage.node_eni("data").unwrap();
    object["status"]["attachments"] = attachments.clone();
    stage.api.put(NODE_ENIS, object);
}

fn attachments(stage: &Stage) -> Value {
    stage.node_eni("data").unwrap()["status"]["attachments"].clone()
}

#[tokio::test(start_paused = true)]
async fn while_the_original_is_at_work_nothing_is_done_and_it_is_said() {
    for by_lease in [true, false] {
        let mut stage = Stage::new();
        stage.node("node-1");
        stage.declare("data", &json!({}));
        // Its only record of what it has; a number that is none hides nothing of it.
        let of_the_original = |times: u32| {
            json!([
                { "nodeID": "node-1", "eniID": "eni-00000000000000009", "mtu": -1, "lastUpdated": times.to_string() },
                { "nodeID": "node-9", "eniID": "eni-00000000000000008", "status": "attached" },
            ])
        };
        attached_by_the_original(&stage, &of_the_original(0));
        let orphan = stage.eni_of(super::stage::CLUSTER, "data", "i-00000000000000001");
        if by_lease {
            original_lease(&stage, 0);
        } else {
            original_deployment(&stage, 1);
        }
        stage.start("one");
        for number in 1..200 {
            stage.rest(10).await;
            assert_eq!(attachments(&stage), of_the_original(number - 1));
            attached_by_the_original(&stage, &of_the_original(number));
            if by_lease {
                original_lease(&stage, number);
            }
        }
        let (status, reason, message) = stage.condition("data", "Managed").unwrap();
        assert_eq!((status.as_str(), reason.as_str()), ("False", "OriginalControllerAtWork"));
        assert!(message.contains(if by_lease { "Lease" } else { "Deployment" }), "{message}");
        assert!(stage.exists(&orphan) && stage.ec2.calls().is_empty(), "EC2 is not even asked");
        assert!(stage.node_eni("data").unwrap()["metadata"].get("finalizers").is_none());
        if !by_lease {
            original_deployment(&stage, 0);
        }
        stage.until("it is gone", |stage| stage.is_managed("data")).await;
        stage.until("the orphan is swept", |stage| !stage.exists(&orphan)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_original_writes_at_the_same_moment_is_not_lost() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    original_deployment(&stage, 1);
    // Each of them is on its way when the original writes.
    stage.api.at(Some(http::Method::PATCH), "nodeenis/data/status", 3, Instead::Delays(3));
    stage.start("one");
    for number in 0..30 {
        attached_by_the_original(&stage, &json!([{ "nodeID": "node-1", "eniID": format!("eni-{number:017x}") }]));
        stage.rest(2).await;
        assert_eq!(attachments(&stage)[0]["eniID"], format!("eni-{number:017x}"));
    }
    stage.until("it is said", |stage| stage.condition("data", "Managed").is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_original_attached_stays_listed_after_it_until_an_agent_has_it() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    let old = json!({ "nodeID": "node-1", "eniID": "eni-00000000000000009", "deviceIndex": 2 });
    attached_by_the_original(&stage, &json!([old, { "nodeID": "node-9", "eniID": "eni-00000000000000008" }]));
    stage.start("one");
    stage.until("it is managed", |stage| stage.is_managed("data")).await;
    stage.until("what had a node that is gone is gone", |stage| attachments(stage) == json!([old])).await;
    stage.report("node-1", &json!([reported("eni-00000000000000001", "data", "ready")]), &ready_pool());
    stage.until("both are listed", |stage| attachments(stage).as_array().is_some_and(|all| all.len() == 2)).await;
    stage.report("node-1", &json!([reported("eni-00000000000000009", "data", "ready")]), &ready_pool());
    let is_adopted = |all: &Vec<Value>| all.len() == 1 && all[0]["dpdkBound"] == false;
    stage.until("it is the agent's", |stage| attachments(stage).as_array().is_some_and(is_adopted)).await;
    stage.report("node-1", &json!([]), &json!([]));
    stage.until("it is gone", |stage| attachments(stage) == json!([])).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_the_original_left_behind_stops_nobody() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    original_lease(&stage, 0);
    stage.start("one");
    stage.until("it is managed", |stage| stage.is_managed("data")).await;
    for name in ["two", "three"] {
        stage.start(name);
    }
    // The next holder sees it for the first time.
    stage.kill("one");
    for _ in 0..600 {
        stage.rest(1).await;
        assert!(stage.is_managed("data"), "{:?}", stage.condition("data", "Managed"));
    }
    assert!(stage.holds("two") || stage.holds("three"));
}

#[tokio::test(start_paused = true)]
async fn while_it_cannot_be_seen_whether_the_original_is_at_work_nothing_is_done() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    stage.api.at(None, "eni-controller-system", usize::MAX, Instead::Refuses(403));
    stage.start("one");
    stage.until("it is said", |stage| stage.condition("data", "Managed").is_some()).await;
    let (status, reason, message) = stage.condition("data", "Managed").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "OriginalControllerUnknown"));
    assert!(message.contains("rights"), "{message}");
    assert!(stage.ec2.calls().is_empty());
    stage.api.heals();
    stage.until("it is managed", |stage| stage.is_managed("data")).await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_crd_that_leaves_something_out_is_not_written_to_for_ever() {
    let stage = Stage::at_work(&["node-1"]).await;
    stage.rest(60).await;
    let before = stage.writes("/status");
    // What the original left: a list that is not ours, in a field that another wrote.
    for number in 0..30 {
        let mut object = stage.node_eni("data").unwrap();
        object["status"]["attachments"] = json!([{ "nodeID": "gone", "eniID": format!("eni-{number}") }]);
        stage.api.put(NODE_ENIS, object);
        stage.rest(10).await;
    }
    assert!(stage.writes("/status") - before <= 2);
}
