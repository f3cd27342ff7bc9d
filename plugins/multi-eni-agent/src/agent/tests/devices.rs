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
