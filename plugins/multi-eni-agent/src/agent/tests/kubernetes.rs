//! The agent whose pools are an API server's word.

use std::sync::Arc;
use std::time::Duration;

use node::inventory::State;
use node::names::PoolName;
use serde_json::{Value, json};

use super::world::World;
use crate::kernel::PodUids;
use crate::kubernetes::{Heard, Managed, NodeEniObject, ORIGINAL_CONTROLLER_AT_WORK, Snapshot, ThisNode};

const PATIENCE: Duration = Duration::from_secs(40);

/// A node of a cluster whose API server has not said anything yet.
fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.cluster = Some(Snapshot::of(Some("5f0c9a1e-cluster".parse().unwrap())));
    world
}

/// A node of a cluster of which all is known: no NodeENI, no pod, and the Node.
fn known_world(seed: u64) -> World {
    let world = world(seed);
    change_node(&world, |_| {});
    snapshot(&world).change(|known| {
        known.node_enis = Some(Arc::default());
        known.pods = Some(Arc::default());
    });
    world
}

fn snapshot(world: &World) -> &Snapshot {
    world.cluster.as_ref().unwrap()
}

fn change_node(world: &World, change: impl FnOnce(&mut ThisNode)) {
    let mut node = ThisNode { uid: "node-uid-1".into(), ..ThisNode::default() };
    node.labels.insert("ng".into(), "multi-eni".into());
    change(&mut node);
    snapshot(world).change(|known| known.node = Heard::There(Arc::new(node)));
}

/// Declares a pool that the cluster agent has taken over.
fn declare(world: &World, name: &str, more: &Value) {
    let subnet = world.subnet.id().as_str();
    let mut spec =
        json!({ "nodeSelector": { "ng": "multi-eni" }, "subnetIDs": [subnet], "securityGroupNames": ["pods"] });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    change(world, name, |object| object.spec = Some(spec));
}

fn change(world: &World, name: &str, change: impl FnOnce(&mut NodeEniObject)) {
    snapshot(world).change(|known| {
        let mut all = known.node_enis.as_deref().cloned().unwrap_or_default();
        let new = NodeEniObject {
            uid: "uid".into(),
            generation: Some(1),
            is_deleted: false,
            managed: Managed::Yes,
            spec: None,
        };
        change(all.entry(name.to_string()).or_insert(new));
        known.node_enis = Some(Arc::new(all));
    });
}

fn take_away(world: &World, name: &str) {
    snapshot(world).change(|known| {
        let mut all = known.node_enis.as_deref().cloned().unwrap_or_default();
        all.remove(name);
        known.node_enis = Some(Arc::new(all));
    });
}

fn no(reason: &str) -> Managed {
    Managed::No { reason: reason.into(), message: "says the test".into() }
}

/// What was asked of EC2 beside questions.
fn changes(world: &World) -> Vec<&'static str> {
    world.calls().into_iter().filter(|call| !call.starts_with("Describe")).collect()
}

async fn waiting(world: &World, pool: &str) -> String {
    let pool: PoolName = pool.parse().unwrap();
    let status = world.status().await;
    status.pools.iter().filter(|view| view.name == pool).flat_map(|view| view.waiting.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_the_api_server_comes_up_follows_its_spec_and_goes() {
    let mut world = known_world(1);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 1 }));
    world.until_ready("data", 1).await;
    declare(&world, "data", &json!({ "min": 2, "max": 2 }));
    world.until_ready("data", 2).await;
    take_away(&world, "data");
    world.until("it is gone", 600, |world| world.of_pool("data").is_empty()).await;
    world.check_settled();
}

/// Neither is anything made or taken away before all is known, whatever the node has from before.
#[tokio::test(start_paused = true)]
async fn before_the_first_whole_list_nothing_changes_in_ec2() {
    let mut world = known_world(2);
    declare(&world, "data", &json!({ "min": 2, "max": 2 }));
    world.start();
    world.until_ready("data", 2).await;
    world.stop().await;
    let known = snapshot(&world).known();
    world.cluster = Some(Snapshot::of(known.cluster.clone()));
    world.start();
    let before = changes(&world);
    world.wait(3600).await;
    snapshot(&world).change(|new| new.node_enis = known.node_enis.clone());
    world.wait(3600).await;
    assert_eq!(changes(&world), before, "{world}");
    // What is on the node is there for pods meanwhile.
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.add("pod-2", "data", PATIENCE).await.unwrap();
    assert_eq!(world.add("pod-3", "data", PATIENCE).await, Err(11));
    snapshot(&world).change(|new| *new = known);
    world.wait(60).await;
    world.check_settled();
    assert_eq!(world.in_state("data", State::InUse).len(), 2, "{world}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_in_ec2_for_a_pool_that_nobody_has_taken_over() {
    let mut world = known_world(3);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 2 }));
    world.until_ready("data", 1).await;
    let before = changes(&world);
    for managed in [Managed::Unsaid, no("Deleting")] {
        change(&world, "data", |object| object.managed = managed);
        for spec in [
            json!({ "min": 2, "max": 2 }),
            json!({ "min": 0, "max": 0 }),
            json!({ "min": 1, "deleteOnTermination": false }),
        ] {
            declare(&world, "data", &spec);
            world.wait(3600).await;
        }
        // Not even where it is for other nodes now.
        change_node(&world, |node| node.labels.clear());
        world.wait(3600).await;
        change_node(&world, |_| {});
    }
    assert_eq!(changes(&world), before, "{world}");
    assert!(
        waiting(&world, "data").await.starts_with("its NodeENI is not managed"),
        "{}",
        waiting(&world, "data").await
    );
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    assert_eq!(world.add("pod-2", "data", PATIENCE).await, Err(11));
    declare(&world, "data", &json!({ "min": 2, "max": 2 }));
    change(&world, "data", |object| object.managed = Managed::Yes);
    world.until_ready("data", 1).await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn while_the_original_controller_is_at_work_nothing_at_all_changes_in_ec2() {
    let mut world = known_world(4);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 2 }));
    declare(&world, "other", &json!({ "min": 0, "max": 1 }));
    world.until_ready("data", 1).await;
    let before = changes(&world);
    change(&world, "other", |object| object.managed = no(ORIGINAL_CONTROLLER_AT_WORK));
    declare(&world, "data", &json!({ "min": 2, "max": 2 }));
    world.wait(3600).await;
    take_away(&world, "data");
    world.wait(3600).await;
    assert_eq!(changes(&world), before, "{world}");
    let notes = world.status().await.notes;
    assert!(notes.iter().any(|note| note.starts_with("nothing is changed in EC2: another controller")), "{notes:?}");
    change(&world, "other", |object| object.managed = Managed::Yes);
    world.until("the other pool's is gone", 600, |world| world.of_pool("data").is_empty()).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_nodeeni_that_is_deleted_waits_for_its_pods() {
    let mut world = known_world(5);
    world.start();
    declare(&world, "data", &json!({ "min": 2, "max": 2 }));
    world.until_ready("data", 2).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    change(&world, "data", |object| {
        object.is_deleted = true;
        object.managed = no("Deleting");
    });
    world.until("the free one is gone", 600, |world| world.of_pool("data").len() == 1).await;
    world.wait(3600).await;
    world.check();
    assert_eq!(world.in_state("data", State::InUse).len(), 1, "{world}");
    world.del("pod-1");
    world.until("the other, too", 600, |world| world.of_pool("data").is_empty()).await;
    world.check_settled();
}

/// Each time that something of it is under way.
#[tokio::test(start_paused = true)]
async fn a_nodeeni_that_changes_while_its_enis_attach_ends_as_it_says_last() {
    for seconds in 0..12 {
        let mut world = known_world(100 + seconds);
        world.start();
        declare(&world, "data", &json!({ "min": 2, "max": 2 }));
        world.wait(seconds).await;
        declare(&world, "data", &json!({ "min": 1, "max": 1, "mtu": 1500 }));
        world.wait(seconds % 3).await;
        declare(&world, "data", &json!({ "min": 2, "max": 2, "deleteOnTermination": false }));
        world.until_ready("data", 2).await;
        world.wait(600).await;
        world.check_settled();
        let kept = world.of_pool("data").iter().all(|entry| entry.upkeep.delete_on_termination == Some(false));
        assert!(kept && world.of_pool("data").len() == 2, "{world}");
        take_away(&world, "data");
        world.until("all is gone", 600, |world| world.of_pool("data").is_empty()).await;
        world.check_settled();
    }
}

#[tokio::test(start_paused = true)]
async fn a_spec_with_a_fault_goes_on_as_it_was_and_others_do_not_notice() {
    let mut world = known_world(6);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 1 }));
    world.until_ready("data", 1).await;
    declare(&world, "data", &json!({ "min": 2, "max": 2, "dpdkEnabled": true }));
    declare(&world, "other", &json!({ "min": 1, "max": 1 }));
    world.until_ready("other", 1).await;
    world.wait(600).await;
    assert_eq!(world.of_pool("data").len(), 1);
    let notes = world.status().await.notes;
    let hint = "NodeENI: data: spec.dpdkEnabled: is no field of a NodeENI; enableDPDK is";
    assert!(notes.iter().any(|note| note == hint), "{notes:?}");
}

/// What the node says of a pool: its generation, and why it is not as declared.
async fn said(world: &World, pool: &str) -> (Option<i64>, Vec<String>) {
    let pool: PoolName = pool.parse().unwrap();
    let view = world.status().await.pools.into_iter().find(|view| view.name == pool);
    view.map(|view| (view.generation, view.waiting)).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_change_that_only_the_node_refuses_is_said_and_its_generation_is_not() {
    let mut world = known_world(16);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 1 }));
    world.until_ready("data", 1).await;
    assert_eq!(said(&world, "data").await, (Some(1), vec![]));
    declare(&world, "data", &json!({ "min": 1, "max": 1, "sharing": "shared", "secondaryIPv4Addresses": 1 }));
    change(&world, "data", |object| object.generation = Some(2));
    world.wait(60).await;
    let (generation, waiting) = said(&world, "data").await;
    assert_eq!(generation, None, "the earlier one goes on");
    assert!(waiting[0].starts_with("spec.sharing: is fixed while the pool has ENIs"), "{waiting:?}");
    declare(&world, "data", &json!({ "min": 1, "max": 1 }));
    world.wait(60).await;
    assert_eq!(said(&world, "data").await, (Some(2), vec![]));
}

#[tokio::test(start_paused = true)]
async fn pools_that_want_one_device_are_said_by_an_agent_that_knows_no_earlier_ones() {
    let mut world = known_world(17);
    for name in ["one", "two"] {
        declare(&world, name, &json!({ "min": 1, "max": 1, "linkName": "ens9" }));
    }
    world.start();
    world.wait(600).await;
    for (name, other) in [("one", "two"), ("two", "one")] {
        let why = format!("spec.linkName: is ens9, and that of {other} on this node, too");
        assert_eq!(said(&world, name).await, (None, vec![why]));
    }
    assert!(changes(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn labels_of_the_node_move_pools() {
    let mut world = known_world(7);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 1 }));
    declare(&world, "other", &json!({ "min": 1, "max": 1, "nodeSelector": { "ng": "other" } }));
    world.until_ready("data", 1).await;
    assert!(world.of_pool("other").is_empty());
    change_node(&world, |node| drop(node.labels.insert("ng".into(), "other".into())));
    world.until_ready("other", 1).await;
    world.until("the first is gone", 600, |world| world.of_pool("data").is_empty()).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_serves_who_asks_and_neither_makes_nor_takes_away_for_others() {
    let mut world = known_world(8);
    world.start();
    declare(&world, "data", &json!({ "min": 0, "max": 3, "warm": 1, "cooldownSeconds": 10 }));
    world.until_ready("data", 1).await;
    change_node(&world, |node| node.is_cordoned = true);
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.wait(600).await;
    assert_eq!(world.of_pool("data").len(), 1, "nothing is made to be warm\n{world}");
    world.add("pod-2", "data", PATIENCE).await.unwrap();
    world.del("pod-1");
    world.del("pod-2");
    world.wait(3600).await;
    assert_eq!(world.in_state("data", State::Ready).len(), 2, "nothing is detached as surplus\n{world}");
    change_node(&world, |_| {});
    world.until("the surplus goes", 600, |world| world.of_pool("data").len() == 1).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn on_a_node_that_leaves_or_is_gone_nothing_is_attached_or_detached() {
    let mut world = known_world(9);
    world.start();
    declare(&world, "data", &json!({ "min": 2, "max": 2 }));
    world.until_ready("data", 2).await;
    let before = changes(&world);
    change_node(&world, |node| node.leaving = Some("it is being deleted".into()));
    world.wait(60).await;
    let notes = world.status().await.notes;
    assert!(notes.contains(&"the Node is leaving: it is being deleted".to_string()), "{notes:?}");
    take_away(&world, "data");
    declare(&world, "other", &json!({ "min": 1, "max": 1 }));
    world.wait(3600).await;
    snapshot(&world).change(|known| known.node = Heard::Absent);
    world.wait(3600).await;
    assert_eq!(changes(&world), before, "{world}");
    // Another Node of the same name.
    change_node(&world, |node| node.uid = "node-uid-2".into());
    world.until_ready("other", 1).await;
    world.until("the first is gone", 600, |world| world.of_pool("data").is_empty()).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_pod_is_released_while_the_api_server_has_it() {
    let mut world = known_world(10);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 1, "cooldownSeconds": 10 }));
    world.until_ready("data", 1).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    let uid = World::owner("pod-1").container_id;
    snapshot(&world).change(|known| known.pods = Some(Arc::new(PodUids::from([uid]))));
    world.die("pod-1");
    world.wait(3600).await;
    assert_eq!(world.in_state("data", State::InUse).len(), 1, "{world}");
    // Its end is heard, and not found by chance: the next regular look is far.
    world.wait(10).await;
    snapshot(&world).change(|known| known.pods = Some(Arc::default()));
    let grace = world.settings.agent.release_grace_seconds;
    world.until("it is released", grace + 30, |world| world.in_state("data", State::Ready).len() == 1).await;
    world.check_settled();
}

/// A pass costs what it costs: neither heartbeats nor the pods of a busy node make any.
#[tokio::test(start_paused = true)]
async fn what_changes_nothing_makes_no_pass() {
    let mut world = known_world(11);
    world.start();
    declare(&world, "data", &json!({ "min": 1, "max": 1 }));
    world.until_ready("data", 1).await;
    world.wait(60).await;
    let before = world.passes();
    for _ in 0..20 {
        change_node(&world, |_| {});
        declare(&world, "data", &json!({ "min": 1, "max": 1 }));
        world.wait(1).await;
    }
    assert!(world.passes() <= before + 1, "{} passes", world.passes() - before);
}
