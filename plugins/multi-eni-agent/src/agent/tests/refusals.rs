//! What EC2 refuses for long: only that is not done.

use std::time::Duration;

use ec2sim::Action;
use node::inventory::State;

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(start_paused = true)]
async fn tags_that_ec2_denies_keep_no_eni_from_being_detached() {
    let mut world = World::new(70);
    world.declare("data", "min: 1\nmax: 2\ncooldownSeconds: 5");
    world.start();
    for pod in ["pod-1", "pod-2"] {
        world.add(pod, "data", PATIENCE).await.unwrap();
    }
    world.wait(5).await;
    world.ec2.at(Action::CreateTags).refuses("UnauthorizedOperation");
    world.declare("data", "min: 1\nmax: 2\ncooldownSeconds: 5\ntags:\n  team: gateway");
    world.until("refused", 60, |world| world.ec2.calls_of(Action::CreateTags).len() >= 2).await;
    world.wait(2).await;
    world.del("pod-1");
    world.del("pod-2");
    world.until("one left", 60, |world| world.ours_in_ec2().len() == 1).await;
    world.wait(3600).await;
    assert!(world.ec2.calls_of(Action::CreateTags).len() < 20, "{world}");
    assert_eq!(world.in_state("data", State::Ready).len(), 1, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_shared_eni_that_cannot_be_modified_gets_further_addresses() {
    let mut world = World::new(71);
    let spec = "sharing: shared\nmin: 1\nmax: 1\nsecondaryIPv4Addresses: 1\ncooldownSeconds: 10";
    world.declare("shared", spec);
    world.start();
    world.until_ready("shared", 1).await;
    world.wait(5).await;
    world.ec2.at(Action::ModifyNetworkInterfaceAttribute).refuses("SecurityGroupsPerInterfaceLimitExceeded");
    let before = world.ec2.calls_of(Action::ModifyNetworkInterfaceAttribute).len();
    world.declare("shared", &format!("{spec}\nsourceDestCheck: false"));
    let modifies = |world: &World| world.ec2.calls_of(Action::ModifyNetworkInterfaceAttribute).len();
    world.until("refused", 60, |world| modifies(world) > before).await;
    world.wait(2).await;
    let secondary = |world: &World| world.of_pool("shared")[0].ipv4_addresses.iter().filter(|one| !one.primary).count();
    for pod in 1..=4 {
        world.use_address(&format!("pod-{pod}"), "shared");
        world.until("one more", 30, |world| secondary(world) == pod + 1).await;
    }
    let status = world.status().await;
    let error = status.enis.iter().find_map(|eni| eni.last_error.clone());
    assert!(error.is_some_and(|why| why.contains("SecurityGroupsPerInterfaceLimitExceeded")), "{status:?}");
    // A manifest that is corrected is tried at once.
    world.ec2.heal();
    world.declare("shared", &format!("{spec}\nsourceDestCheck: false\nmtu: 1500"));
    world.until("modified", 10, |world| world.ours_in_ec2().iter().all(|eni| !eni.source_dest_check)).await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_one_pool_may_not_have_of_an_eni_keeps_no_other_pool_from_growing() {
    let refused = [
        (Action::CreateNetworkInterface, "SecurityGroupsPerInterfaceLimitExceeded"),
        (Action::CreateNetworkInterface, "TagLimitExceeded"),
        (Action::AttachNetworkInterface, "PrivateIpAddressLimitExceeded"),
    ];
    for (seed, (action, code)) in (73..).zip(refused) {
        let mut world = World::new(seed);
        world.ec2.at(action).times(1).refuses(code);
        world.declare("large", "min: 1\nmax: 1");
        world.start();
        world.until("refused", 60, |world| !world.ec2.calls_of(action).is_empty()).await;
        world.wait(2).await;
        assert_eq!(world.add("pod-1", "large", PATIENCE).await, Err(102), "{code}");
        world.declare("small", "min: 1\nmax: 1");
        world.until("ready", 60, |world| !world.in_state("small", State::Ready).is_empty()).await;
        // And is tried again some time.
        world.until("ready", 1000, |world| !world.in_state("large", State::Ready).is_empty()).await;
        world.check_settled();
    }
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_ec2_does_not_delete_yet_is_attached_again_for_who_waits_and_else_deleted_soon() {
    for code in ["InvalidParameterValue", "UnauthorizedOperation"] {
        let mut world = World::new(76);
        world.ec2.at(Action::DeleteNetworkInterface).refuses(code);
        world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 5");
        world.start();
        world.until_ready("data", 1).await;
        world.declare("data", "min: 0\nmax: 1\ncooldownSeconds: 5");
        let deletions = |world: &World| world.ec2.calls_of(Action::DeleteNetworkInterface).len();
        world.until("refused", 120, |world| deletions(world) > 0).await;
        world.wait(2).await;
        world.add("pod-1", "data", PATIENCE).await.unwrap();
        world.wait(60).await;
        world.del("pod-1");
        world.until("refused", 4000, |world| world.in_state("data", State::Detached).len() == 1).await;
        world.ec2.heal();
        let limit = if code == "InvalidParameterValue" { 150 } else { 4000 };
        world.until("gone", limit, |world| world.ours_in_ec2().is_empty()).await;
        world.check_settled();
    }
}

#[tokio::test(start_paused = true)]
async fn an_eni_whose_attachment_was_lost_and_found_shows_no_error_any_more() {
    let mut world = World::new(77);
    world.ec2.at(Action::AttachNetworkInterface).times(1).loses_the_answer();
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.until_ready("data", 1).await;
    world.wait(60).await;
    let errors: Vec<_> = world.status().await.enis.into_iter().filter_map(|eni| eni.last_error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn an_add_gets_its_eni_though_ec2_refuses_to_modify_any() {
    let mut world = World::new(72);
    world.ec2.at(Action::ModifyNetworkInterfaceAttribute).refuses("UnauthorizedOperation");
    world.declare("data", "min: 0\nmax: 2\ncooldownSeconds: 5");
    world.start();
    world.wait(5).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.wait(600).await;
    world.del("pod-1");
    world.until("gone", 120, |world| world.ours_in_ec2().is_empty()).await;
    world.check_settled();
}
