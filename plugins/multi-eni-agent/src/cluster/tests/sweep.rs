//! What instances that are gone left behind.

use ec2sim::{Action, Eni};
use serde_json::json;

use super::stage::{CLUSTER, GRACE, OTHER, Stage};

/// A cluster whose node `node-2` has died and left an ENI, and whose node `node-1` has one in the making.
fn dead_node() -> (Stage, Eni, Eni) {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.node("node-2");
    stage.declare("data", &json!({}));
    let (making, left) = (stage.eni("data", "node-1"), stage.eni("data", "node-2"));
    (stage, making, left)
}

fn surveys(stage: &Stage) -> usize {
    stage.ec2.calls_of(Action::DescribeInstances).len()
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_node_left_goes_after_a_grace_period_and_what_a_living_one_makes_stays() {
    let (mut stage, making, left) = dead_node();
    stage.start("one");
    stage.rest(1200).await;
    assert!(stage.exists(&left), "its node lives");
    stage.instance_ends("node-2");
    stage.rest(1200).await;
    assert!(stage.exists(&left), "its Node is there");
    stage.node_goes("node-2");
    let took = stage.until("it is swept", |stage| !stage.exists(&left)).await;
    assert!((GRACE.as_secs()..GRACE.as_secs() + 120).contains(&took), "{took} s");
    stage.rest(3600).await;
    assert!(stage.exists(&making));
    assert_eq!(stage.deletions(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_lives_without_its_node_keeps_its_enis() {
    let (mut stage, _, left) = dead_node();
    stage.start("one");
    stage.node_goes("node-2");
    stage.rest(7200).await;
    assert!(stage.exists(&left), "its own agent looks after it");
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_is_attached_again_before_the_grace_period_is_over_stays() {
    let (mut stage, _, left) = dead_node();
    stage.start("one");
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    stage.until("it was seen", |stage| surveys(stage) >= 1).await;
    stage.rest(60).await;
    // Somebody puts it to use by hand.
    stage.attach_to("node-1", &left);
    stage.rest(7200).await;
    assert!(stage.exists(&left) && stage.deletions() == 0);
}

#[tokio::test(start_paused = true)]
async fn another_clusters_enis_of_the_same_account_are_nobodys_business() {
    let (mut stage, ..) = dead_node();
    let of_another = stage.eni_of(OTHER, "data", "i-00000000000000001");
    stage.start("one");
    stage.rest(7200).await;
    assert!(stage.exists(&of_another) && stage.deletions() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_said_to_be_gone_is_swept_but_not_its_living_instances() {
    let mut stage = Stage::after(OTHER);
    stage.node("node-1");
    let living = stage.instance("node-1");
    let (left, used) = (stage.eni_of(OTHER, "data", "i-00000000000000001"), stage.eni_of(OTHER, "data", &living));
    stage.start("one");
    stage.until("it is swept", |stage| !stage.exists(&left)).await;
    stage.rest(3600).await;
    assert!(stage.exists(&used));
}

#[tokio::test(start_paused = true)]
async fn what_is_to_stay_after_its_instance_stays_as_long_as_its_node_eni() {
    let (mut stage, _, left) = dead_node();
    stage.declare("data", &json!({ "deleteOnTermination": false }));
    stage.start("one");
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    stage.rest(7200).await;
    assert!(stage.exists(&left));
    stage.api.delete(super::api_server::NODE_ENIS, "data");
    stage.until("it is swept", |stage| !stage.exists(&left)).await;
}

#[tokio::test(start_paused = true)]
async fn an_eni_without_the_tag_of_an_instance_is_not_deleted() {
    let (mut stage, ..) = dead_node();
    let odd = stage.eni_of(CLUSTER, "data", "somebody's text");
    stage.start("one");
    stage.rest(7200).await;
    assert!(stage.exists(&odd));
}

#[tokio::test(start_paused = true)]
async fn a_new_holder_sees_twice_for_himself() {
    let (mut stage, _, left) = dead_node();
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    stage.start("one");
    stage.until("it was seen", |stage| surveys(stage) >= 1).await;
    stage.rest(GRACE.as_secs() - 60).await;
    stage.kill("one");
    stage.start("two");
    let took = stage.until("it is swept", |stage| !stage.exists(&left)).await;
    assert!((GRACE.as_secs()..GRACE.as_secs() + 120).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn ec2_is_asked_every_ten_minutes_when_nothing_happens() {
    let mut stage = Stage::new();
    stage.node("node-1");
    stage.declare("data", &json!({}));
    stage.start("one");
    stage.rest(60).await;
    let before = stage.ec2.calls().len();
    stage.rest(6 * 3600).await;
    let calls = stage.ec2.calls().len() - before;
    assert!((35..=37).contains(&calls), "{calls} calls in six hours");
}

#[tokio::test(start_paused = true)]
async fn many_orphans_of_many_instances_go_at_the_pace_of_the_bucket() {
    let mut stage = Stage::new();
    for number in 0..300 {
        stage.eni_of(CLUSTER, "data", &format!("i-dead{number:013x}"));
    }
    stage.start("one");
    stage.until("the first is swept", |stage| stage.deletions() > 0).await;
    let took = stage.until("all are swept", |stage| stage.ec2.enis().unwrap().is_empty()).await;
    let calls = stage.ec2.calls_of(Action::DeleteNetworkInterface);
    assert_eq!(calls.len(), 300, "each once");
    // Two looks, and one every half a minute while they go; of 300 instances in two parts.
    assert!(surveys(&stage) <= 24, "{}", surveys(&stage));
    assert!(took >= 100, "2 a second: {took} s");
}

#[tokio::test(start_paused = true)]
async fn each_statement_of_the_policy_is_needed() {
    let policy = super::stage::policy(&[]);
    let mut statements = policy.statements().iter().map(ToString::to_string).collect::<Vec<_>>();
    for statement in std::mem::take(&mut statements) {
        let (mut stage, _, left) = dead_node();
        stage.instance_ends("node-2");
        stage.node_goes("node-2");
        stage.ec2.set_policy_of(crate::agent::tests::region::NODE, &policy.without(&statement));
        stage.start("one");
        stage.rest(2 * GRACE.as_secs()).await;
        assert!(stage.exists(&left), "nothing needs {statement}");
        statements.push(statement);
    }
    let (mut stage, _, left) = dead_node();
    stage.instance_ends("node-2");
    stage.node_goes("node-2");
    stage.start("one");
    stage.until("it is swept", |stage| !stage.exists(&left)).await;
    statements.sort_unstable();
    assert_eq!(stage.ec2.granted(), statements, "and each is used");
}
