//! Bad days, one at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use ec2sim::request::{DetachNetworkInterface, UnassignPrivateIpAddresses};
use ec2sim::{Action, Timing};
use node::ask::Reply;
use node::inventory::State;

use super::strangers;
use crate::agent::tests::region::NODE;
use crate::agent::tests::world::World;
use crate::tags::Identity;

const PATIENCE: Duration = Duration::from_secs(40);
const CLUSTER: &str = "5f0c9a1e-cluster";

/// The principal of somebody at the console.
const USER: &str = "AKIAUSER";

fn count(world: &World, action: Action) -> usize {
    world.ec2.calls_of(action).iter().filter(|call| call.principal == NODE).count()
}

fn ids(world: &World) -> BTreeSet<String> {
    world.of_pool("data").iter().map(|entry| entry.network_interface_id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_stop_nothing_that_is_ready_and_are_tried_again_soon() {
    let mut world = World::new(40);
    world.declare("data", "min: 1\nmax: 4");
    world.start();
    world.until_ready("data", 1).await;
    world.ec2.expire(NODE);
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    assert_eq!(world.add("pod-2", "data", PATIENCE).await, Err(100));
    world.wait(1200).await;
    world.check();
    world.ec2.renew(NODE);
    world.wait(180).await;
    world.add("pod-2", "data", PATIENCE).await.unwrap();
    assert!(count(&world, Action::CreateNetworkInterface) < 30, "{world}");
    world.check_settled();
}

/// Eight at most, however the dice fall.
#[tokio::test(start_paused = true)]
async fn ec2_5_a_subnet_that_is_full_for_ten_minutes_costs_eight_creates_at_most() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.declare("full", "min: 1\nmax: 2");
        world.ec2.at(Action::CreateNetworkInterface).refuses("InsufficientFreeAddressesInSubnet");
        world.start();
        world.wait(300).await;
        let reply = world.ask("pod-1", "full", PATIENCE).unwrap().await.unwrap();
        let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
        assert_eq!(refusal.code, 101);
        let words = format!("{} {}", refusal.msg, refusal.details);
        assert!(words.contains("InsufficientFreeAddressesInSubnet") && words.contains(world.subnet.id().as_str()));
        world.wait(300).await;
        let creates = count(&world, Action::CreateNetworkInterface);
        assert!((1..=8).contains(&creates), "seed {seed}: {creates}");
        assert!(count(&world, Action::DescribeSubnets) <= 12, "{world}");
        world.ec2.heal();
        world.until("ready", 700, |world| world.in_state("full", State::Ready).len() == 1).await;
        world.check_settled();
    }
}

#[tokio::test(start_paused = true)]
async fn ec2_1_taken_twice_between_look_and_attach_the_third_place_is_had_by_the_same_eni() {
    let mut world = World::of_kind(42, "m5.4xlarge");
    world.ec2.set_timing(Timing { metadata: Duration::from_secs(90), ..Timing::realistic() });
    world.wait(100).await;
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until("created", 60, |world| count(world, Action::CreateNetworkInterface) > 0).await;
    for index in [1, 2] {
        let other = world.subnet.eni().tag("owner", "vpc-cni").create().unwrap();
        other.attach(&world.instance).index(index).now().unwrap();
    }
    world.until_ready("data", 1).await;
    let attaches = world.ec2.calls_of(Action::AttachNetworkInterface);
    let tried: Vec<_> = attaches.iter().map(|call| call.parameters["DeviceIndex"].as_str()).collect();
    assert_eq!(tried, ["1", "2", "3"], "{world}");
    let enis: BTreeSet<_> = attaches.iter().map(|call| call.parameters["NetworkInterfaceId"].clone()).collect();
    assert_eq!((enis.len(), count(&world, Action::CreateNetworkInterface)), (1, 1));
    assert_eq!((count(&world, Action::DeleteNetworkInterface), count(&world, Action::DetachNetworkInterface)), (0, 0));
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn ec2_1_the_card_is_always_said_and_an_index_is_a_cards_own() {
    let mut world = World::of_kind(43, "c6in.32xlarge");
    let other = world.subnet.eni().create().unwrap();
    other.attach(&world.instance).card(1).index(1).now().unwrap();
    world.declare("data", "min: 1\nmax: 1");
    world.declare("second", "min: 1\nmax: 1\nnetworkCard: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.until_ready("second", 1).await;
    let slot = |pool| {
        let entry = world.of_pool(pool).remove(0);
        (entry.network_card_index, entry.device_index)
    };
    assert_eq!((slot("data"), slot("second")), ((0, 1), (1, 2)), "{world}");
    let attaches = world.ec2.calls_of(Action::AttachNetworkInterface);
    assert!(attaches.iter().all(|call| call.parameters.contains_key("NetworkCardIndex")), "{world}");
    assert_eq!(attaches.len(), 2, "{world}");
}

#[tokio::test(start_paused = true)]
async fn imd_3_half_of_the_interfaces_missing_after_a_restart_drops_no_record_and_no_eni() {
    let mut world = World::new(44);
    world.declare("data", "min: 2\nmax: 3");
    world.start();
    world.until_ready("data", 2).await;
    let eni = world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.wait(5).await;
    let before = ids(&world);
    for hidden in [before.iter().take(1).cloned().collect(), before.clone()] {
        world.region.hide_from_metadata(hidden);
        world.restart().await;
        world.wait(3600).await;
        assert_eq!(ids(&world), before, "{world}");
        assert!(world.store.record(&World::owner("pod-1")).unwrap().is_some());
        assert_eq!(count(&world, Action::DetachNetworkInterface), 0, "{world}");
        assert_eq!(count(&world, Action::DeleteNetworkInterface), 0, "{world}");
        assert_eq!(count(&world, Action::CreateNetworkInterface), 2, "{world}");
        world.check_settled();
    }
    // Gone from EC2, from the metadata, from the kernel and from every pod, it is dropped.
    world.region.hide_from_metadata([]);
    world.del("pod-1");
    world.wait(60).await;
    let lost = world.ec2.enis().unwrap().into_iter().find(|one| one.network_interface_id.as_str() == eni.as_str());
    let attachment = lost.unwrap().attachment.unwrap().attachment_id.to_string();
    let detach = DetachNetworkInterface { attachment_id: attachment, ..Default::default() };
    world.ec2.call(USER, detach).outcome.unwrap();
    world.wait(10).await;
    let delete = ec2sim::request::DeleteNetworkInterface { network_interface_id: eni.to_string() };
    world.ec2.call(USER, delete).outcome.unwrap();
    world.until("dropped", 3600, |world| !ids(world).contains(eni.as_str())).await;
    world.until_ready("data", 2).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn metadata_that_are_minutes_old_mislead_nobody() {
    let mut world = World::new(45);
    world.ec2.set_timing(Timing { metadata: Duration::from_secs(500), ..Timing::realistic() });
    world.wait(600).await;
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 2).await;
    world.restart().await;
    world.wait(1300).await;
    assert_eq!(world.in_state("data", State::Ready).len(), 2, "{world}");
    world.declare("data", "min: 0\nmax: 2\ncooldownSeconds: 1");
    world.until("gone", 900, |world| world.ours_in_ec2().is_empty()).await;
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
    world.until("again", 1200, |world| world.in_state("data", State::Ready).len() == 2).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_by_hours_and_days_releases_nothing_too_early() {
    let mut world = World::new(46);
    world.declare("data", "min: 2\nmax: 3\ncooldownSeconds: 30");
    world.start();
    world.until_ready("data", 2).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.wait(5).await;
    let before = ids(&world);
    for seconds in [60, 3_600, 86_400, 30 * 86_400] {
        world.clock.suspend(seconds);
        world.wait(1200).await;
        assert_eq!(ids(&world), before, "{world}");
        world.check_settled();
    }
    assert_eq!(count(&world, Action::DetachNetworkInterface), 0, "{world}");
    assert!(count(&world, Action::DescribeNetworkInterfaces) < 30, "{world}");
    world.del("pod-1");
    world.until_ready("data", 2).await;
}

#[tokio::test(start_paused = true)]
async fn metadata_that_are_gone_while_a_pool_waits_for_a_place_are_not_asked_for_in_a_circle() {
    let mut world = World::new(55);
    world.declare("data", "min: 10\nmax: 10");
    world.start();
    world.until_ready("data", 3).await;
    world.region.set_metadata_gone(true);
    world.wait(3600).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn lea_1a_a_node_that_is_going_away_detaches_nothing() {
    let mut world = World::new(47);
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 2).await;
    world.instance.announce("autoscaling/target-lifecycle-state", "Terminated").unwrap();
    world.instance.announce("spot/instance-action", "{}").unwrap();
    world.wait(400).await;
    world.withdraw("data");
    world.restart().await;
    world.wait(3600).await;
    assert_eq!(count(&world, Action::DetachNetworkInterface), 0, "{world}");
    assert_eq!(count(&world, Action::DeleteNetworkInterface), 0, "{world}");
    // deleteOnTermination does what is left.
    assert!(world.ours_in_ec2().iter().all(|eni| eni.attachment.as_ref().unwrap().delete_on_termination));
}

#[tokio::test(start_paused = true)]
async fn lea_1b_dead_between_detach_and_delete_and_its_records_lost_exactly_that_eni_is_swept() {
    let mut world = World::new(48);
    let untagged = world.subnet.eni().create().unwrap();
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 2).await;
    let before = ids(&world);
    world.declare("data", "min: 1\nmax: 2\ncooldownSeconds: 1");
    world.until("detaching", 60, |world| count(world, Action::DetachNetworkInterface) > 0).await;
    world.kill().await;
    strangers::wipe(&world);
    world.wait(60).await;
    world.start();
    world.until("swept", 3600, |world| world.ours_in_ec2().len() == 1 && world.of_pool("data").len() == 1).await;
    let deleted = world.ec2.calls_of(Action::DeleteNetworkInterface);
    let deleted: Vec<_> = deleted.iter().map(|call| call.parameters["NetworkInterfaceId"].clone()).collect();
    let kept = ids(&world);
    assert_eq!(deleted, before.difference(&kept).cloned().collect::<Vec<_>>(), "{world}");
    assert!(untagged.facts().is_ok());
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn lea_1c_a_refused_modify_after_attach_keeps_the_eni_and_is_tried_again() {
    let mut world = World::new(49);
    world.ec2.at(Action::ModifyNetworkInterfaceAttribute).times(5).refuses("InternalError");
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    let is_set = |world: &World| {
        world.ours_in_ec2().iter().all(|eni| eni.attachment.as_ref().is_some_and(|at| at.delete_on_termination))
    };
    world.until("set", 600, is_set).await;
    assert_eq!(count(&world, Action::CreateNetworkInterface), 1, "{world}");
    assert_eq!(count(&world, Action::DetachNetworkInterface), 0, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn lea_2_only_what_is_ours_and_was_seen_twice_and_has_no_living_maker_is_deleted() {
    let mut world = World::new(50);
    let tags = |cluster: &str| {
        let instance = world.instance.id().to_string();
        let identity = Identity { cluster: cluster.to_string(), node: "node-1".to_string(), instance };
        identity.tags(&"gone".parse().unwrap(), "00000000000000000000000000000001", &ec2::Tags::new())
    };
    let make = |tags: ec2::Tags| {
        tags.iter().fold(world.subnet.eni(), |eni, (key, value)| eni.tag(key, value)).create().unwrap()
    };
    let (old, other, nobodys) = (make(tags(CLUSTER)), make(tags("other")), make(ec2::Tags::new()));
    // One that is being made: EC2 has it, and its maker does not know that yet.
    world.ec2.at(Action::CreateNetworkInterface).nth(1).loses_the_answer();
    world.ec2.at(Action::CreateNetworkInterface).times(60).hangs();
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until("made", 60, |world| world.ours_in_ec2().len() == 3).await;
    let first = world.ec2.now();
    world.until("swept", 3600, |_| old.facts().is_err()).await;
    let deletes = world.ec2.calls_of(Action::DeleteNetworkInterface);
    assert_eq!(deletes.len(), 1, "{world}");
    assert!(deletes[0].at > first + Duration::from_secs(300), "{world}");
    world.ec2.heal();
    world.until("made", 600, |world| world.in_state("data", State::Ready).len() == 1).await;
    world.wait(3600).await;
    assert!(other.facts().is_ok() && nobodys.facts().is_ok());
    assert_eq!(count(&world, Action::DeleteNetworkInterface), 1, "{world}");
    let strangers = [other.id().as_str(), nobodys.id().as_str()];
    let touched = |call: &ec2sim::Call| {
        call.parameters.get("NetworkInterfaceId").is_some_and(|id| strangers.contains(&id.as_str()))
    };
    assert!(!world.ec2.calls().iter().any(touched), "{world}");
}

#[tokio::test(start_paused = true)]
async fn lea_4_what_can_never_be_had_is_asked_for_as_often_as_there_are_places() {
    let mut world = World::new(51);
    let other = world.subnet.eni().create().unwrap();
    other.attach(&world.instance).index(1).now().unwrap();
    world.declare("data", "min: 10\nmax: 10");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(3600).await;
    assert_eq!(count(&world, Action::CreateNetworkInterface), 2, "{world}");
    assert_eq!(count(&world, Action::AttachNetworkInterface), 2, "{world}");
    let waiting = world.status().await.pools.iter().map(|pool| pool.waiting.join(" ")).collect::<String>();
    assert!(waiting.contains("interfaces"), "{waiting}");
    assert_eq!(world.add("pod-1", "data", PATIENCE).await.map(drop), Ok(()));
    assert_eq!(world.add("pod-2", "data", PATIENCE).await.map(drop), Ok(()));
    assert_eq!(world.add("pod-3", "data", PATIENCE).await, Err(102));
}

#[tokio::test(start_paused = true)]
async fn ec2_3_nothing_is_deleted_before_it_is_off_and_then_once() {
    let mut world = World::new(52);
    world.ec2.set_timing(Timing { detach: Duration::from_secs(15), ..Timing::realistic() });
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.withdraw("data");
    world.until("gone", 300, |world| world.ours_in_ec2().is_empty()).await;
    let detached = world.ec2.calls_of(Action::DetachNetworkInterface);
    let deleted = world.ec2.calls_of(Action::DeleteNetworkInterface);
    assert_eq!((detached.len(), deleted.len()), (1, 1), "{world}");
    assert!(deleted[0].at >= detached[0].at + Duration::from_secs(15), "{world}");
    assert!(detached[0].parameters.get("Force").is_none_or(|force| force == "false"), "{world}");
    world.until("forgotten", 60, |world| world.of_pool("data").is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn ec2_3_what_is_not_there_any_more_counts_as_deleted() {
    let mut world = World::new(53);
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.ec2.at(Action::DeleteNetworkInterface).nth(1).loses_the_answer();
    world.withdraw("data");
    world.until("forgotten", 300, |world| world.of_pool("data").is_empty()).await;
    assert!(count(&world, Action::DeleteNetworkInterface) <= 2, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn adr_3_an_address_that_ec2_has_not_is_in_no_inventory_whatever_the_metadata_say() {
    let mut world = World::new(54);
    world.declare("data", "min: 1\nmax: 1\nsharing: shared\nsecondaryIPv4Addresses: 2");
    world.start();
    world.until_ready("data", 1).await;
    let entry = world.of_pool("data").remove(0);
    let address = entry.ipv4_addresses.iter().find(|one| !one.primary).unwrap().address;
    // The metadata service does not notice for long.
    world.wait(600).await;
    world.ec2.set_timing(Timing { metadata: Duration::from_secs(590), ..Timing::realistic() });
    let away = UnassignPrivateIpAddresses {
        network_interface_id: entry.network_interface_id.to_string(),
        private_ip_addresses: vec![address],
    };
    world.ec2.call(USER, away).outcome.unwrap();
    world.restart().await;
    let has_it = |world: &World| world.of_pool("data")[0].ipv4_addresses.iter().any(|one| one.address == address);
    world.until("noticed", 700, |world| !has_it(world) || count(world, Action::AssignPrivateIpAddresses) > 0).await;
    world.wait(60).await;
    let in_ec2 = world.ours_in_ec2().remove(0);
    let mut known: Vec<_> = world.of_pool("data")[0].ipv4_addresses.iter().map(|one| one.address).collect();
    let mut there: Vec<_> = in_ec2.ipv4().collect();
    known.sort();
    there.sort();
    assert_eq!(known, there, "{world}");
}
