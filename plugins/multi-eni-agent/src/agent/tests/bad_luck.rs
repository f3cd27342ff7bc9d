//! Pools on a bad day.

use std::time::Duration;

use ec2sim::{Action, Lag, Outage, Timing};
use node::ask::Reply;
use node::inventory::State;

use super::world::World;
use crate::agent::requests::Ask;
use crate::kernel::Event;

const PATIENCE: Duration = Duration::from_secs(40);

/// A pool of two that is killed as soon as this call was made, before its answer, and comes up again.
async fn killed_after(action: Action, then: impl FnOnce(&World)) -> World {
    let mut world = World::new(20);
    world.declare("data", "min: 2\nmax: 2");
    world.start();
    world.until("called", 60, |world| !world.ec2.calls_of(action).is_empty()).await;
    world.kill().await;
    then(&world);
    world.wait(30).await;
    world.start();
    world.until_ready("data", 2).await;
    world.wait(1300).await;
    assert_eq!(world.in_state("data", State::Ready).len(), 2, "{world}");
    assert_eq!(world.ours_in_ec2().len(), 2, "{world}");
    world.check_settled();
    world
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_create_leaves_no_eni_behind() {
    let world = killed_after(Action::CreateNetworkInterface, |world| {
        assert!(world.of_pool("data").is_empty());
        assert!(!world.store.intents::<crate::observe::Planned>().unwrap().is_empty());
    })
    .await;
    // The same token again, and no more.
    let tokens: std::collections::BTreeSet<String> = world
        .ec2
        .calls_of(Action::CreateNetworkInterface)
        .iter()
        .map(|call| call.parameters["ClientToken"].clone())
        .collect();
    assert_eq!(tokens.len(), 2, "{world}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_attach_attaches_nothing_twice() {
    let world = killed_after(Action::AttachNetworkInterface, |_| {}).await;
    let done = world.ec2.calls_of(Action::AttachNetworkInterface).iter().filter(|call| call.took_effect()).count();
    assert_eq!(done, 2, "{world}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_modify_sets_what_is_to_be_set() {
    let world = killed_after(Action::ModifyNetworkInterfaceAttribute, |_| {}).await;
    let kept = |eni: &ec2sim::EniFacts| !eni.attachment.as_ref().unwrap().delete_on_termination;
    assert!(!world.ours_in_ec2().iter().any(kept), "{world}");
}

/// A pool that shrinks is killed as soon as this call was made, and the next agent goes on.
async fn shrinking_killed_after(action: Action) {
    let mut world = World::new(21);
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(5).await;
    world.declare("data", "min: 0\nmax: 2\ncooldownSeconds: 1");
    world.until("called", 60, |world| !world.ec2.calls_of(action).is_empty()).await;
    world.kill().await;
    world.wait(60).await;
    world.start();
    world.until("gone", 900, |world| world.ours_in_ec2().is_empty() && world.of_pool("data").is_empty()).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_detach_still_deletes() {
    shrinking_killed_after(Action::DetachNetworkInterface).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_delete_still_forgets() {
    shrinking_killed_after(Action::DeleteNetworkInterface).await;
}

#[tokio::test(start_paused = true)]
async fn ec2_out_of_reach_for_an_hour_takes_nothing_from_anybody() {
    let mut world = World::new(22);
    world.declare("data", "min: 2\nmax: 3\ncooldownSeconds: 5");
    world.start();
    world.until_ready("data", 2).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.ec2.outage(Outage::Unreachable);
    let calls = world.ec2.calls().len();
    world.wait(3600).await;
    world.add("pod-2", "data", PATIENCE).await.unwrap();
    world.check();
    assert_eq!(world.of_pool("data").len(), 2, "{world}");
    assert!(world.ec2.calls().len() - calls < 60, "{world}");
    world.ec2.outage(Outage::No);
    world.del("pod-1");
    world.del("pod-2");
    world.until_ready("data", 2).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_the_pool_comes_up_is_waited_out() {
    let mut world = World::new(23);
    world.declare("data", "min: 2\nmax: 2");
    world.ec2.outage(Outage::Silent);
    world.start();
    world.wait(1800).await;
    assert!(world.of_pool("data").is_empty());
    world.ec2.outage(Outage::No);
    world.until_ready("data", 2).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_are_found_again() {
    for action in [
        Action::CreateNetworkInterface,
        Action::AttachNetworkInterface,
        Action::ModifyNetworkInterfaceAttribute,
        Action::DetachNetworkInterface,
        Action::DeleteNetworkInterface,
    ] {
        let mut world = World::new(24);
        world.ec2.at(action).times(6).loses_the_answer();
        world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
        world.start();
        world.until_ready("data", 2).await;
        assert_eq!(world.ours_in_ec2().len(), 2, "{action}\n{world}");
        world.declare("data", "min: 0\nmax: 2\ncooldownSeconds: 1");
        world.until("gone", 1200, |world| world.ours_in_ec2().is_empty() && world.of_pool("data").is_empty()).await;
        world.check_settled();
    }
}

#[tokio::test(start_paused = true)]
async fn describes_that_are_old_take_no_new_eni_away() {
    let mut world = World::new(25);
    world.ec2.set_timing(Timing { describe_lag: Lag::Fixed(Duration::from_secs(40)), ..Timing::realistic() });
    world.declare("data", "min: 2\nmax: 2");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(1500).await;
    assert_eq!(world.ours_in_ec2().len(), 2, "{world}");
    assert_eq!(world.in_state("data", State::Ready).len(), 2, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn throttling_of_every_second_call_slows_and_stops_nothing() {
    let mut world = World::new(26);
    world.ec2.at_all().every(2).throttles();
    world.declare("data", "min: 3\nmax: 3");
    world.start();
    world.until_ready("data", 3).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_full_subnet_is_said_and_waited_for() {
    let mut world = World::new(27);
    world.ec2.at(Action::CreateNetworkInterface).times(3).refuses("InsufficientFreeAddressesInSubnet");
    world.declare("data", "min: 0\nmax: 2");
    world.start();
    world.wait(400).await;
    assert_eq!(world.add("pod-1", "data", PATIENCE).await, Err(101));
    assert_eq!(world.add("pod-1", "data", PATIENCE).await, Err(101));
    world.wait(700).await;
    world.ec2.heal();
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn denied_is_said_and_a_changed_manifest_is_tried_at_once() {
    let mut world = World::new(28);
    world.ec2.at(Action::CreateNetworkInterface).times(1).refuses("UnauthorizedOperation");
    world.declare("data", "min: 1\nmax: 2");
    world.start();
    world.until("refused", 60, |world| !world.ec2.calls_of(Action::CreateNetworkInterface).is_empty()).await;
    world.wait(1).await;
    assert_eq!(world.add("pod-1", "data", PATIENCE).await, Err(100));
    world.declare("data", "min: 1\nmax: 3");
    world.add("pod-1", "data", PATIENCE).await.unwrap();
}

/// EC2 makes an ENI, every answer to that is lost, and then it refuses for good.
async fn made_and_then_refused(seed: u64, code: &str) {
    let mut world = World::new(seed);
    // As often as one errand asks.
    world.ec2.at(Action::CreateNetworkInterface).times(4).loses_the_answer();
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    let creations = |world: &World| world.ec2.calls_of(Action::CreateNetworkInterface).len();
    world.until("made", 60, |world| creations(world) == 4).await;
    world.ec2.heal();
    world.ec2.at(Action::CreateNetworkInterface).refuses(code);
    world.until_ready("data", 1).await;
    world.wait(1300).await;
    assert_eq!(world.ours_in_ec2().len(), 1, "{world}");
    let tokens: std::collections::BTreeSet<String> = world
        .ec2
        .calls_of(Action::CreateNetworkInterface)
        .iter()
        .map(|call| call.parameters["ClientToken"].clone())
        .collect();
    assert_eq!(tokens.len(), 1, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn what_was_made_and_then_refused_is_found_and_nothing_is_made_beside_it() {
    made_and_then_refused(60, "UnauthorizedOperation").await;
    made_and_then_refused(61, "NetworkInterfaceLimitExceeded").await;
    made_and_then_refused(62, "InsufficientFreeAddressesInSubnet").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_made_by_a_try_that_was_lost_and_refused_to_the_next_of_the_same_errand_is_the_only_one() {
    for (seed, code) in (90..).zip(["UnauthorizedOperation", "NetworkInterfaceLimitExceeded", "InvalidGroup.NotFound"])
    {
        let mut world = World::new(seed);
        world.ec2.at(Action::CreateNetworkInterface).times(1).loses_the_answer();
        world.declare("data", "min: 1\nmax: 1");
        world.start();
        let creations = |world: &World| world.ec2.calls_of(Action::CreateNetworkInterface).len();
        world.until("made", 60, |world| creations(world) == 1).await;
        world.ec2.heal();
        world.ec2.at(Action::CreateNetworkInterface).times(1).refuses(code);
        world.until("refused", 60, |world| creations(world) == 2).await;
        world.until_ready("data", 1).await;
        world.wait(1300).await;
        assert_eq!(world.ours_in_ec2().len(), 1, "{code}\n{world}");
        world.check_settled();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_and_not_made_is_asked_for_anew_once_ec2_has_said_so() {
    let mut world = World::new(63);
    world.ec2.at(Action::CreateNetworkInterface).times(4).drops();
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    let creations = |world: &World| world.ec2.calls_of(Action::CreateNetworkInterface).len();
    world.until("asked", 60, |world| creations(world) == 4).await;
    world.ec2.heal();
    world.ec2.at(Action::CreateNetworkInterface).refuses("UnauthorizedOperation");
    world.until("refused", 60, |world| creations(world) > 4).await;
    world.until("forgotten", 300, |world| world.store.intents::<crate::observe::Planned>().unwrap().is_empty()).await;
    world.ec2.heal();
    world.declare("data", "min: 1\nmax: 2");
    world.until_ready("data", 1).await;
    assert_eq!(world.ours_in_ec2().len(), 1, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_limit_lower_than_the_table_is_believed() {
    let mut world = World::new(29);
    world.ec2.refuse_beyond(world.instance.id(), 2).unwrap();
    world.declare("data", "min: 2\nmax: 2");
    world.start();
    world.until_ready("data", 1).await;
    world.wait(1200).await;
    assert_eq!(world.in_state("data", State::Ready).len(), 1, "{world}");
    assert!(world.ec2.calls_of(Action::AttachNetworkInterface).len() < 10, "{world}");
    assert_eq!(world.add("pod-1", "data", PATIENCE).await.map(drop), Ok(()));
    assert_eq!(world.add("pod-2", "data", PATIENCE).await, Err(102));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_place_that_somebody_takes_between_look_and_attach_is_passed_over() {
    let mut world = World::new(30);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until("created", 60, |world| !world.ec2.calls_of(Action::CreateNetworkInterface).is_empty()).await;
    let other = world.subnet.eni().tag("owner", "vpc-cni").create().unwrap();
    other.attach(&world.instance).index(1).now().unwrap();
    world.until_ready("data", 1).await;
    assert_eq!(world.of_pool("data")[0].device_index, 2, "{world}");
    world.wait(1300).await;
    let strangers = world.entries().into_iter().filter(|entry| entry.pool.is_none()).count();
    assert_eq!(strangers, 2, "the primary ENI and the other's\n{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn metadata_that_are_gone_are_waited_for_and_stop_no_ready_eni() {
    let mut world = World::new(31);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.region.set_metadata_gone(true);
    world.restart().await;
    world.wait(1300).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.declare("more", "min: 1\nmax: 1");
    world.wait(100).await;
    assert!(world.of_pool("more").is_empty());
    world.region.set_metadata_gone(false);
    world.until_ready("more", 1).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_about_to_end_is_left_as_it_is() {
    let mut world = World::new(32);
    world.declare("data", "min: 2\nmax: 2\ncooldownSeconds: 1");
    world.start();
    world.until_ready("data", 2).await;
    world.instance.announce("spot/instance-action", "{}").unwrap();
    world.wait(400).await;
    world.ec2.take_calls();
    world.declare("data", "min: 0\nmax: 4\ncooldownSeconds: 1");
    world.wait(600).await;
    assert!(world.calls().iter().all(|call| call.starts_with("Describe")), "{world}");
}

#[tokio::test(start_paused = true)]
async fn told_to_end_it_ends_within_five_seconds_whatever_is_under_way() {
    let mut world = World::new(33);
    world.declare("data", "min: 2\nmax: 2");
    world.ec2.at(Action::CreateNetworkInterface).times(2).hangs();
    world.start();
    world.until("called", 60, |world| !world.ec2.calls_of(Action::CreateNetworkInterface).is_empty()).await;
    let begin = tokio::time::Instant::now();
    world.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    world.start();
    world.until_ready("data", 2).await;
    world.check_settled();
}

/// Until the drop, this thread sees a small memory file system in this folder.
fn small(place: &std::path::Path) {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let path = place.to_str().unwrap();
        assert!(std::process::Command::new(program).args(arguments).arg(path).status().unwrap().success());
    };
    assert!(std::process::Command::new("mount").args(["--make-rprivate", "/"]).status().unwrap().success());
    run("mount", &["-t", "tmpfs", "-o", "size=256k", "tmpfs"]);
}

/// As much in the node's folder as there is room for; its drop makes room.
struct Ballast(std::path::PathBuf);

impl Ballast {
    fn of(world: &World) -> Self {
        let path = world.settings.state_dir.join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        Self(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_run_asks_ec2_for_nothing_and_is_forgotten_once_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let mut world = World::at(34, "m5.xlarge", place);
    world.declare("data", "min: 2\nmax: 2");
    let ballast = Ballast::of(&world);
    world.start();
    world.wait(600).await;
    assert!(world.ours_in_ec2().is_empty(), "{world}");
    let status = world.status().await;
    assert!(!status.pools[0].waiting.is_empty(), "{status:?}\n{world}");
    drop(ballast);
    world.until_ready("data", 2).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn what_ec2_says_while_run_is_full_is_learnt_when_there_is_room_and_no_eni_is_made_for_what_is_there() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let mut world = World::at(35, "m5.xlarge", place);
    world.declare("data", "min: 2\nmax: 2");
    world.start();
    world.until_ready("data", 2).await;
    world.kill().await;
    for entry in world.entries() {
        world.store.remove_entry(&entry).unwrap();
    }
    let ballast = Ballast::of(&world);
    world.ec2.take_calls();
    world.start();
    world.wait(900).await;
    assert!(world.of_pool("data").is_empty(), "{world}");
    assert!(world.ec2.calls_of(Action::DescribeNetworkInterfaces).len() < 30, "{world}");
    drop(ballast);
    world.until_ready("data", 2).await;
    assert!(world.ec2.calls_of(Action::CreateNetworkInterface).is_empty(), "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_state_that_a_full_run_has_no_room_for_is_not_written_in_a_circle() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let mut world = World::at(36, "m5.xlarge", place);
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 30");
    world.start();
    world.until_ready("data", 1).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.until("in use", 10, |world| world.in_state("data", State::InUse).len() == 1).await;
    let before = world.passes();
    world.del("pod-1");
    let ballast = Ballast::of(&world);
    // Virtual time stands still while something runs in a circle.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(world.passes() - before < 20, "{} passes", world.passes() - before);
    world.wait(600).await;
    assert!(world.passes() - before < 200, "{} passes", world.passes() - before);
    assert_eq!(world.in_state("data", State::InUse).len(), 1, "{world}");
    drop(ballast);
    world.until_ready("data", 1).await;
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_is_out_of_order_says_why_and_is_not_tried_at_once() {
    let mut world = World::new(37);
    world.declare("data", "min: 1\nmax: 1");
    world.machine.refuse_arrivals(true);
    world.start();
    world.until("out of order", 1200, |world| world.in_state("data", State::Quarantined).len() == 1).await;
    let tries = world.machine.arrivals();
    world.wait(60).await;
    assert_eq!(world.machine.arrivals(), tries, "{world}");
    let status = world.status().await;
    let of_pool = status.enis.iter().find(|eni| eni.state == State::Quarantined).unwrap();
    assert!(of_pool.last_error.as_ref().is_some_and(|why| why.contains("can have no name")), "{of_pool:?}");
}

#[tokio::test(start_paused = true)]
async fn while_the_records_cannot_be_read_everybody_who_asks_is_told_so() {
    let mut world = World::new(38);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    // Neither readable nor to be set aside.
    let folder = world.settings.state_dir.join("inventory");
    std::fs::write(folder.join("x.json"), "{").unwrap();
    std::fs::create_dir_all(folder.join("x.json.bad/full")).unwrap();
    let begin = tokio::time::Instant::now();
    assert_eq!(world.add("pod-2", "data", PATIENCE).await, Err(5));
    for ask in [Ask::Status, Ask::Refresh] {
        match world.reply_to(ask).await {
            Reply::Refused(refusal) => {
                assert!(refusal.code == 5 && refusal.msg.contains("records"), "{refusal:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    std::fs::remove_dir_all(folder.join("x.json.bad")).unwrap();
    world.wait(6).await;
    assert_eq!(world.status().await.enis.len(), 2);
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn while_the_records_cannot_be_read_nobody_who_was_told_of_an_eni_makes_the_agent_look_in_a_circle() {
    let mut world = World::new(95);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.stop().await;
    let (mut agent, _asks, _signals) = world.agent();
    let (ask, reply) = world.asking("pod-1", "data", PATIENCE);
    agent.read_manifests();
    agent.asked(ask);
    agent.pass().await;
    assert!(matches!(reply.await, Ok(Reply::Ready(_))));
    let folder = world.settings.state_dir.join("inventory");
    std::fs::write(folder.join("x.json"), "{").unwrap();
    std::fs::create_dir_all(folder.join("x.json.bad/full")).unwrap();
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut passes = 0;
    while tokio::time::Instant::now() < end && passes < 100 {
        let next = agent.pass().await;
        passes += 1;
        tokio::time::sleep_until(next).await;
    }
    assert!((10..=13).contains(&passes), "{passes} passes in a minute");
}

/// Every file of the records, with its content.
fn files(world: &World) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let folders = ["inventory", "attachments", "addresses", "creating"];
    let folders = folders.iter().flat_map(|folder| std::fs::read_dir(world.store.path().join(folder)).unwrap());
    let paths = folders.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_preview_writes_nothing_and_fails_where_the_records_cannot_be_read() {
    let mut world = World::new(64);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.kill().await;
    // An intent that is fulfilled, and an entry that is none.
    let token = world.of_pool("data")[0].tags[crate::tags::TOKEN].clone();
    let planned = crate::plan::tests::creation(&crate::plan::tests::pool("data", 1), &token);
    let intent = node::intent::Intent { token: token.parse().unwrap(), content: planned };
    world.store.write_intent(&intent).unwrap();
    std::fs::write(world.store.path().join("inventory/x.json"), "{").unwrap();
    let before = files(&world);
    let plan = world.preview().await.unwrap();
    assert!(plan.actions.is_empty(), "{plan:?}");
    assert_eq!(files(&world), before);
    // Neither readable nor to be set aside.
    let folder = world.store.path().join("attachments");
    std::fs::write(folder.join("x.json"), "{").unwrap();
    std::fs::create_dir_all(folder.join("x.json.bad/full")).unwrap();
    world.preview().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_does_not_say_what_links_there_are_keeps_no_agent_from_its_end() {
    let mut world = World::new(39);
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.machine.set_mute(true);
    world.machine.tell(Event::LinksChanged);
    world.wait(60).await;
    // What it knew before is not taken for what is.
    assert_eq!(world.in_state("data", State::Ready).len(), 1, "{world}");
    tokio::time::timeout(Duration::from_secs(60), world.stop()).await.unwrap();
    world.machine.set_mute(false);
    world.start();
    world.until_ready("data", 1).await;
    world.check_settled();
}

#[tokio::test]
async fn of_two_agents_on_a_node_the_second_is_told_that_there_is_one() {
    let place = tempfile::tempdir().unwrap();
    let store = node::store::Store::open(place.path()).unwrap();
    let first = crate::run::alone(&store).unwrap();
    assert!(matches!(crate::run::alone(&store), Err(crate::run::Error::NotAlone(_))));
    drop(first);
    crate::run::alone(&store).unwrap();
}
