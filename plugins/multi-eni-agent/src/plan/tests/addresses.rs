use node::addresses::{AddressState, AddressUse};
use node::inventory::Ipv6Address;
use node::record::Call;

use super::*;

fn shared() -> Pool {
    Pool { sharing: Sharing::Shared, secondary_ipv4: 2, ..pool("shared", 1) }
}

/// A shared ENI with secondary addresses 10.0.1.100 and up.
fn with_addresses(count: u32) -> Observed {
    let mut eni = entry(&shared(), 1, State::Ready);
    eni.ipv4_addresses.extend((0..count).map(|number| Ipv4Address { address: address(number), primary: false }));
    eni.upkeep.addresses_changed_at = NOW - 1000;
    observed([eni])
}

fn address(number: u32) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from(0x0a00_0164 + number)
}

fn usage(number: u32, state: AddressState) -> AddressUse {
    AddressUse {
        owner: owner(&format!("c{number}")),
        network_interface_id: eni_id(1),
        addresses: vec![address(number).into()],
        state,
        namespace: None,
        call: Call { config: serde_json::Map::new(), path: String::new(), args: String::new() },
        owes_chain: false,
    }
}

#[test]
fn the_asked_number_of_free_addresses_is_kept() {
    let mut world = with_addresses(2);
    assert_eq!(words(&plan(&declared([shared()]), &world)), Vec::<String>::new());
    world.address_uses = vec![usage(0, AddressState::Used)];
    assert_eq!(words(&plan(&declared([shared()]), &world)), ["assign 1 IPv4 addresses to eni-00000000000000001"]);
}

#[test]
fn an_address_that_rests_is_not_free_and_not_given_back() {
    let mut world = with_addresses(3);
    world.address_uses = vec![usage(2, AddressState::Cooling { until: NOW + 5 })];
    assert_eq!(words(&plan(&declared([shared()]), &world)), Vec::<String>::new());
    world.now += 5;
    let plan = plan(&declared([shared()]), &world);
    assert_eq!(plan.actions, [Action::UnassignIpv4 { eni: eni_id(1), addresses: vec![address(2)] }]);
}

#[test]
fn a_surplus_is_kept_for_a_while() {
    let mut world = with_addresses(3);
    world.entries[0].upkeep.addresses_changed_at = NOW - 20;
    let plan = plan(&declared([shared()]), &world);
    assert_eq!((words(&plan), plan.wake_at), (Vec::new(), Some(NOW + 100)));
}

#[test]
fn what_the_type_does_not_allow_is_a_reason_and_no_call() {
    let mut world = with_addresses(9);
    world.address_uses = (0..9).map(|number| usage(number, AddressState::Used)).collect();
    let plan = plan(&declared([shared()]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
    let waiting = &plan.pools[&name("shared")].waiting;
    assert_eq!(waiting, &["eni-00000000000000001 has all the addresses that its instance's type allows"]);
}

#[test]
fn a_shared_eni_with_pods_is_never_detached() {
    let mut world = with_addresses(2);
    world.address_uses = vec![usage(0, AddressState::Used)];
    let plan = plan(&declared([]), &world);
    assert!(!names(&plan).contains(&"detach"), "{:?}", words(&plan));
}

#[test]
fn no_addresses_are_assigned_again_before_it_is_known_whether_they_were() {
    let mut world = with_addresses(0);
    world.doubtful.insert(eni_id(1));
    assert_eq!(words(&plan(&declared([shared()]), &world)), Vec::<String>::new());
    world.doubtful.clear();
    assert_eq!(names(&plan(&declared([shared()]), &world)), ["assign"]);
}

#[test]
fn the_primary_ipv6_address_is_not_one_for_pods_and_is_never_given_back() {
    let shared = Pool { sharing: Sharing::Shared, ipv6: 1, ..pool("shared", 1) };
    let address = |text: &str, primary| Ipv6Address { address: text.parse().unwrap(), primary };
    let mut world = observed([entry(&shared, 1, State::Ready)]);
    world.entries[0].ipv6_addresses = vec![address("2001:db8::1", true)];
    assert_eq!(words(&plan(&declared([shared.clone()]), &world)), ["assign 1 IPv6 addresses to eni-00000000000000001"]);
    world.entries[0].ipv6_addresses.push(address("2001:db8::2", false));
    assert_eq!(words(&plan(&declared([shared.clone()]), &world)), Vec::<String>::new());
    let none = Pool { ipv6: 0, ..shared };
    let all_go = plan(&declared([none]), &world).actions;
    assert_eq!(all_go, [Action::UnassignIpv6 { eni: eni_id(1), addresses: vec!["2001:db8::2".parse().unwrap()] }]);
}
