//! What things cost in calls of EC2.

use std::time::Duration;

use ec2sim::Action;
use node::inventory::State;

use crate::agent::tests::world::World;

const PATIENCE: Duration = Duration::from_secs(40);

/// Of each action that changes something, how many calls.
fn writes(world: &World) -> Vec<(&'static str, usize)> {
    let all = Action::ALL.iter().filter(|action| action.kind() == ec2sim::Kind::Write);
    let counted = all.map(|&action| (action.name(), world.ec2.calls_of(action).len()));
    counted.filter(|&(_, count)| count > 0).collect()
}

async fn one_eni(more: &str) -> World {
    let mut world = World::new(60);
    world.declare("data", &format!("min: 1\nmax: 1\n{more}"));
    world.start();
    world.until_ready("data", 1).await;
    world.wait(60).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_new_eni_costs_a_create_an_attach_and_a_modify() {
    let world = one_eni("").await;
    let expected =
        [("CreateNetworkInterface", 1), ("AttachNetworkInterface", 1), ("ModifyNetworkInterfaceAttribute", 1)];
    assert_eq!(writes(&world), expected, "{world}");
}

#[tokio::test(start_paused = true)]
async fn each_attribute_that_is_not_ec2s_own_default_costs_one_modify_more() {
    let modifies = |world: &World| world.ec2.calls_of(Action::ModifyNetworkInterfaceAttribute).len();
    let world = one_eni("sourceDestCheck: false").await;
    assert_eq!(modifies(&world), 2, "{world}");
    // EC2's own default costs nothing; what Create takes, neither.
    let world = one_eni("deleteOnTermination: false\ntags: {team: net}\ndescription: mine\nmtu: 1500").await;
    assert_eq!(modifies(&world), 0, "{world}");
    let world = one_eni("secondaryIPv4Addresses: 3\nipv6Addresses: 2").await;
    assert_eq!((modifies(&world), writes(&world).len()), (1, 3), "{world}");
}

#[tokio::test(start_paused = true)]
async fn thr_1_fifty_adds_and_dels_from_a_warm_pool_cost_no_call() {
    let mut world = World::of_kind(61, "m5.24xlarge");
    world.declare("data", "min: 10\nmax: 10\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 10).await;
    // Just after a regular look there is none for ten minutes.
    let looks = |world: &World| world.ec2.calls_of(Action::DescribeNetworkInterfaces).len();
    world.wait(400).await;
    let before = looks(&world);
    world.until("a regular look", 700, |world| looks(world) > before).await;
    world.wait(1).await;
    world.ec2.take_calls();
    for round in 0..5 {
        for pod in 0..10 {
            world.add(&format!("pod-{round}-{pod}"), "data", PATIENCE).await.unwrap();
        }
        world.wait(10).await;
        (0..10).for_each(|pod| world.del(&format!("pod-{round}-{pod}")));
        world.until_ready("data", 10).await;
    }
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_costs_six_describes_of_enis_at_most_whatever_the_pools_are() {
    let mut world = World::of_kind(62, "m5.24xlarge");
    let second = world.vpc.subnet("10.0.2.0/24").create().unwrap();
    world.declare("plain", "min: 2\nmax: 2");
    world.declare("warm", "warm: 1\nmax: 5\nsourceDestCheck: false");
    world.declare("shared", "min: 1\nmax: 1\nsharing: shared\nsecondaryIPv4Addresses: 4");
    world.declare("empty", "min: 0\nmax: 3");
    world.declare_in("spread", &[world.subnet.id().as_str(), second.id().as_str()], "");
    world.start();
    world
        .until("all are up", 600, |world| {
            ["plain", "warm", "shared", "spread"].map(|pool| world.in_state(pool, State::Ready).len()) == [2, 1, 1, 2]
        })
        .await;
    world.add("pod-1", "plain", PATIENCE).await.unwrap();
    world.wait(1300).await;
    for _ in 0..4 {
        world.ec2.take_calls();
        world.wait(3600).await;
        let calls = world.calls();
        assert!(calls.len() <= 6 && calls.iter().all(|call| *call == "DescribeNetworkInterfaces"), "{calls:?}");
    }
    world.check_settled();
}
