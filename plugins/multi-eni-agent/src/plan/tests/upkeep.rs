//! What is put right in EC2, and what does not wait for that.

use super::*;
use crate::observe::{Held, Hold, Verb};
use crate::plan::Change;

/// EC2 refuses this of the first ENI for a while.
fn refuse(world: &mut Observed, verb: Verb) {
    let held = Held { until: NOW + 600, failures: 1, reason: "UnauthorizedOperation".to_string(), code: 100 };
    world.holds.insert(Hold::Cloud(eni_id(1), verb), held);
}

/// An ENI that lacks a tag and has other security groups than declared.
fn drifted(pool: &Pool) -> Entry {
    let mut drifted = entry(pool, 1, State::Ready);
    drifted.tags.remove(crate::tags::NO_MANAGE);
    drifted.upkeep.security_groups = vec!["sg-0000000b".to_string()];
    drifted
}

#[test]
fn an_eni_that_is_too_many_is_detached_and_not_repaired_first() {
    let data = pool("data", 0);
    let mut world = observed([drifted(&data)]);
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), ["detach"]);
    refuse(&mut world, Verb::Tag);
    refuse(&mut world, Verb::Modify);
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), ["detach"]);
    assert_eq!(names(&plan(&declared([]), &world)), ["detach"]);
}

#[test]
fn a_shared_eni_gets_its_addresses_before_it_is_repaired() {
    let shared = Pool { sharing: Sharing::Shared, secondary_ipv4: 2, ..pool("shared", 1) };
    let mut world = observed([drifted(&shared)]);
    assert_eq!(names(&plan(&declared([shared.clone()]), &world)), ["assign"]);
    refuse(&mut world, Verb::Modify);
    assert_eq!(names(&plan(&declared([shared]), &world)), ["assign"]);
}

#[test]
fn what_ec2_refuses_to_assign_keeps_nothing_else_from_being_done() {
    let shared = Pool { sharing: Sharing::Shared, secondary_ipv4: 2, ipv6: 1, ..pool("shared", 1) };
    let mut world = observed([drifted(&shared)]);
    refuse(&mut world, Verb::AssignIpv4);
    let other_family = plan(&declared([shared.clone()]), &world);
    assert_eq!(other_family.actions, [Action::AssignIpv6 { eni: eni_id(1), count: 1 }]);
    assert_eq!(other_family.wake_at, Some(NOW + 600));
    refuse(&mut world, Verb::AssignIpv6);
    assert_eq!(names(&plan(&declared([shared]), &world)), ["modify"]);
}

#[test]
fn what_ec2_refuses_to_change_keeps_it_from_no_other_repair() {
    let data = Pool { secondary_ipv4: 1, ..pool("data", 1) };
    let mut world = observed([drifted(&data)]);
    let groups = vec!["sg-0000000a".parse().unwrap()];
    let first = Action::Modify { eni: eni_id(1), change: Change::SecurityGroups(groups) };
    assert_eq!(plan(&declared([data.clone()]), &world).actions, [first]);
    for (verb, then) in [(Verb::Modify, vec!["tag"]), (Verb::Tag, vec!["assign"]), (Verb::AssignIpv4, vec![])] {
        refuse(&mut world, verb);
        let plan = plan(&declared([data.clone()]), &world);
        assert_eq!((names(&plan), plan.wake_at), (then, Some(NOW + 600)), "{verb:?}");
    }
}
