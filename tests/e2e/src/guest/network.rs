//! The guest's own network: the primary ENI's link, and the VPC's namespace with the router and a peer of every pod.

use std::fs;

use super::brief::Brief;
use super::region::PRIMARY;
use crate::{Host, PodNetns};

/// An address in another subnet of the VPC, which answers.
pub(super) const PEER: &str = "10.0.3.5";

/// Brings it up, and gives the namespace that plays the VPC. All NICs but the primary one are on one wire with it.
pub(super) fn bring_up(host: &Host, brief: &Brief) -> PodNetns {
    let primary = link_of(&brief.primary_mac).expect("the primary ENI's link");
    host.sh(&format!(
        "ip link set {primary} up; ip addr add {PRIMARY}/24 dev {primary}; ip route add default via 10.0.2.2 dev {primary}"
    ));
    let vpc = host.netns("vpc");
    let wire = link_of(&brief.vpc_mac).expect("the VPC's link");
    host.sh(&format!("ip link set {wire} netns vpc name wire"));
    vpc.sh(&format!(
        "ip addr add 10.0.1.1/24 dev wire; ip addr add {PEER}/32 dev lo
         ip addr add fe80:ec2::1/64 dev wire nodad; ip addr add 2001:db8:0:1::1/64 dev wire nodad
         ip link set wire up"
    ));
    vpc
}

/// The name of the link that has this MAC, in the first namespace.
pub(super) fn link_of(mac: &str) -> Option<String> {
    let links = fs::read_dir("/sys/class/net").expect("the links").map_while(Result::ok);
    let mut named = links.map(|link| (link.file_name().to_string_lossy().into_owned(), link.path().join("address")));
    named.find(|(_, address)| fs::read_to_string(address).is_ok_and(|text| text.trim() == mac)).map(|(name, _)| name)
}
