use super::*;
use crate::netlink::Rule;

fn device() -> Device {
    Device {
        mac_address: "02:00:00:00:00:01".parse().unwrap(),
        pci_address: None,
        network_interface_id: Some("eni-0123456789abcdef0".parse().unwrap()),
    }
}

fn home() -> Home {
    Home {
        name: "eth1".parse().unwrap(),
        altnames: vec!["enp0s6".parse().unwrap()],
        mtu: 9001,
        mac_address: device().mac_address,
        alias: None,
        up: true,
    }
}

/// The device's link in the pod, as ADD left it.
fn in_pod() -> Link {
    Link {
        index: 7,
        name: "net1".to_string(),
        altnames: vec!["enp0s6".to_string()],
        mac: Some(device().mac_address),
        mtu: 9001,
        up: true,
        ..Link::default()
    }
}

fn planned(ending: Ending, place: Place, link: Link, taken: &[&str]) -> (Vec<String>, bool) {
    let (device, home) = (device(), home());
    let release = Release { device: &device, home: Some(&home), bound: None, leftovers: &[], ending };
    let taken = taken.iter().map(ToString::to_string).collect();
    let plan = plan(&release, &Observed { device: Some((place, link)), taken, pod: true });
    (plan.steps.iter().map(ToString::to_string).collect(), plan.pending)
}

#[test]
fn a_link_in_the_pod_goes_home_down() {
    let (steps, pending) = planned(Ending::Down, Place::Pod, in_pod(), &["eth0"]);
    assert_eq!(steps, ["set link down", "move link to host as eth1"]);
    assert!(!pending);
}

#[test]
fn nam_3_a_rollback_leaves_the_link_up_as_it_was() {
    let (steps, _) = planned(Ending::AsBefore, Place::Pod, in_pod(), &[]);
    assert_eq!(steps, ["set link down", "move link to host as eth1", "set link up"]);
    let untouched = Link { name: "eth1".to_string(), ..in_pod() };
    assert_eq!(planned(Ending::AsBefore, Place::Host, untouched, &[]).0, Vec::<String>::new());
}

#[test]
fn what_the_pod_changed_is_as_before() {
    let changed = Link {
        mtu: 1400,
        mac: Some("02:00:00:00:00:99".parse().unwrap()),
        altnames: vec!["mine".to_string()],
        alias: Some("mine".to_string()),
        ..in_pod()
    };
    let (steps, pending) = planned(Ending::Down, Place::Pod, changed, &[]);
    assert_eq!(
        steps,
        [
            "set link down",
            "delete alternative name mine",
            "move link to host as eth1",
            "add alternative name enp0s6",
            "set link mtu 9001",
            "set link address 02:00:00:00:00:01",
            "set link alias \"\"",
        ]
    );
    assert!(!pending);
}

#[test]
fn nam_1_a_link_that_came_back_under_the_pods_name_is_renamed() {
    let (steps, pending) = planned(Ending::Down, Place::Host, Link { up: false, ..in_pod() }, &["eth0"]);
    assert_eq!(steps, ["set link name eth1"]);
    assert!(!pending);
}

#[test]
fn a_taken_name_is_answered_with_the_enis_own_and_stays_a_wish() {
    let (steps, pending) = planned(Ending::Down, Place::Pod, in_pod(), &["eth1"]);
    assert_eq!(steps, ["set link down", "move link to host as eni-789abcdef0"]);
    assert!(pending);
}

#[test]
fn an_alternative_name_that_is_taken_at_home_does_not_hold_the_link_in_the_pod() {
    let (steps, pending) = planned(Ending::Down, Place::Pod, in_pod(), &["enp0s6"]);
    assert_eq!(steps, ["set link down", "delete alternative name enp0s6", "move link to host as eth1"]);
    assert!(pending);
}

#[test]
fn del_1_without_a_pod_there_is_nothing_left_in_it_to_undo() {
    let (device, home) = (device(), home());
    let rule = Rule::from_source("10.0.1.5/32".parse().unwrap(), 100, 512);
    let leftovers = [Step::DeleteRule { place: Place::Pod, rule }];
    let release =
        Release { device: &device, home: Some(&home), bound: None, leftovers: &leftovers, ending: Ending::Down };
    let gone = plan(&release, &Observed { device: None, taken: Vec::new(), pod: false });
    assert_eq!(gone, Plan { steps: Vec::new(), pending: true });
    let there = plan(&release, &Observed { device: None, taken: Vec::new(), pod: true });
    assert_eq!(there.steps, leftovers);
}

fn function(driver: Option<&str>) -> Function {
    Function {
        address: "0000:00:06.0".parse().unwrap(),
        vendor: 0x1d0f,
        device: 0xec20,
        class: 0x02_0000,
        driver: driver.map(ToString::to_string),
        driver_override: pci::DriverOverride::To(pci::VFIO_PCI.to_string()),
        group: Some(pci::Group::Iommu(7)),
        companions: Vec::new(),
        numa_node: None,
        links: Vec::new(),
    }
}

#[test]
fn vfi_6_the_groups_node_is_as_it_was_before_the_driver_goes() {
    let access = pci::Access { user: 0, group: 0, mode: 0o600 };
    let bound =
        |before: &str, node| Bound { driver: pci::VFIO_PCI.to_string(), before: Some(before.to_string()), node };
    let steps = |bound: &Bound| plan_function(bound, &function(Some(pci::VFIO_PCI)));
    let back = [Change::Override(None), Change::Unbind, Change::Probe("ena".to_string())];
    assert_eq!(steps(&bound("ena", None)), back);
    assert_eq!(steps(&bound("ena", Some(access)))[0], Change::Node(access));
    assert_eq!(steps(&bound("ena", Some(access)))[1..], back);
    assert_eq!(steps(&bound(pci::VFIO_PCI, Some(access))), [Change::Node(access)]);
    // The unbind that an earlier release began has ended since, and the node is gone.
    let begun = plan_function(&bound("ena", Some(access)), &function(None));
    assert_eq!(begun, [Change::Override(None), Change::Probe("ena".to_string())]);
}

#[test]
fn vfi_3_a_driver_that_was_not_ours_to_bind_is_not_bound_again() {
    let uio = "igb_uio".to_string();
    let bound = Bound { driver: uio.clone(), before: Some(uio), node: None };
    for driver in [Some("igb_uio"), Some("ena"), None] {
        assert_eq!(plan_function(&bound, &function(driver)), []);
    }
    let ours = Bound { driver: pci::VFIO_PCI.to_string(), before: Some(pci::VFIO_PCI.to_string()), node: None };
    assert_eq!(plan_function(&ours, &function(None)), [Change::Probe(pci::VFIO_PCI.to_string())]);
}
