//! Secondary addresses.

use ec2sim::request::{
    AssignIpv6Addresses, AssignPrivateIpAddresses, UnassignIpv6Addresses, UnassignPrivateIpAddresses,
};
use ec2sim::{EniId, Response};

use crate::region::Region;

fn more(eni: &EniId, count: u32) -> AssignPrivateIpAddresses {
    AssignPrivateIpAddresses {
        network_interface_id: eni.to_string(),
        secondary_private_ip_address_count: Some(count),
        ..AssignPrivateIpAddresses::default()
    }
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>: 15 on each interface of an m5.xlarge, the
/// primary one counted; errors-overview: PrivateIpAddressLimitExceeded.
#[test]
fn an_interface_has_no_more_addresses_than_its_type() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    region.attach(&eni, 1);
    let Response::AssignedIpv4 { addresses, .. } = region.call(more(&eni, 14)).unwrap() else { panic!() };
    assert_eq!(addresses.len(), 14);
    assert_eq!(region.code(more(&eni, 1)), "PrivateIpAddressLimitExceeded");
    assert_eq!(region.look(&eni).unwrap().secondary_private_ip_addresses, addresses);
}

/// API_UnassignPrivateIpAddresses: "one or more secondary private IP addresses".
#[test]
fn an_address_is_taken_away_once_and_the_primary_never() {
    let region = Region::new();
    let eni = region.create();
    let id = &eni.network_interface_id;
    let Response::AssignedIpv4 { addresses, .. } = region.call(more(id, 2)).unwrap() else { panic!() };
    let away = |address| UnassignPrivateIpAddresses {
        network_interface_id: id.to_string(),
        private_ip_addresses: vec![address],
    };
    region.call(away(addresses[0])).unwrap();
    assert_eq!(region.code(away(addresses[0])), "InvalidParameterValue");
    assert_eq!(region.code(away(eni.private_ip_address)), "InvalidParameterValue");
    assert_eq!(region.look(id).unwrap().secondary_private_ip_addresses, &addresses[1..]);
}

/// errors-overview: InvalidIPAddress.InUse, InsufficientFreeAddressesInSubnet.
#[test]
fn an_address_that_is_in_use_is_refused_and_a_full_subnet_gives_all_or_nothing() {
    let region = Region::new();
    let small = region.vpc.subnet("10.0.9.0/28").create().unwrap();
    let eni = small.eni().address("10.0.9.4").create().unwrap();
    small.eni().address("10.0.9.5").create().unwrap();
    let wish = AssignPrivateIpAddresses {
        network_interface_id: eni.id().to_string(),
        private_ip_addresses: vec!["10.0.9.5".parse().unwrap()],
        ..AssignPrivateIpAddresses::default()
    };
    assert_eq!(region.code(wish), "InvalidIPAddress.InUse");
    assert_eq!(region.code(more(eni.id(), 10)), "InsufficientFreeAddressesInSubnet");
    assert!(region.look(eni.id()).unwrap().secondary_private_ip_addresses.is_empty());
    region.call(more(eni.id(), 9)).unwrap();
}

/// API_AssignIpv6Addresses: "from the IPv6 CIDR block range of your subnet".
#[test]
fn ipv6_addresses_come_and_go_where_the_subnet_has_them() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    let two = AssignIpv6Addresses {
        network_interface_id: eni.to_string(),
        ipv6_address_count: Some(2),
        ..AssignIpv6Addresses::default()
    };
    let Response::AssignedIpv6 { addresses, .. } = region.call(two.clone()).unwrap() else { panic!() };
    assert_eq!(addresses.len(), 2);
    let away = UnassignIpv6Addresses { network_interface_id: eni.to_string(), ipv6_addresses: vec![addresses[0]] };
    region.call(away.clone()).unwrap();
    assert_eq!(region.code(away), "InvalidParameterValue");
    let v4 = region.vpc.subnet("10.0.8.0/24").create().unwrap().eni().create().unwrap();
    let without = AssignIpv6Addresses { network_interface_id: v4.id().to_string(), ..two };
    assert_eq!(region.code(without), "InvalidParameterValue");
}
