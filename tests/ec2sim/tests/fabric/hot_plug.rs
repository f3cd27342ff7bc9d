//! ENIs that are attached by a call: the link comes in its time, under its names, with its guard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ec2sim::request::{AssignPrivateIpAddresses, AttachNetworkInterface, DetachNetworkInterface};
use ec2sim::{Clock, Ec2, Eni, Fabric, Instance, Netns, Request, Response, Timing};

use crate::machine::{answers, ok_in, run_in};

struct Lab {
    ec2: Ec2,
    node: Instance,
    machine: Netns,
    eni: Eni,
    seconds: Arc<AtomicU64>,
    _fabric: Fabric,
}

impl Lab {
    fn new() -> Self {
        let fabric = Fabric::new();
        let ec2 = Ec2::of(&fabric);
        let seconds = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&seconds);
        ec2.set_clock(Clock::new(move || Duration::from_secs(time.load(Ordering::SeqCst))));
        let second = Duration::from_secs(1);
        ec2.set_timing(Timing { plug: second, rename: second, unplug: second, ..Timing::instant() });
        let subnet = fabric.vpc("10.0.0.0/16").create().unwrap().subnet("10.0.1.0/24").create().unwrap();
        let machine = Netns::create().unwrap();
        let node = fabric.instance_in(&machine).create().unwrap();
        let eni = subnet.eni().address("10.0.1.10").create().unwrap();
        Self { ec2, node, machine, eni, seconds, _fabric: fabric }
    }

    fn call(&self, request: impl Into<Request>) -> Response {
        self.ec2.call("a", request).outcome.unwrap()
    }

    fn attach(&self) -> String {
        let attached = self.call(AttachNetworkInterface {
            network_interface_id: self.eni.id().to_string(),
            instance_id: self.node.id().to_string(),
            device_index: Some(1),
            network_card_index: None,
        });
        let Response::Attached { attachment_id, .. } = attached else { panic!("{attached:?}") };
        attachment_id.to_string()
    }

    fn second(&self) {
        self.seconds.fetch_add(1, Ordering::SeqCst);
        self.ec2.tick();
    }

    /// The name of the ENI's link on the machine.
    fn link(&self) -> Option<String> {
        let links = ok_in(&self.machine, "ip -br link");
        let line = links.lines().find(|line| line.contains(&self.eni.mac().to_string()))?;
        line.split(['@', ' ']).next().map(str::to_owned)
    }
}

#[test]
fn the_link_comes_under_the_kernels_name_and_is_renamed_and_goes() {
    let lab = Lab::new();
    let attachment_id = lab.attach();
    assert_eq!(lab.link(), None);
    lab.second();
    assert_eq!(lab.link().unwrap(), "eth0");
    lab.second();
    assert_eq!(lab.link().unwrap(), "ens6");
    lab.call(DetachNetworkInterface { attachment_id, ..DetachNetworkInterface::default() });
    assert_eq!(lab.link(), None);
}

#[test]
fn a_link_that_was_named_by_somebody_else_keeps_that_name() {
    let lab = Lab::new();
    lab.attach();
    lab.second();
    ok_in(&lab.machine, "ip link set eth0 name mine");
    lab.second();
    assert_eq!(lab.link().unwrap(), "mine");
}

#[test]
fn an_address_that_is_assigned_by_a_call_may_speak() {
    let lab = Lab::new();
    lab.attach();
    lab.second();
    lab.second();
    for line in ["ip link set ens6 up", "ip address add 10.0.1.10/24 dev ens6", "ip address add 10.0.1.20/24 dev ens6"]
    {
        ok_in(&lab.machine, line);
    }
    assert!(answers(&lab.machine, "10.0.1.1"));
    assert!(!run_in(&lab.machine, "ping -n -c 1 -W 1 -I 10.0.1.20 10.0.1.1").status.success());
    lab.call(AssignPrivateIpAddresses {
        network_interface_id: lab.eni.id().to_string(),
        private_ip_addresses: vec!["10.0.1.20".parse().unwrap()],
        ..AssignPrivateIpAddresses::default()
    });
    assert!(answers(&lab.machine, "-I 10.0.1.20 10.0.1.1"));
}
