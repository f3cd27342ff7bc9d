//! What a VPC carries.

use ec2sim::Fabric;

use crate::machine::{Lab, answers, ok_in};

#[test]
fn an_attached_eni_is_a_link_that_is_down_with_its_mac_and_mtu() {
    let fabric = Fabric::new();
    let machine = ec2sim::Netns::create().unwrap();
    let subnet = fabric.vpc("10.0.0.0/16").create().unwrap().subnet("10.0.1.0/24").create().unwrap();
    let node = fabric.instance_in(&machine).create().unwrap();
    let eni = subnet.eni().create().unwrap();
    eni.attach(&node).index(2).named("ens6").now().unwrap();
    let link = ok_in(&machine, "ip -o link show ens6");
    assert!(link.contains(&eni.mac().to_string()), "{link}");
    assert!(link.contains("mtu 9001") && link.contains("state DOWN"), "{link}");
    assert_eq!(eni.primary(), std::net::Ipv4Addr::new(10, 0, 1, 4));
}

#[test]
fn the_router_answers_arp_and_neighbour_solicitation_and_ping() {
    let lab = Lab::new();
    assert!(answers(&lab.machine, "10.0.1.1"));
    assert!(answers(&lab.machine, "fe80:ec2::1%eth1"));
    let neighbours = ok_in(&lab.machine, "ip neigh show dev eth1");
    assert!(neighbours.contains("10.0.1.1 lladdr") && neighbours.contains("fe80:ec2::1 lladdr"), "{neighbours}");
}

#[test]
fn the_router_answers_no_arp_for_the_router_of_another_subnet() {
    let lab = Lab::new();
    ok_in(&lab.machine, "ip route add 10.0.2.1/32 dev eth1");
    assert!(crate::machine::silent(&lab.machine, "10.0.2.1"));
}

#[test]
fn two_subnets_reach_each_other_through_the_router() {
    let lab = Lab::new();
    assert!(answers(&lab.machine, "10.0.2.20"));
    assert!(answers(&lab.machine, "2001:db8:0:2::20"));
    assert!(answers(&lab.other, "-s 8900 -M do 10.0.1.10"));
}

#[test]
fn two_enis_of_one_subnet_reach_each_other() {
    let lab = Lab::new();
    let node = lab.fabric.instance_in(&lab.other).create().unwrap();
    lab.subnet
        .eni()
        .address("10.0.1.30")
        .ipv6("2001:db8:0:1::30")
        .create()
        .unwrap()
        .attach(&node)
        .index(7)
        .now()
        .unwrap();
    ok_in(&lab.other, "ip link set eth7 up");
    ok_in(&lab.other, "ip address add 10.0.1.30/24 dev eth7");
    assert!(answers(&lab.machine, "10.0.1.30"));
}

#[test]
fn the_thread_that_makes_an_instance_is_in_its_machine() {
    let machine = ec2sim::Netns::create().unwrap();
    let fabric = Fabric::new();
    let subnet = fabric.vpc("10.0.0.0/16").create().unwrap().subnet("10.0.1.0/24").create().unwrap();
    machine
        .run(|| {
            let node = fabric.instance().create().unwrap();
            subnet.eni().create().unwrap().attach(&node).index(1).now().unwrap();
        })
        .unwrap();
    assert!(ok_in(&machine, "ip -br link show eth1").contains("DOWN"));
}

#[test]
fn two_vpcs_with_the_same_addresses_do_not_reach_each_other() {
    let lab = Lab::new();
    let vpc = lab.fabric.vpc("10.0.0.0/16").create().unwrap();
    let subnet = vpc.subnet("10.0.9.0/24").create().unwrap();
    let eni = subnet.eni().address("10.0.9.9").create().unwrap();
    let node = lab.fabric.instance_in(&lab.other).create().unwrap();
    eni.attach(&node).named("eth9").now().unwrap();
    ok_in(&lab.other, "ip link set eth9 up");
    ok_in(&lab.other, "ip address add 10.0.9.9/24 dev eth9");
    assert!(answers(&lab.other, "10.0.9.1"));
    assert!(crate::machine::silent(&lab.machine, "10.0.9.9"));
}
