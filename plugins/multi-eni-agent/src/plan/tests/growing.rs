use super::*;
use crate::observe::{Held, Hold};
use crate::plan::Need;

fn creates(plan: &Plan) -> usize {
    plan.actions.iter().filter(|action| matches!(action, Action::Create(_))).count()
}

#[test]
fn an_empty_pool_of_two_asks_for_two() {
    let plan = plan(&declared([pool("data", 2)]), &observed([]));
    assert_eq!(creates(&plan), 2);
    assert!(plan.needs.is_empty(), "{:?}", plan.needs);
    assert_eq!(plan.pools[&name("data")].waiting, Vec::<String>::new());
}

#[test]
fn a_full_pool_asks_for_nothing_at_all() {
    let data = pool("data", 2);
    let plan =
        plan(&declared([data.clone()]), &observed([entry(&data, 1, State::Ready), entry(&data, 2, State::Ready)]));
    assert_eq!(words(&plan), Vec::<String>::new());
    assert!(plan.needs.is_empty());
    assert_eq!(plan.wake_at, None);
}

#[test]
fn what_is_on_its_way_is_not_asked_for_again() {
    let data = pool("data", 3);
    let mut observed = observed([entry(&data, 1, State::Attaching)]);
    observed.creations = vec![creation(&data, "aa")];
    observed.busy.insert(crate::observe::Subject::Creation("aa".to_string()));
    assert_eq!(creates(&plan(&declared([data]), &observed)), 1);
}

#[test]
fn lea_4_a_limit_of_four_with_one_of_others_gives_two_and_then_a_quiet_reason() {
    let data = pool("data", 10);
    let stranger = Entry { pool: None, ..entry(&data, 1, State::Ready) };
    let mut world = observed([stranger]);
    assert_eq!(creates(&plan(&declared([data.clone()]), &world)), 2);
    world.entries.extend([entry(&data, 2, State::Ready), entry(&data, 3, State::Ready)]);
    let links = world.entries.iter().map(link).collect();
    world.links = Some(links);
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
    let standing = &plan.pools[&name("data")];
    assert_eq!(standing.waiting, ["the instance has all of its 4 interfaces"]);
    assert_eq!(standing.refusal.as_ref().map(|(code, _)| *code), Some(102));
}

#[test]
fn dev_6_a_cap_of_the_node_holds_whatever_the_type_allows() {
    let mut world = observed([]);
    world.limits = Some(limits(8));
    world.limit.max_enis = Some(3);
    let plan = plan(&declared([pool("data", 6)]), &world);
    assert_eq!(creates(&plan), 3);
    assert_eq!(plan.pools[&name("data")].waiting, ["max_enis of node.toml allows 3 ENIs"]);
}

#[test]
fn interfaces_left_to_others_are_not_taken() {
    let mut world = observed([]);
    world.limit.reserved_enis = 2;
    assert_eq!(creates(&plan(&declared([pool("data", 6)]), &world)), 1);
}

#[test]
fn what_others_have_already_is_of_what_is_left_to_them() {
    let data = pool("data", 6);
    let mut world = observed([]);
    world.limit.reserved_enis = 2;
    let one_of_theirs = interface(&entry(&data, 1, State::Ready));
    world.metadata.as_mut().unwrap().push(one_of_theirs);
    assert_eq!(creates(&plan(&declared([data.clone()]), &world)), 1);
    let ours = entry(&data, 2, State::Ready);
    let mut world = Observed { entries: vec![ours.clone()], ..world };
    world.metadata.as_mut().unwrap().push(interface(&ours));
    assert_eq!(creates(&plan(&declared([data]), &world)), 0);
}

#[test]
fn each_of_several_subnets_gets_one_and_those_of_other_zones_none() {
    let subnets = ["subnet-0000000a", "subnet-0000000b", "subnet-0000000c"].map(|id| Reference::Id(id.to_string()));
    let data = Pool { subnets: subnets.to_vec(), min: None, ..pool("data", 0) };
    let mut world = observed([]);
    let zones = [ZONE, ZONE, "eu-central-1b"];
    world.subnets = subnets
        .iter()
        .zip(["subnet-0000000a", "subnet-0000000b", "subnet-0000000c"].iter().zip(zones))
        .map(|(reference, (id, zone))| (reference.clone(), vec![subnet(id, zone, 10)]))
        .collect();
    let plan = plan(&declared([data]), &world);
    assert_eq!(
        words(&plan),
        ["create an ENI of pool data in subnet-0000000a", "create an ENI of pool data in subnet-0000000b"]
    );
}

#[test]
fn ec2_5_a_full_subnet_is_waited_for_and_not_made_up_for_in_another() {
    let subnets = ["subnet-0000000a", "subnet-0000000b"].map(|id| Reference::Id(id.to_string()));
    let data = Pool { subnets: subnets.to_vec(), min: None, ..pool("data", 0) };
    let mut world = observed([entry(&data, 1, State::Ready)]);
    world.subnets = [
        (subnets[0].clone(), vec![subnet("subnet-0000000a", ZONE, 10)]),
        (subnets[1].clone(), vec![subnet("subnet-0000000b", ZONE, 10)]),
    ]
    .into();
    let reason = "subnet subnet-0000000b has no free address (InsufficientFreeAddressesInSubnet)".to_string();
    let held = Held { until: NOW + 60, failures: 1, reason: reason.clone(), code: 101 };
    world.holds.insert(Hold::Subnet("subnet-0000000b".to_string()), held);
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.pools[&name("data")].refusal, Some((101, reason)));
    assert_eq!(plan.wake_at, Some(NOW + 60));
}

#[test]
fn the_subnet_with_the_most_free_addresses_is_chosen_where_that_is_asked_for() {
    let subnets = ["subnet-0000000a", "subnet-0000000b"].map(|id| Reference::Id(id.to_string()));
    let choice = SubnetChoice::MostFree;
    let data = Pool { subnets: subnets.to_vec(), subnet_choice: choice, ..pool("data", 1) };
    let mut world = observed([]);
    world.subnets = [
        (subnets[0].clone(), vec![subnet("subnet-0000000a", ZONE, 3)]),
        (subnets[1].clone(), vec![subnet("subnet-0000000b", ZONE, 9)]),
    ]
    .into();
    assert_eq!(words(&plan(&declared([data]), &world)), ["create an ENI of pool data in subnet-0000000b"]);
}

#[test]
fn a_subnet_without_the_family_of_the_wanted_addresses_is_a_fault_and_another_is_taken() {
    let references = ["subnet-0000000a", "subnet-0000000b"].map(|id| Reference::Id(id.to_string()));
    let mut dual = subnet("subnet-0000000a", ZONE, 3);
    dual.ipv6_cidrs = vec!["2001:db8:0:1::/64".parse().unwrap()];
    let ipv4_only = subnet("subnet-0000000b", ZONE, 9);
    let ipv6_only = Subnet { ipv4_cidr: None, id: "subnet-0000000b".parse().unwrap(), ..dual.clone() };
    for choice in [SubnetChoice::Each, SubnetChoice::MostFree] {
        let data = Pool { subnets: references.to_vec(), subnet_choice: choice, min: None, ..pool("data", 0) };
        let of_ipv6 = (Pool { ipv6: 1, ..data.clone() }, &ipv4_only, "no IPv6 CIDR");
        let of_ipv4 = (Pool { secondary_ipv4: 1, ..data }, &ipv6_only, "no IPv4 CIDR");
        for (data, other, fault) in [of_ipv6, of_ipv4] {
            let mut world = observed([]);
            world.subnets = references.iter().cloned().zip([vec![dual.clone()], vec![other.clone()]]).collect();
            let plan = plan(&declared([data]), &world);
            assert_eq!(words(&plan), ["create an ENI of pool data in subnet-0000000a"]);
            let (code, reason) = plan.pools[&name("data")].refusal.clone().unwrap();
            assert!(code == 7 && reason.contains("subnet-0000000b") && reason.contains(fault), "{reason}");
            assert_eq!(plan.doubts, [Need::Subnet(references[1].clone())].into());
        }
    }
}

#[test]
fn a_name_that_means_two_subnets_is_a_fault_and_nothing_is_made() {
    let reference = Reference::Name("backend".to_string());
    let data = Pool { subnets: vec![reference.clone()], ..pool("data", 1) };
    let mut world = observed([]);
    world.subnets.insert(reference, vec![subnet("subnet-0000000a", ZONE, 9), subnet("subnet-0000000b", ZONE, 9)]);
    let plan = plan(&declared([data]), &world);
    assert_eq!(creates(&plan), 0);
    let (code, reason) = plan.pools[&name("data")].refusal.clone().unwrap();
    assert_eq!(code, 7);
    assert!(reason.contains("subnet-0000000a, subnet-0000000b"), "{reason}");
}

#[test]
fn what_means_nothing_or_too_much_is_doubted_and_keeps_nobody_from_being_idle() {
    let (subnet_name, group) = (Reference::Name("backend".to_string()), Reference::Name("web".to_string()));
    let data = Pool { subnets: vec![subnet_name.clone()], security_groups: vec![group.clone()], ..pool("data", 1) };
    let several = vec![subnet("subnet-0000000a", ZONE, 9), subnet("subnet-0000000b", ZONE, 9)];
    let groups = vec!["sg-0000000a".parse().unwrap(), "sg-0000000b".parse().unwrap()];
    for (subnets, groups) in [(vec![], vec![]), (several, groups)] {
        let mut world = observed([]);
        world.subnets.insert(subnet_name.clone(), subnets);
        world.security_groups.insert(group.clone(), groups);
        let plan = plan(&declared([data.clone()]), &world);
        assert_eq!(plan.doubts, [Need::Subnet(subnet_name.clone()), Need::SecurityGroup(group.clone())].into());
        assert_eq!((words(&plan), plan.needs), (Vec::new(), [].into()));
    }
}

#[test]
fn names_that_are_not_looked_up_are_asked_for_first() {
    let (subnet, group) = (Reference::Name("backend".to_string()), Reference::Name("web".to_string()));
    let by_name = vec![Reference::Id("sg-0000000a".to_string()), group.clone()];
    let mut data = Pool { subnets: vec![subnet.clone()], ..pool("data", 1) };
    let first = plan(&declared([data.clone()]), &observed([]));
    assert!(first.needs.contains(&Need::Subnet(subnet)));
    data = Pool { security_groups: by_name, ..pool("data", 1) };
    let second = plan(&declared([data]), &observed([]));
    assert_eq!(second.needs, [Need::SecurityGroup(group)].into());
    assert_eq!(creates(&first) + creates(&second), 0);
}

#[test]
fn without_the_metadata_or_the_limits_nothing_is_made() {
    for (forget, need) in [
        ((|world: &mut Observed| world.metadata = None) as fn(&mut Observed), Need::Metadata),
        (|world| world.limits = None, Need::Limits),
    ] {
        let mut world = observed([]);
        forget(&mut world);
        let plan = plan(&declared([pool("data", 1)]), &world);
        assert_eq!(creates(&plan), 0);
        assert_eq!(plan.needs, [need].into());
    }
}

#[test]
fn plugins_that_wait_make_a_pool_grow_up_to_its_greatest_size() {
    let data = Pool { max: Some(2), ..pool("data", 0) };
    let mut world = observed([]);
    world.demand.insert(name("data"), 3);
    assert_eq!(creates(&plan(&declared([data]), &world)), 2);
}

#[test]
fn a_plugin_that_waits_is_told_when_all_enis_of_the_pool_are_in_use() {
    let data = pool("data", 1);
    let mut world = observed([entry(&data, 1, State::InUse)]);
    world.held.insert(eni_id(1), owner("c1"));
    world.demand.insert(name("data"), 1);
    let plan = plan(&declared([data]), &world);
    assert_eq!(plan.pools[&name("data")].refusal.as_ref().map(|(code, _)| *code), Some(11));
    assert_eq!(words(&plan), Vec::<String>::new());
}

#[test]
fn warm_enis_are_beyond_those_in_use() {
    let data = Pool { warm: 2, max: Some(9), ..pool("data", 0) };
    let mut world = observed([entry(&data, 1, State::InUse)]);
    world.limits = Some(limits(8));
    world.held.insert(eni_id(1), owner("c1"));
    assert_eq!(creates(&plan(&declared([data]), &world)), 2);
}

#[test]
fn an_eni_that_rests_counts_as_warm_and_not_for_who_waits() {
    let data = Pool { warm: 1, max: Some(9), ..pool("data", 0) };
    let mut world = observed([Entry {
        upkeep: Upkeep { since: NOW - 5, ..entry(&data, 1, State::Cooling).upkeep },
        ..entry(&data, 1, State::Cooling)
    }]);
    assert_eq!(creates(&plan(&declared([data.clone()]), &world)), 0);
    world.demand.insert(name("data"), 1);
    assert_eq!(creates(&plan(&declared([data]), &world)), 1);
}

#[test]
fn what_is_on_no_instance_is_attached_before_another_is_made() {
    let data = pool("data", 2);
    let plan = plan(&declared([data.clone()]), &observed([entry(&data, 1, State::Created)]));
    assert_eq!(
        words(&plan),
        ["attach eni-00000000000000001 at card 0 index 1", "create an ENI of pool data in subnet-0000000a"]
    );
}

#[test]
fn ec2_1_a_slot_that_ec2_refused_is_passed_over_and_cards_are_kept_apart() {
    let data = Pool { network_card: 1, ..pool("data", 1) };
    let mut world = observed([entry(&data, 5, State::Created)]);
    world.limits = Some(InstanceTypeLimits {
        cards: vec![Card { index: 0, interfaces: 4 }, Card { index: 1, interfaces: 4 }],
        ..limits(8)
    });
    let on_card_0 = Slot { network_card_index: 0, device_index: 1 };
    let refused = Slot { network_card_index: 1, device_index: 1 };
    world.taken_slots = [(on_card_0, NOW + 60), (refused, NOW + 60)].into();
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), ["attach eni-00000000000000005 at card 1 index 2"]);
}

#[test]
fn a_node_that_goes_away_gets_and_loses_nothing() {
    let data = pool("data", 3);
    let mut world =
        observed([entry(&data, 1, State::Created), entry(&data, 2, State::Ready), entry(&data, 3, State::Detaching)]);
    world.leaving = true;
    world.asked.clear();
    assert_eq!(words(&plan(&declared([data.clone()]), &world)), Vec::<String>::new());
    assert_eq!(words(&plan(&declared([]), &world)), Vec::<String>::new());
}

#[test]
fn lea_4_a_limit_that_ec2_told_stops_all_pools() {
    let held = Held { until: NOW + 300, failures: 1, reason: "limit".to_string(), code: 102 };
    let mut world = observed([]);
    world.holds.insert(Hold::Growth, held);
    let plan = plan(&declared([pool("a", 1), pool("b", 1)]), &world);
    assert_eq!(creates(&plan), 0);
    assert_eq!(plan.pools[&name("b")].refusal, Some((102, "limit".to_string())));
}

#[test]
fn addresses_that_no_eni_of_the_instance_takes_are_said_and_nothing_is_made() {
    let mut world = observed([]);
    world.limits = Some(InstanceTypeLimits { ipv4_per_interface: 6, ipv6_per_interface: 6, ..limits(4) });
    let ipv6 = vec!["2001:db8:0:1::/64".parse().unwrap()];
    world.subnets.values_mut().flatten().for_each(|subnet| subnet.ipv6_cidrs = ipv6.clone());
    for (secondary_ipv4, ipv6, made) in [(5, 6, 1), (6, 0, 0), (0, 7, 0)] {
        let data = Pool { secondary_ipv4, ipv6, ..pool("data", 1) };
        let plan = plan(&declared([data, pool("other", 1)]), &world);
        assert_eq!(creates(&plan), made + 1, "{:?}", plan.pools);
        let refusal = plan.pools[&name("data")].refusal.as_ref().map(|(code, _)| *code);
        assert_eq!(refusal, (made == 0).then_some(102));
    }
}

#[test]
fn a_creation_without_an_answer_is_asked_again_with_its_own_token() {
    let data = pool("data", 1);
    let mut world = observed([]);
    world.creations = vec![creation(&data, "f00d")];
    assert_eq!(words(&plan(&declared([data]), &world)), ["create the ENI of pool data with token f00d"]);
}

#[test]
fn nobody_is_sent_away_for_an_eni_that_old_metadata_still_show() {
    let data = Pool { max: Some(9), ..pool("data", 0) };
    let mut world = observed([]);
    world.demand.insert(name("data"), 1);
    world.limits = Some(limits(1));
    let fresh = plan(&declared([data.clone()]), &world);
    assert_eq!(fresh.pools[&name("data")].refusal.as_ref().map(|(code, _)| *code), Some(102));
    world.metadata_at = NOW - 60;
    let old = plan(&declared([data]), &world);
    assert_eq!(old.pools[&name("data")].refusal, None);
    assert_eq!(old.needs, [Need::Metadata].into());
}

#[test]
fn an_eni_out_of_order_counts_for_nothing_but_room() {
    let data = pool("data", 1);
    let broken = |max| Pool { max: Some(max), ..data.clone() };
    let world = observed([entry(&data, 1, State::Quarantined)]);
    let more = plan(&declared([broken(2)]), &world);
    assert_eq!(creates(&more), 1);
    assert_eq!(more.pools[&name("data")].waiting, ["1 of its ENIs are out of order: see the last error of each"]);
    assert_eq!(creates(&plan(&declared([broken(1)]), &world)), 0);
}

#[test]
fn ec2_1_no_more_enis_are_made_than_their_network_card_takes() {
    let data = Pool { network_card: 1, ..pool("data", 4) };
    let mut world = observed([]);
    world.limits = Some(InstanceTypeLimits {
        cards: vec![Card { index: 0, interfaces: 4 }, Card { index: 1, interfaces: 2 }],
        ..limits(6)
    });
    let plan = plan(&declared([data]), &world);
    assert_eq!(creates(&plan), 2);
    assert_eq!(plan.pools[&name("data")].waiting, ["network card 1 takes no further interface"]);
}
