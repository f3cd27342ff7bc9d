//! ENIs that the kubelet gives out.

use super::*;
use crate::observe::Asked;

/// A pool with a resource and three ENIs, of which it needs one.
fn three() -> (Pool, Observed) {
    let data = Pool { resource_name: Some("intel.com/ena".to_string()), ..pool("data", 1) };
    let mut world = observed((1..=3).map(|number| entry(&data, number, State::Ready)));
    for entry in &mut world.entries {
        entry.pci_address = Some(device(entry.device_index));
    }
    (data, world)
}

fn device(number: u32) -> node::names::PciAddr {
    format!("0000:00:{:02x}.0", number + 5).parse().unwrap()
}

fn withheld(plan: &Plan) -> Vec<String> {
    plan.withheld.iter().map(ToString::to_string).collect()
}

#[test]
fn dev_2_an_eni_that_is_too_many_is_offered_no_more_before_it_goes() {
    let (data, mut world) = three();
    let declared = declared([data]);
    let first = plan(&declared, &world);
    assert_eq!(words(&first), Vec::<String>::new());
    assert_eq!(withheld(&first), ["eni-00000000000000002", "eni-00000000000000003"]);
    assert!(first.needs.contains(&Need::GivenOut));
    world.withheld = [(eni_id(2), Asked::Since), (eni_id(3), Asked::NotYet)].into();
    let second = plan(&declared, &world);
    assert_eq!(words(&second), ["detach eni-00000000000000002"]);
    assert_eq!(withheld(&second), ["eni-00000000000000002", "eni-00000000000000003"]);
}

#[test]
fn dev_4_what_is_allocated_stays_though_no_record_says_so() {
    let (data, mut world) = three();
    world.allocated = [device(3)].into();
    world.withheld = [(eni_id(2), Asked::Since), (eni_id(3), Asked::Since)].into();
    let plan = plan(&declared([data.clone()]), &world);
    assert_eq!(words(&plan), ["detach eni-00000000000000002"]);
    assert_eq!(plan.pools[&data.name].in_use, 1);
    // Also where its pool is declared no more.
    let plan = super::plan(&declared([]), &world);
    assert_eq!(words(&plan), ["detach eni-00000000000000002"]);
    assert_eq!(withheld(&plan), ["eni-00000000000000001", "eni-00000000000000002"]);
}

#[test]
fn the_devices_that_are_free_above_the_allocated_ones_are_kept_warm() {
    let data = Pool { resource_name: Some("intel.com/ena".to_string()), warm: 1, max: Some(3), ..pool("data", 1) };
    let mut world = observed([entry(&data, 1, State::Ready)]);
    world.entries[0].pci_address = Some(device(1));
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), Vec::<&str>::new());
    world.allocated = [device(1)].into();
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), ["create"]);
    let full = Pool { max: Some(1), ..data };
    assert_eq!(names(&plan(&declared([full]), &world)), Vec::<&str>::new());
}

#[test]
fn dev_6_a_resource_never_grows_past_what_the_node_allows() {
    let data = Pool { resource_name: Some("intel.com/ena".to_string()), warm: 8, ..pool("data", 1) };
    let mut world = observed([entry(&data, 1, State::Ready)]);
    world.limits = Some(limits(8));
    world.limit.max_enis = Some(3);
    assert_eq!(names(&plan(&declared([data]), &world)), ["create", "create"]);
}

#[test]
fn the_pool_of_a_resource_whose_device_rests_has_it_in_use_until_the_kubelet_has_it_back() {
    let (data, mut world) = three();
    world.entries[0].state = State::Cooling;
    world.allocated = [device(1)].into();
    let plan = plan(&declared([data.clone()]), &world);
    assert_eq!((plan.pools[&data.name].in_use, plan.pools[&data.name].cooling), (1, 0));
}
