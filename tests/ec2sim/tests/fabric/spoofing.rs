//! What a VPC drops. Each test shows by the counters which check dropped, and that the right source passes.

use crate::machine::{Lab, answers, ok_in, silent};

#[test]
fn a_foreign_ipv4_source_is_dropped_until_it_is_assigned() {
    let lab = Lab::new();
    assert!(answers(&lab.machine, "10.0.1.1"));
    ok_in(&lab.machine, "ip address add 10.0.1.77/24 dev eth1");
    assert!(silent(&lab.machine, "-I 10.0.1.77 10.0.1.1"));
    assert!(lab.eni.drops().unwrap().ipv4 >= 1, "{:?}", lab.eni.drops());
    lab.eni.assign("10.0.1.77").unwrap();
    assert!(answers(&lab.machine, "-I 10.0.1.77 10.0.1.1"));
    lab.eni.unassign("10.0.1.77").unwrap();
    assert!(silent(&lab.machine, "-I 10.0.1.77 10.0.1.1"));
}

#[test]
fn the_secondary_address_passes() {
    let lab = Lab::new();
    ok_in(&lab.machine, "ip address add 10.0.1.11/24 dev eth1");
    assert!(answers(&lab.machine, "-I 10.0.1.11 10.0.2.20"));
    assert_eq!(lab.eni.drops().unwrap(), ec2sim::Drops::default());
}

#[test]
fn an_arp_sender_that_is_not_the_eni_is_dropped() {
    let lab = Lab::new();
    ok_in(&lab.machine, "ip address add 10.0.1.77/24 dev eth1");
    assert!(silent(&lab.machine, "-I 10.0.1.77 10.0.1.1"));
    assert!(lab.eni.drops().unwrap().arp >= 1, "{:?}", lab.eni.drops());
    assert!(answers(&lab.machine, "-I 10.0.1.10 10.0.1.1"));
}

#[test]
fn a_foreign_ipv6_source_is_dropped() {
    let lab = Lab::new();
    assert!(answers(&lab.machine, "-I 2001:db8:0:1::10 2001:db8:0:2::20"));
    ok_in(&lab.machine, "ip address add 2001:db8:0:1::77/128 dev eth1 nodad");
    assert!(silent(&lab.machine, "-I 2001:db8:0:1::77 2001:db8:0:2::20"));
    assert!(lab.eni.drops().unwrap().ipv6 >= 1, "{:?}", lab.eni.drops());
}

#[test]
fn an_advertisement_for_the_address_of_another_is_dropped() {
    let lab = Lab::new();
    ok_in(&lab.machine, "ip address add 2001:db8:0:1::77/128 dev eth1 nodad");
    assert!(silent(&lab.other, "2001:db8:0:1::77"));
    assert!(lab.eni.drops().unwrap().ipv6 >= 1, "{:?}", lab.eni.drops());
    assert!(answers(&lab.other, "2001:db8:0:1::10"));
}

#[test]
fn a_foreign_mac_is_dropped() {
    let lab = Lab::new();
    ok_in(&lab.machine, "ip link set eth1 address 02:ff:00:00:00:01");
    assert!(silent(&lab.machine, "10.0.1.1"));
    assert!(lab.eni.drops().unwrap().mac >= 1, "{:?}", lab.eni.drops());
    ok_in(&lab.machine, &format!("ip link set eth1 address {}", lab.eni.mac()));
    assert!(answers(&lab.machine, "10.0.1.1"));
}

#[test]
fn duplicate_address_detection_passes() {
    let lab = Lab::new();
    lab.eni.assign("2001:db8:0:1::88").unwrap();
    ok_in(&lab.machine, "ip address add 2001:db8:0:1::88/128 dev eth1");
    assert!(answers(&lab.other, "2001:db8:0:1::88"));
    assert_eq!(lab.eni.drops().unwrap().ipv6, 0, "{:?}", lab.eni.drops());
}
