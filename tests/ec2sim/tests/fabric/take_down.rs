//! What is left when a fabric ends: nothing.

use ec2sim::Error;

use crate::machine::{Lab, run_in};

#[test]
fn a_deleted_fabric_leaves_no_link_on_the_machine() {
    let lab = Lab::new();
    lab.fabric.keep().unwrap();
    lab.fabric.delete().unwrap();
    assert!(!run_in(&lab.machine, "ip link show eth1").status.success());
    assert!(matches!(lab.eni.detach(), Err(Error::Deleted)));
}

#[test]
fn a_dropped_fabric_is_deleted() {
    let lab = Lab::new();
    drop(lab.fabric);
    assert!(!run_in(&lab.machine, "ip link show eth1").status.success());
}

#[test]
fn a_taken_slot_and_a_taken_address_are_refused() {
    let lab = Lab::new();
    let second = lab.subnet.eni().create().unwrap();
    assert!(matches!(second.attach(&lab.node).index(1).now(), Err(Error::SlotInUse { index: 1, .. })));
    let taken = lab.subnet.eni().address("10.0.1.11").create();
    assert!(matches!(taken, Err(Error::AddressInUse { .. })), "{taken:?}");
    assert!(matches!(lab.eni.delete(), Err(Error::Attached { .. })));
}

#[test]
fn a_taken_name_is_refused_and_leaves_the_eni_free_to_attach() {
    let lab = Lab::new();
    let second = lab.subnet.eni().create().unwrap();
    assert!(second.attach(&lab.node).named("eth1").now().is_err());
    second.attach(&lab.node).named("eth9").now().unwrap();
}

#[test]
fn an_identity_that_another_has_is_refused() {
    let lab = Lab::new();
    let same_mac = lab.subnet.eni().mac(&lab.eni.mac().to_string()).create();
    assert!(matches!(same_mac, Err(Error::Value { what: "mac", .. })), "{same_mac:?}");
    let same_id = lab.subnet.eni().id(lab.eni.id().as_str()).create();
    assert!(matches!(same_id, Err(Error::Value { what: "id", .. })), "{same_id:?}");
    let twice = lab.subnet.eni().address("10.0.1.40").secondary("10.0.1.40").create();
    assert!(matches!(twice, Err(Error::Value { what: "address", .. })), "{twice:?}");
    assert_eq!(lab.subnet.eni().secondary("10.0.1.4").create().unwrap().primary().to_string(), "10.0.1.5");
}
