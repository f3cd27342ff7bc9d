//! Pools that the kubelet gives out.

use std::collections::BTreeMap;

use node::inventory::State;
use node::names::PciAddr;

use super::world::World;
use crate::devices::{GivenOut, Health};

const RESOURCE: &str = "a.example/ena";

fn given_out(devices: &[PciAddr]) -> Option<GivenOut> {
    Some(GivenOut(BTreeMap::from([(RESOURCE.to_string(), devices.iter().copied().collect())])))
}

/// A node with a pool that keeps one device free.
async fn warm(seed: u64) -> World {
    let mut world = World::new(seed);
    world.declare("data", &format!("min: 1\nmax: 3\nwarm: 1\ncooldownSeconds: 0\nresourceName: {RESOURCE}"));
    world.start();
    world.until_ready("data", 1).await;
    world.until("offered", 10, |world| healthy(world).len() == 1).await;
    world
}

/// What the kubelet may give out.
fn healthy(world: &World) -> Vec<PciAddr> {
    let offers = world.devices.offers();
    let devices = offers.get(RESOURCE).into_iter().flatten();
    devices.filter(|(_, device)| device.health == Health::Healthy).map(|(address, _)| *address).collect()
}

#[tokio::test(start_paused = true)]
async fn dev_2_the_list_itself_leads_and_follows() {
    let world = warm(71).await;
    let device = healthy(&world)[0];
    world.machine.give_out(given_out(&[device]));
    world.allocate(RESOURCE, device).await;
    // A pod that waits makes no ADD; that the kubelet has given a device out is enough.
    world.until_ready("data", 2).await;
    world.until("two are offered", 10, |world| healthy(world).len() == 2).await;
    world.wait(600).await;
    assert_eq!(world.in_state("data", State::Ready).len(), 2, "{world}");
    // The pod is gone: what is too many goes, and it is not that of the pod as long as it may come back.
    world.machine.give_out(given_out(&[]));
    world.until("one is left", 300, |world| world.of_pool("data").len() == 1).await;
    world.until("one is offered", 10, |world| healthy(world).len() == 1).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn dev_4_what_a_pod_has_by_the_kubelets_list_alone_is_not_detached() {
    let mut world = warm(72).await;
    let device = healthy(&world)[0];
    world.machine.give_out(given_out(&[device]));
    // The agent has no file of it, as after a boot of an earlier version.
    world.restart().await;
    world.until_ready("data", 2).await;
    world.declare("data", &format!("min: 0\nmax: 0\ncooldownSeconds: 0\nresourceName: {RESOURCE}"));
    world.until("one is left", 300, |world| world.of_pool("data").len() == 1).await;
    world.wait(600).await;
    assert_eq!(world.of_pool("data")[0].pci_address, Some(device), "{world}");
}

#[tokio::test(start_paused = true)]
async fn dev_4_nothing_is_taken_back_while_the_kubelet_does_not_answer() {
    let mut world = warm(73).await;
    let device = healthy(&world)[0];
    world.machine.give_out(given_out(&[device]));
    world.allocate(RESOURCE, device).await;
    world.until_ready("data", 2).await;
    world.machine.give_out(None);
    world.restart().await;
    world.withdraw("data");
    world.wait(1800).await;
    assert_eq!(world.of_pool("data").len(), 2, "{world}");
    assert!(world.status().await.notes.iter().any(|note| note.contains("no device that was given out")));
    world.machine.give_out(given_out(&[]));
    world.until("all are gone", 600, |world| world.of_pool("data").is_empty()).await;
    world.check_settled();
}

/// A node with a pool of two for user space.
async fn for_user_space(seed: u64) -> World {
    let mut world = World::new(seed);
    world.declare("dpdk", DPDK);
    world.start();
    world
}

const DPDK: &str = "min: 2\nmax: 2\ncooldownSeconds: 0\nenableDPDK: true\nresourceName: a.example/ena";

fn bound(world: &World) -> usize {
    let links = world.of_pool("dpdk").into_iter().filter_map(|entry| world.machine.find(entry.mac_address));
    links.filter(|link| link.bound).count()
}

#[tokio::test(start_paused = true)]
async fn enis_for_user_space_are_handed_over_when_they_come_and_taken_back_before_they_go() {
    let world = for_user_space(74).await;
    world.until_ready("dpdk", 2).await;
    assert_eq!(bound(&world), 2, "{world}");
    world.until("both are offered", 10, |world| healthy(world).len() == 2).await;
    for entry in world.of_pool("dpdk") {
        assert_eq!(entry.original_driver.as_deref(), Some("ena"), "{world}");
        assert_eq!(entry.seen.unwrap().driver.as_deref(), Some("vfio-pci"));
    }
    // They have no link and are not missed.
    world.wait(3600).await;
    assert_eq!(world.in_state("dpdk", State::Ready).len(), 2, "{world}");
    world.withdraw("dpdk");
    world.until("all are gone", 600, |world| world.of_pool("dpdk").is_empty()).await;
    assert_eq!(world.machine.torn(), 0);
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_the_kernels_now_has_its_enis_taken_back() {
    let world = for_user_space(75).await;
    world.until_ready("dpdk", 2).await;
    world.declare("dpdk", &DPDK.replace("enableDPDK: true", "enableDPDK: false"));
    world.until("none is user space's", 120, |world| bound(world) == 0).await;
    world.until_ready("dpdk", 2).await;
    world.declare("dpdk", DPDK);
    world.until("both are user space's", 120, |world| bound(world) == 2).await;
    world.until_ready("dpdk", 2).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_dies_while_devices_change_hands_goes_on_from_there() {
    for moment in 0..40_u64 {
        let mut world = for_user_space(100 + moment).await;
        tokio::time::sleep(std::time::Duration::from_millis(8_000 + 150 * moment)).await;
        world.restart().await;
        world.until_ready("dpdk", 2).await;
        assert_eq!(bound(&world), 2, "{moment}: {world}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_lacks_what_user_space_needs_says_so_and_goes_on_once_it_has_it() {
    let mut world = World::new(76);
    world.machine.refuse_user_space(true);
    world.declare("dpdk", DPDK);
    world.start();
    world.until("an error is shown", 120, |world| world.in_state("dpdk", State::Attached).len() == 2).await;
    world.wait(60).await;
    assert!(world.status().await.enis.iter().filter(|eni| eni.pool.is_some()).all(|eni| eni.last_error.is_some()));
    assert_eq!(healthy(&world), Vec::<PciAddr>::new());
    world.machine.refuse_user_space(false);
    world.until_ready("dpdk", 2).await;
    assert_eq!(bound(&world), 2);
}
