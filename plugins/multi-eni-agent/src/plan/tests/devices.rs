//! ENIs that the kubelet gives out.

use super::*;
use crate::observe::Asked;
use node::inventory::Seen;

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

/// An ENI of a pool for user space in this state, taken in or not, and its device's driver.
fn for_user_space(state: State, is_placed: bool, driver: &str) -> (Pool, Observed) {
    let dpdk = Pool { mode: Mode::VfioPci, resource_name: Some("intel.com/fast".to_string()), ..pool("dpdk", 1) };
    let mut eni = entry(&dpdk, 1, state);
    if is_placed {
        eni.pci_address = Some(device(1));
        eni.original_driver = Some("ena".to_string());
    }
    let seen = Seen { driver: Some(driver.to_string()), ..Seen::default() };
    eni.seen = Some(seen.clone());
    let mut world = observed([eni]);
    if is_placed {
        world.devices = [(eni_id(1), seen)].into();
    }
    if driver == "vfio-pci" {
        world.links = Some(Vec::new());
    }
    (dpdk, world)
}

#[test]
fn an_eni_for_user_space_is_taken_in_before_it_is_handed_over() {
    let (dpdk, world) = for_user_space(State::Attached, false, "ena");
    assert_eq!(words(&plan(&declared([dpdk]), &world)), ["take eni-00000000000000001 in as eni-0000000001"]);
    let (dpdk, world) = for_user_space(State::Attached, true, "ena");
    assert_eq!(words(&plan(&declared([dpdk]), &world)), ["hand eni-00000000000000001 over to vfio-pci"]);
    // One that was handed over when the agent died.
    let (dpdk, world) = for_user_space(State::Attached, true, "vfio-pci");
    assert_eq!(words(&plan(&declared([dpdk]), &world)), ["hand eni-00000000000000001 over to vfio-pci"]);
}

#[test]
fn an_eni_in_user_spaces_hands_needs_nothing_and_is_not_missed() {
    let (dpdk, world) = for_user_space(State::Ready, true, "vfio-pci");
    let quiet = plan(&declared([dpdk]), &world);
    assert_eq!((words(&quiet), quiet.needs), (Vec::new(), [].into()));
    let (dpdk, mut gone) = for_user_space(State::Ready, true, "vfio-pci");
    gone.devices.clear();
    assert_eq!(plan(&declared([dpdk]), &gone).needs, [Need::Look(eni_id(1))].into());
    // Somebody gave it back to the kernel.
    let (dpdk, world) = for_user_space(State::Ready, true, "ena");
    assert_eq!(words(&plan(&declared([dpdk]), &world)), ["hand eni-00000000000000001 over to vfio-pci"]);
}

#[test]
fn a_pool_of_another_mode_has_its_free_enis_change_hands() {
    let (dpdk, world) = for_user_space(State::Ready, true, "vfio-pci");
    let netdev = Pool { mode: Mode::Netdev, ..dpdk };
    assert_eq!(words(&plan(&declared([netdev.clone()]), &world)), ["write down how eni-00000000000000001 is"]);
    let mut noted = world.clone();
    noted.entries[0].pool = Some(netdev.for_eni_at(Some(device(1))));
    noted.entries[0].state = State::Attached;
    let plan_of = |world: &Observed| words(&plan(&declared([netdev.clone()]), world));
    assert_eq!(plan_of(&noted), ["take eni-00000000000000001 back from vfio-pci as eni-0000000001"]);
    // Not while somebody has it.
    let mut held = world.clone();
    held.held.insert(eni_id(1), owner("c1"));
    held.entries[0].state = State::InUse;
    assert_eq!(plan_of(&held), Vec::<String>::new());
    let mut allocated = world;
    allocated.allocated = [device(1)].into();
    assert_eq!(plan_of(&allocated), Vec::<String>::new());
}

#[test]
fn vfi_5_how_a_device_is_now_is_written_down() {
    let (dpdk, mut world) = for_user_space(State::Ready, true, "vfio-pci");
    let open = Seen { write_combining: Some("no".to_string()), ..world.devices[&eni_id(1)].clone() };
    world.devices = [(eni_id(1), open.clone())].into();
    let noted = plan(&declared([dpdk]), &world);
    assert!(matches!(&noted.actions[..], [Action::Note { seen, .. }] if *seen == Some(open)), "{:?}", noted.actions);
}

#[test]
fn what_a_pod_had_in_user_space_of_a_pool_of_the_kernels_is_taken_back() {
    let (dpdk, mut world) = for_user_space(State::Cooling, true, "vfio-pci");
    let netdev = Pool { mode: Mode::Netdev, resource_name: None, ..dpdk };
    world.entries[0].pool = Some(netdev.for_eni_at(None));
    let expected = ["take eni-00000000000000001 back from vfio-pci as eni-0000000001"];
    assert_eq!(words(&plan(&declared([netdev.clone()]), &world)), expected);
    world.held.insert(eni_id(1), owner("c1"));
    world.entries[0].state = State::InUse;
    assert_eq!(words(&plan(&declared([netdev]), &world)), Vec::<String>::new());
}
