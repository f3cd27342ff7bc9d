//! Subnets and security groups that the manifests name, and that may mean nothing, or something else.

use std::time::Duration;

use ec2sim::Action;

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(40);
const BY_NAME: &str = "nodeSelector: {}\nsubnetNames: [backend]\nsecurityGroupNames: [web]\n";

#[tokio::test(start_paused = true)]
async fn what_another_vpc_calls_by_the_same_names_is_not_meant() {
    let mut world = World::new(80);
    let other = world.fabric.vpc("10.9.0.0/16").create().unwrap();
    other.subnet("10.9.1.0/24").tag("Name", "backend").create().unwrap();
    other.security_group("web").create().unwrap();
    let meant = world.vpc.subnet("10.0.7.0/24").tag("Name", "backend").create().unwrap();
    let group = world.vpc.security_group("web").create().unwrap();
    world.declare_as("data", &format!("{BY_NAME}min: 1\nmax: 1"));
    world.start();
    world.until_ready("data", 1).await;
    let eni = world.ours_in_ec2().remove(0);
    assert_eq!(eni.subnet_id, *meant.id(), "{world}");
    let groups: Vec<String> = eni.security_groups.iter().map(|group| group.id.to_string()).collect();
    assert_eq!(groups, std::slice::from_ref(&group.id), "{world}");
    // One question each: what is asked before it is known where is asked twice.
    assert_eq!(world.ec2.calls_of(Action::DescribeSubnets).len(), 1, "{world}");
}

#[tokio::test(start_paused = true)]
async fn what_is_made_after_its_nodeeni_is_found_and_is_not_asked_for_all_the_time() {
    let mut world = World::new(81);
    world.declare_as("data", &format!("{BY_NAME}min: 1\nmax: 2"));
    world.start();
    world.wait(5).await;
    assert_eq!(world.add("pod-1", "data", PATIENCE).await, Err(7));
    world.vpc.subnet("10.0.7.0/24").tag("Name", "backend").create().unwrap();
    world.wait(2 * 3600).await;
    // The subnet is there by now, and the group is missing.
    assert_eq!(world.add("pod-1", "data", PATIENCE).await, Err(7));
    world.ec2.take_calls();
    world.wait(3600).await;
    let (subnets, groups) = (Action::DescribeSubnets, Action::DescribeSecurityGroups);
    // By the group's name and by its tag.
    let asked = world.ec2.calls_of(groups).len();
    assert!((2..=10).contains(&asked) && world.ec2.calls_of(subnets).is_empty(), "{world}");
    world.vpc.security_group("web").create().unwrap();
    world.until("ready", 1400, |world| !world.of_pool("data").is_empty()).await;
    world.add("pod-1", "data", PATIENCE).await.unwrap();
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_anew_when_ec2_does_not_know_what_it_meant() {
    let mut world = World::new(83);
    world.vpc.subnet("10.0.7.0/24").tag("Name", "backend").create().unwrap();
    world.vpc.security_group("web").create().unwrap();
    world.declare_as("data", &format!("{BY_NAME}min: 1\nmax: 2"));
    world.start();
    world.until_ready("data", 1).await;
    let asked = |world: &World| world.ec2.calls_of(Action::DescribeSecurityGroups).len();
    let before = asked(&world);
    world.ec2.at(Action::CreateNetworkInterface).times(1).refuses("InvalidGroup.NotFound");
    world.declare_as("data", &format!("{BY_NAME}min: 2\nmax: 2"));
    world.until_ready("data", 2).await;
    assert!(asked(&world) > before, "{world}");
    world.check_settled();
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_one_eni_per_subnet_gets_the_one_of_a_subnet_that_was_made_later() {
    let mut world = World::new(82);
    world.vpc.subnet("10.0.7.0/24").tag("Name", "backend").create().unwrap();
    let spec = "nodeSelector: {}\nsubnetNames: [backend, frontend]\nsecurityGroupNames: [pods]\n";
    world.declare_as("data", spec);
    world.start();
    world.until_ready("data", 1).await;
    world.wait(600).await;
    world.vpc.subnet("10.0.8.0/24").tag("Name", "frontend").create().unwrap();
    world.until("both", 1400, |world| world.of_pool("data").len() == 2).await;
    world.until_ready("data", 2).await;
    world.check_settled();
}
