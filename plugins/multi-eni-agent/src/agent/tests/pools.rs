//! Pools on a good day.

use std::time::Duration;

use node::inventory::State;

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(start_paused = true)]
async fn a_pool_of_two_comes_up_with_a_create_an_attach_and_a_modify_for_each() {
    let mut world = World::new(1);
    world.declare("data", "min: 2\nmax: 2");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(1).await;
    let mut calls = world.calls();
    calls.sort_unstable();
    calls.retain(|call| !call.starts_with("Describe"));
    let once = ["AttachNetworkInterface", "CreateNetworkInterface", "ModifyNetworkInterfaceAttribute"];
    assert_eq!(calls, once.iter().flat_map(|call| [*call, *call]).collect::<Vec<_>>(), "{world}");
    let mut indices: Vec<u32> = world.of_pool("data").iter().map(|entry| entry.device_index).collect();
    indices.sort_unstable();
    assert_eq!(indices, [1, 2]);
    for entry in world.of_pool("data") {
        let link = world.machine.find(entry.mac_address).unwrap();
        assert_eq!((link.name, link.up), (entry.host_name.to_string(), false));
        assert_eq!(link.alias.as_deref(), Some(entry.network_interface_id.as_str()));
        assert!(entry.pci_address.is_some() && entry.upkeep.delete_on_termination == Some(true), "{world}");
        assert_eq!(entry.vpc.ipv4_cidrs, ["10.0.0.0/16".parse().unwrap()]);
        assert_eq!(entry.subnet.ipv4_cidr, Some("10.0.1.0/24".parse().unwrap()));
    }
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_a_manifest_that_says_nothing_has_one_eni_for_each_subnet() {
    let mut world = World::new(2);
    let other = world.vpc.subnet("10.0.2.0/24").create().unwrap();
    let elsewhere = world.vpc.subnet("10.0.3.0/24").zone("us-east-1b").create().unwrap();
    let subnets = [world.subnet.id().as_str(), other.id().as_str(), elsewhere.id().as_str()];
    world.declare_in("data", &subnets, "");
    world.start();
    world.until_ready("data", 2).await;
    let mut of: Vec<String> = world.of_pool("data").into_iter().map(|entry| entry.subnet.id).collect();
    of.sort_unstable();
    assert_eq!(of, [world.subnet.id().to_string(), other.id().to_string()]);
}

#[tokio::test(start_paused = true)]
async fn an_add_on_an_empty_pool_gets_its_eni_attached_and_the_pool_shrinks_after_the_cool_down() {
    let mut world = World::new(3);
    world.declare("data", "min: 0\nmax: 3\ncooldownSeconds: 20");
    world.start();
    world.wait(600).await;
    assert!(world.of_pool("data").is_empty());
    let eni = world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.until("in use", 10, |world| world.in_state("data", State::InUse).len() == 1).await;
    world.wait(3600).await;
    assert_eq!(world.in_state("data", State::InUse).len(), 1, "{world}");
    world.del("pod-1");
    world.until("cooling", 10, |world| world.in_state("data", State::Cooling).len() == 1).await;
    world.until("gone", 120, |world| world.entries().iter().all(|entry| entry.pool.is_none())).await;
    assert!(world.ours_in_ec2().is_empty(), "{eni} is left\n{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_each_get_an_eni_and_the_one_too_many_is_told_why_not() {
    let mut world = World::new(4);
    world.declare("data", "min: 0\nmax: 2");
    world.start();
    world.wait(10).await;
    let first = world.ask("pod-1", "data", PATIENCE).unwrap();
    let second = world.ask("pod-2", "data", PATIENCE).unwrap();
    first.await.unwrap();
    assert!(world.try_claim("pod-1", "data").await.is_some());
    second.await.unwrap();
    assert!(world.try_claim("pod-2", "data").await.is_some());
    assert_eq!(world.add("pod-3", "data", PATIENCE).await, Err(11));
    assert_eq!(world.add("pod-3", "other", PATIENCE).await, Err(7));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_costs_six_describes_and_nothing_else() {
    let mut world = World::new(5);
    world.declare("data", "min: 2\nmax: 2");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(900).await;
    world.ec2.take_calls();
    world.wait(3600).await;
    let calls = world.calls();
    assert!(calls.len() <= 6 && calls.iter().all(|call| *call == "DescribeNetworkInterfaces"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_warm_add_and_del_cost_no_call() {
    let mut world = World::new(6);
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 5");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(700).await;
    world.ec2.take_calls();
    for round in 0..5 {
        world.add(&format!("pod-{round}"), "data", PATIENCE).await.unwrap();
        world.wait(10).await;
        world.del(&format!("pod-{round}"));
        world.wait(10).await;
    }
    let calls = world.calls();
    assert!(calls.len() <= 1 && calls.iter().all(|call| *call == "DescribeNetworkInterfaces"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_pool_goes_and_what_a_pod_has_goes_last() {
    let mut world = World::new(7);
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 5");
    world.start();
    world.until_ready("data", 2).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.wait(1).await;
    world.withdraw("data");
    world.until("one left", 120, |world| world.of_pool("data").len() == 1).await;
    world.wait(300).await;
    assert_eq!(world.in_state("data", State::InUse).len(), 1, "{world}");
    world.check();
    world.del("pod-1");
    world.until("gone", 120, |world| world.ours_in_ec2().is_empty()).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changes_in_ec2_and_on_the_host_is_put_right() {
    let mut world = World::new(8);
    world.declare("data", "min: 1\nmax: 1\nsourceDestCheck: false\nmtu: 1500");
    world.start();
    world.until_ready("data", 1).await;
    world.wait(5).await;
    let entry = world.of_pool("data").remove(0);
    world.machine.meddle(entry.mac_address, |link| {
        link.mtu = 9001;
        link.up = true;
        link.addresses.push("10.0.1.9/24".parse().unwrap());
    });
    world
        .until("put right", 30, |world| {
            let link = world.machine.find(entry.mac_address).unwrap();
            (link.mtu, link.up, link.addresses.is_empty()) == (1500, false, true)
        })
        .await;
    let change = ec2sim::request::ModifyNetworkInterfaceAttribute {
        network_interface_id: entry.network_interface_id.to_string(),
        source_dest_check: Some(true),
        ..Default::default()
    };
    world.ec2.call("AKIAUSER", change).outcome.unwrap();
    world.until("put right", 1500, |world| world.ours_in_ec2().iter().all(|eni| !eni.source_dest_check)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_pod_had_is_released_after_the_grace_period_and_nothing_is_where_no_process_is_seen() {
    let mut world = World::new(9);
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 0");
    world.start();
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.wait(60).await;
    world.machine.set_blind(true);
    world.die("pod-1");
    world.wait(1200).await;
    assert!(world.store.record(&World::owner("pod-1")).unwrap().is_some());
    assert!(world.status().await.notes.iter().any(|note| note.contains("nothing of")), "{world}");
    world.machine.set_blind(false);
    // A resync, which is 375 s away at most, and the grace period.
    world.until("released", 500, |world| world.in_state("data", State::Ready).len() == 1).await;
    assert!(world.store.record(&World::owner("pod-1")).unwrap().is_none());
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn told_to_look_again_it_finds_what_no_event_told_of() {
    let mut world = World::new(10);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.wait(5).await;
    let path = world.settings.agent.pools_dir.join("data.yaml");
    let more = std::fs::read_to_string(&path).unwrap().replace("min: 1", "min: 2").replace("max: 1", "max: 2");
    std::fs::write(&path, more).unwrap();
    world.wait(5).await;
    assert_eq!(world.of_pool("data").len(), 1);
    world.signal(crate::agent::Signal::Reload).await;
    world.until_ready("data", 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_shared_pool_keeps_its_free_addresses() {
    let mut world = World::new(11);
    world.declare("shared", "sharing: shared\nmin: 1\nmax: 1\nsecondaryIPv4Addresses: 3\ncooldownSeconds: 10");
    world.start();
    world.until_ready("shared", 1).await;
    let secondary = |world: &World| world.of_pool("shared")[0].ipv4_addresses.iter().filter(|one| !one.primary).count();
    assert_eq!(secondary(&world), 3);
    let link = world.machine.find(world.of_pool("shared")[0].mac_address).unwrap();
    assert!(link.up, "{world}");
    world.use_address("pod-1", "shared");
    world.until("one more", 60, |world| secondary(world) == 4).await;
    world.leave_address("pod-1");
    world.until("one less", 900, |world| secondary(world) == 3).await;
    let in_ec2 = world.ours_in_ec2()[0].secondaries.len();
    assert_eq!(in_ec2, 3, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn of_a_status_a_person_learns_what_waits_and_why() {
    let mut world = World::new(12);
    world.region.set_latency(Duration::from_secs(5));
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until("asked", 60, |world| world.calls().contains(&"CreateNetworkInterface")).await;
    let status = world.status().await;
    assert!(status.enis.iter().any(|eni| eni.state == State::Creating && eni.doing.is_some()), "{status:?}");
    assert_eq!((status.node.as_str(), status.slots.map(|slots| (slots.limit, slots.used))), ("node-1", Some((4, 1))));
    world.until_ready("data", 1).await;
    let status = world.status().await;
    assert_eq!(status.pools[0].in_state(State::Ready), 1);
    assert!(world.metrics.text().contains("multi_eni_link_ready_duration_seconds_count 1"), "{}", world.metrics.text());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_new_shrinks_what_another_one_made() {
    let mut world = World::new(13);
    world.declare("data", "min: 2\nmax: 3\ncooldownSeconds: 5");
    world.start();
    world.until_ready("data", 2).await;
    world.restart().await;
    world.declare("data", "min: 0\nmax: 3\ncooldownSeconds: 5");
    world.until("gone", 600, |world| world.ours_in_ec2().is_empty()).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_just_left_is_not_taken_for_taken() {
    let mut world = World::of_kind(14, "c7g.medium");
    world.declare("data", "min: 0\nmax: 1\ncooldownSeconds: 1");
    world.start();
    for round in 0..4 {
        world.add(&format!("pod-{round}"), "data", PATIENCE).await.unwrap();
        world.wait(5).await;
        world.del(&format!("pod-{round}"));
        world.until("gone", 120, |world| world.ours_in_ec2().is_empty()).await;
        if round == 2 {
            world.restart().await;
        }
    }
    world.check();
}
