//! SIGKILL: wherever it falls, the next agent ends in the same pool, and no ENI is lost on the way.

use e2e::Cloud;
use e2e::cloud::brisk;
use ec2sim::{Action, Fault, Timing};
use node::inventory::State;
use std::time::Duration;

use crate::{POOL, fixed, only};

/// A node whose agent dies before it has the answer to its first call of this action: of one that EC2 does, or of one that it
/// never gets.
fn dies_in(action: Action, fault: Fault, grow: bool) -> Cloud {
    let cloud = Cloud::new();
    cloud.declare(POOL, &fixed(1));
    if !grow {
        cloud.start();
        cloud.until_ready(POOL, 1);
        cloud.declare(POOL, &fixed(0));
        cloud.kill();
    }
    cloud.ec2.at(action).does(fault);
    cloud.spawn();
    cloud.until("the call", |cloud| !cloud.calls_of(action).is_empty());
    cloud.kill();
    cloud.ec2.heal();
    cloud
}

/// The answer comes when nobody waits for it any more.
const LATE: Fault = Fault::Slow(Duration::from_secs(3600));

#[track_caller]
fn assert_once(cloud: &Cloud, action: Action) {
    let done = cloud.calls_of(action).into_iter().filter(ec2sim::Call::took_effect).count();
    assert_eq!(done, 1, "{action}\n{cloud}");
}

#[test]
fn lea_1_a_crash_before_create_was_answered_finds_its_eni_again() {
    let cloud = dies_in(Action::CreateNetworkInterface, LATE, true);
    let made = only(&cloud).network_interface_id;
    assert_eq!(cloud.intents(), 1, "{cloud}");
    cloud.start();
    cloud.until_ready(POOL, 1);
    assert_eq!(only(&cloud).network_interface_id, made, "{cloud}");
    let tokens: std::collections::BTreeSet<_> = cloud
        .calls_of(Action::CreateNetworkInterface)
        .into_iter()
        .map(|call| call.parameters["ClientToken"].clone())
        .collect();
    assert_eq!(tokens.len(), 1, "{cloud}");
}

#[test]
fn lea_1_a_crash_between_create_and_attach_loses_no_eni() {
    let cloud = dies_in(Action::AttachNetworkInterface, Fault::Hangs, true);
    let made = only(&cloud).network_interface_id;
    cloud.start();
    cloud.until_ready(POOL, 1);
    assert_eq!(only(&cloud).network_interface_id, made, "{cloud}");
    assert_once(&cloud, Action::CreateNetworkInterface);
    assert_once(&cloud, Action::AttachNetworkInterface);
}

#[test]
fn lea_1_a_crash_before_attach_was_answered_attaches_nothing_twice() {
    let cloud = dies_in(Action::AttachNetworkInterface, LATE, true);
    cloud.start();
    cloud.until_ready(POOL, 1);
    assert_once(&cloud, Action::CreateNetworkInterface);
    assert_once(&cloud, Action::AttachNetworkInterface);
}

#[test]
fn lea_1_a_crash_between_attach_and_modify_leaves_no_eni_that_outlives_its_instance() {
    let cloud = dies_in(Action::ModifyNetworkInterfaceAttribute, Fault::Hangs, true);
    assert!(!only(&cloud).attachment.unwrap().delete_on_termination);
    cloud.start();
    cloud.until_ready(POOL, 1);
    assert_once(&cloud, Action::ModifyNetworkInterfaceAttribute);
    assert_once(&cloud, Action::AttachNetworkInterface);
}

#[test]
fn lea_1_an_eni_that_cannot_be_marked_is_kept_and_marked_later() {
    let cloud = Cloud::new();
    cloud.ec2.at(Action::ModifyNetworkInterfaceAttribute).times(2).is_broken();
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    assert_once(&cloud, Action::CreateNetworkInterface);
    assert_once(&cloud, Action::ModifyNetworkInterfaceAttribute);
}

#[test]
fn lea_1_a_crash_between_detach_and_delete_still_deletes() {
    let cloud = dies_in(Action::DeleteNetworkInterface, Fault::Hangs, false);
    assert_eq!(cloud.ours().len(), 1, "{cloud}");
    cloud.start();
    cloud.until_gone();
    assert_once(&cloud, Action::DetachNetworkInterface);
    assert_once(&cloud, Action::DeleteNetworkInterface);
}

#[test]
fn lea_1_a_crash_before_detach_or_delete_was_answered_is_gone_on_with() {
    for action in [Action::DetachNetworkInterface, Action::DeleteNetworkInterface] {
        let cloud = dies_in(action, LATE, false);
        cloud.start();
        cloud.until_gone();
        assert_once(&cloud, action);
    }
}

/// Every fourth point of the agent's way from an empty pool to a full one and back: it dies there, and the next agent goes on.
fn killed_at_every_fourth_point_from(first: u32) {
    let cloud = Cloud::builder().timing(Timing { detach: Duration::from_millis(100), ..brisk() }).build();
    let mut point = first;
    loop {
        cloud.declare(POOL, &fixed(1));
        cloud.spawn_to_die_at(point);
        let settled = |cloud: &Cloud, count: usize| cloud.of_pool(POOL).len() == count && cloud.is_settled();
        let is_ready = |cloud: &Cloud| settled(cloud, 1) && cloud.of_pool(POOL)[0].state == State::Ready;
        cloud.until("the pool is full or the agent dead", |cloud| !cloud.is_running() || is_ready(cloud));
        cloud.declare(POOL, &fixed(0));
        cloud.until("the pool is empty or the agent dead", |cloud| !cloud.is_running() || settled(cloud, 0));
        if cloud.is_running() {
            assert!(point > 12, "the agent has passed only {point} points\n{cloud}");
            return;
        }
        cloud.bury();
        // It goes on with what was declared when the other one died.
        cloud.start();
        cloud.until_gone();
        cloud.kill();
        point += 4;
    }
}

#[test]
fn lea_1_killed_at_point_1_5_9_and_on_the_next_agent_goes_on() {
    killed_at_every_fourth_point_from(1);
}

#[test]
fn lea_1_killed_at_point_2_6_10_and_on_the_next_agent_goes_on() {
    killed_at_every_fourth_point_from(2);
}

#[test]
fn lea_1_killed_at_point_3_7_11_and_on_the_next_agent_goes_on() {
    killed_at_every_fourth_point_from(3);
}

#[test]
fn lea_1_killed_at_point_4_8_12_and_on_the_next_agent_goes_on() {
    killed_at_every_fourth_point_from(4);
}

/// Numbers that look like chance, the same for the same seed (Numerical Recipes, "Quick and dirty generators").
struct Chance(u64);

impl Chance {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % (most + 1)
    }
}

/// A pool that is declared now so and now so, whose agent is killed after some calls, or when it has nothing more to do, again
/// and again.
fn killed_at_any_moment(seed: u64) {
    let cloud = Cloud::builder().timing(Timing { detach: Duration::from_millis(100), ..brisk() }).build();
    let mut chance = Chance(seed);
    let mut lives_that_wrote = 0;
    for _ in 0..8 {
        let count = usize::try_from(chance.up_to(3)).unwrap();
        cloud.declare(POOL, &fixed(count));
        let (before, written) = (cloud.calls().len(), cloud.writes().len());
        cloud.spawn();
        let more = usize::try_from(chance.up_to(9)).unwrap();
        cloud.until("some calls, or all is done", |cloud| {
            let ready = cloud.in_state(POOL, State::Ready).len();
            let is_done = (ready, cloud.of_pool(POOL).len()) == (count, count) && cloud.is_settled();
            cloud.calls().len() >= before + more || is_done
        });
        cloud.kill();
        lives_that_wrote += usize::from(cloud.writes().len() > written);
    }
    assert!(lives_that_wrote > 0, "seed {seed}\n{cloud}");
    cloud.declare(POOL, &fixed(2));
    cloud.start();
    cloud.until_ready(POOL, 2);
    cloud.declare(POOL, &fixed(0));
    cloud.until_gone();
    let made = cloud.calls_of(Action::CreateNetworkInterface).into_iter().filter(ec2sim::Call::took_effect);
    let tokens: std::collections::BTreeSet<_> = made.map(|call| call.parameters["ClientToken"].clone()).collect();
    let deleted = cloud.calls_of(Action::DeleteNetworkInterface).into_iter().filter(ec2sim::Call::took_effect).count();
    assert_eq!(tokens.len(), deleted, "seed {seed}\n{cloud}");
}

#[test]
fn lea_1_killed_at_any_moment_of_seed_1_no_eni_is_lost() {
    killed_at_any_moment(1);
}

#[test]
fn lea_1_killed_at_any_moment_of_seed_2_no_eni_is_lost() {
    killed_at_any_moment(2);
}

#[test]
fn lea_1_killed_at_any_moment_of_seed_3_no_eni_is_lost() {
    killed_at_any_moment(3);
}

#[test]
fn cra_4_a_node_that_lost_its_records_finds_its_pool_again() {
    let cloud = Cloud::builder().agent("orphan_grace_seconds = 1").build();
    cloud.declare(POOL, &fixed(2));
    cloud.start();
    cloud.until_ready(POOL, 2);
    let before: Vec<_> = cloud.ours().into_iter().map(|eni| eni.network_interface_id).collect();
    cloud.kill();
    std::fs::remove_dir_all(cloud.state_dir()).unwrap();
    cloud.start();
    cloud.until_ready(POOL, 2);
    assert_eq!(cloud.ours().into_iter().map(|eni| eni.network_interface_id).collect::<Vec<_>>(), before, "{cloud}");
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 2, "{cloud}");
}
