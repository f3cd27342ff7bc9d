use super::*;
use crate::observe::Subject;
use crate::plan::{Change, Need};

fn of(state: State) -> (Pool, Observed) {
    let data = pool("data", 1);
    let world = observed([entry(&data, 1, state)]);
    (data, world)
}

#[test]
fn the_state_follows_the_records() {
    let (data, mut world) = of(State::Ready);
    world.held.insert(eni_id(1), owner("c1"));
    let taken = plan(&declared([data.clone()]), &world);
    assert_eq!(words(&taken), ["eni-00000000000000001 is in use: container c1 (net1 of network net) has it"]);
    let (_, world) = of(State::InUse);
    assert_eq!(words(&plan(&declared([data]), &world)), ["eni-00000000000000001 is cooling: it rests for 30 s"]);
}

#[test]
fn an_eni_rests_before_it_is_free_again() {
    let (data, mut world) = of(State::Cooling);
    world.entries[0].upkeep.since = NOW - 29;
    let resting = plan(&declared([data.clone()]), &world);
    assert_eq!(words(&resting), Vec::<String>::new());
    assert_eq!(resting.wake_at, Some(NOW + 1));
    world.now += 1;
    assert_eq!(words(&plan(&declared([data]), &world)), ["eni-00000000000000001 is ready: it has rested"]);
}

#[test]
fn an_eni_whose_link_is_gone_is_not_free_again() {
    let (data, mut world) = of(State::Cooling);
    world.links = Some(Vec::new());
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.needs, [Need::Look(eni_id(1))].into());
}

#[test]
fn what_the_kernel_shows_is_taken_in_at_once_even_before_ec2_says_attached() {
    for state in [State::Attaching, State::Attached] {
        let (data, mut world) = of(state);
        world.links = Some(world.entries.iter().map(link).collect());
        let plan = plan(&declared([Pool { link_name: Some(ifname("data0")), ..data }]), &world);
        assert_eq!(words(&plan), ["take eni-00000000000000001 in as data0"]);
    }
}

#[test]
fn an_attachment_that_may_never_have_been_asked_for_is_looked_at() {
    let (data, mut world) = of(State::Attaching);
    world.asked.clear();
    world.entries[0].upkeep.attachment_id = None;
    assert_eq!(plan(&declared([data]), &world).needs, [Need::Look(eni_id(1))].into());
}

#[test]
fn each_attribute_that_differs_is_one_change_and_one_at_a_time() {
    let (data, mut world) = of(State::Ready);
    let differing = Pool { source_dest_check: false, ..data };
    world.entries[0].upkeep.delete_on_termination = Some(false);
    let first = plan(&declared([differing.clone()]), &world);
    let change = Change::DeleteOnTermination(true);
    assert_eq!(first.actions, [Action::Modify { eni: eni_id(1), change }]);
    world.entries[0].upkeep.delete_on_termination = Some(true);
    let second = plan(&declared([differing]), &world);
    assert_eq!(second.actions, [Action::Modify { eni: eni_id(1), change: Change::SourceDestCheck(false) }]);
}

#[test]
fn drift_of_security_groups_tags_and_addresses_is_repaired() {
    let (data, world) = of(State::Ready);
    let mut groups = world.clone();
    groups.entries[0].upkeep.security_groups = vec!["sg-0000000b".to_string()];
    assert_eq!(names(&plan(&declared([data.clone()]), &groups)), ["modify"]);
    let mut tags = world.clone();
    tags.entries[0].tags.remove(crate::tags::NO_MANAGE);
    assert_eq!(
        words(&plan(&declared([data.clone()]), &tags)),
        ["tag eni-00000000000000001 with node.k8s.amazonaws.com/no_manage"]
    );
    let more = Pool { secondary_ipv4: 2, ..data };
    assert_eq!(words(&plan(&declared([more]), &world)), ["assign 2 IPv4 addresses to eni-00000000000000001"]);
}

#[test]
fn drift_in_ec2_is_repaired_under_a_pod_too_and_that_of_the_link_is_not() {
    let (data, mut world) = of(State::InUse);
    world.held.insert(eni_id(1), owner("c1"));
    world.entries[0].upkeep.security_groups = vec!["sg-0000000b".to_string()];
    let mut seen = link(&world.entries[0]);
    seen.name = "net1".to_string();
    world.links = Some(vec![seen]);
    assert_eq!(names(&plan(&declared([data]), &world)), ["modify"]);
}

#[test]
fn rou_1_what_a_daemon_did_to_a_link_is_put_right() {
    let (data, world) = of(State::Ready);
    type Spoil = fn(&mut HostLink);
    let spoil: [(&str, Spoil); 5] = [
        ("its name is ens7", |link| link.name = "ens7".to_string()),
        ("its MTU is 1500 and not 9001", |link| link.mtu = 1500),
        ("it does not bear its id", |link| link.alias = None),
        ("a daemon of the host has given it addresses", |link| link.addresses = vec!["10.0.1.1/24".parse().unwrap()]),
        ("it is up", |link| link.up = true),
    ];
    for (why, spoil) in spoil {
        let mut world = world.clone();
        spoil(&mut world.links.as_mut().unwrap()[0]);
        let plan = plan(&declared([Pool { mtu: Some(9001), ..data.clone() }]), &world);
        assert_eq!(words(&plan), [format!("put the link of eni-00000000000000001 right: {why}")]);
    }
}

#[test]
fn an_mtu_that_the_link_cannot_have_is_not_tried_for_ever() {
    let (data, mut world) = of(State::Ready);
    let links = world.links.as_mut().unwrap();
    (links[0].mtu, links[0].mtu_range) = (1500, 68..=1500);
    assert_eq!(words(&plan(&declared([Pool { mtu: Some(9001), ..data }]), &world)), Vec::<String>::new());
}

#[test]
fn both_sides_of_an_eni_are_worked_on_at_once_and_each_once() {
    let (data, mut world) = of(State::Attaching);
    world.links = Some(world.entries.iter().map(link).collect());
    world.entries[0].upkeep.delete_on_termination = Some(false);
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), ["arrive", "modify"]);
    world.busy = [Subject::Cloud(eni_id(1)), Subject::Link(eni_id(1))].into();
    assert_eq!(names(&plan(&declared([data]), &world)), Vec::<&str>::new());
}

#[test]
fn a_stranger_is_forgotten_when_the_metadata_and_the_kernel_are_without_it() {
    let data = pool("data", 0);
    let stranger = Entry { pool: None, ..entry(&data, 1, State::Ready) };
    let mut world = observed([stranger.clone()]);
    assert_eq!(words(&plan(&declared([]), &world)), Vec::<String>::new());
    world.links = Some(Vec::new());
    assert_eq!(names(&plan(&declared([]), &world)), ["forget"]);
    world.metadata.as_mut().unwrap().push(interface(&stranger));
    assert_eq!(names(&plan(&declared([]), &world)), Vec::<&str>::new());
}

#[test]
fn what_a_dead_pod_left_is_released_after_the_grace_period() {
    let mut world = observed([]);
    world.gone.insert(owner("c1"), NOW - 20);
    let early = plan(&declared([]), &world);
    assert_eq!((words(&early), early.wake_at), (Vec::new(), Some(NOW + 10)));
    world.now += 10;
    assert_eq!(words(&plan(&declared([]), &world)), ["release what container c1 (net1 of network net) had"]);
}

#[test]
fn lea_1_an_eni_whose_attachment_had_no_answer_is_looked_at() {
    for state in [State::Ready, State::Cooling] {
        let (data, mut world) = of(state);
        world.entries[0].upkeep.attachment_id = None;
        assert!(plan(&declared([data]), &world).needs.contains(&Need::Look(eni_id(1))), "{state}");
    }
}

#[test]
fn a_wished_name_that_another_link_has_is_not_tried_over_and_over() {
    let (data, mut world) = of(State::Ready);
    let data = Pool { link_name: Some(ifname("data0")), ..data };
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), ["look-after"]);
    let links = world.links.as_mut().unwrap();
    let other = HostLink { index: 99, name: "data0".to_string(), mac_address: None, ..links[0].clone() };
    links.push(other);
    assert_eq!(names(&plan(&declared([data]), &world)), Vec::<&str>::new());
}

#[test]
fn a_state_that_could_not_be_written_is_not_written_over_and_over() {
    let (data, mut world) = of(State::InUse);
    let reason = "no space left".to_string();
    let held = crate::observe::Held { until: NOW + 4, failures: 1, reason, code: 5 };
    world.holds.insert(crate::observe::Hold::Link(eni_id(1)), held);
    let plan = plan(&declared([data]), &world);
    assert_eq!((words(&plan), plan.wake_at), (Vec::new(), Some(NOW + 4)));
}

#[test]
fn what_does_not_come_for_long_is_looked_at_as_seldom_as_the_rest() {
    let (data, mut world) = of(State::Ready);
    world.links = Some(Vec::new());
    world.looked.insert(eni_id(1), NOW - 100);
    let plan = plan(&declared([data]), &world);
    assert!(plan.needs.is_empty(), "{:?}", plan.needs);
    assert_eq!(plan.wake_at, Some(NOW + 500));
}

#[test]
fn no_addresses_are_assigned_again_before_it_is_known_whether_they_were() {
    let (data, mut world) = of(State::Ready);
    let more = Pool { secondary_ipv4: 2, ..data };
    world.doubtful.insert(eni_id(1));
    assert_eq!(words(&plan(&declared([more]), &world)), Vec::<String>::new());
}

#[test]
fn an_eni_that_was_found_gets_what_is_known_of_its_subnet() {
    let (data, mut world) = of(State::Ready);
    let subnet = world.entries[0].subnet.clone();
    world.entries[0].subnet.ipv4_cidr = None;
    let known = std::mem::take(&mut world.subnets);
    let needs = |world: &Observed| plan(&declared([data.clone()]), world).needs;
    assert!(needs(&world).contains(&Need::Subnet(Reference::Id(subnet.id.clone()))));
    world.subnets = known;
    assert_eq!(needs(&world), [Need::Look(eni_id(1))].into());
    world.entries[0].subnet = subnet;
    assert_eq!(needs(&world), [].into());
}
