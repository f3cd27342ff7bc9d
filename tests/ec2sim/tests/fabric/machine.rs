//! A machine of a test: a namespace, and the commands that run in it.

use std::process::{Command, Output};

use ec2sim::{Eni, Fabric, Instance, Netns, Subnet};

pub(crate) const V6: &str = "2001:db8:0:1::10";

/// Runs a command line in a namespace.
pub(crate) fn run_in(netns: &Netns, line: &str) -> Output {
    let words: Vec<&str> = line.split_whitespace().collect();
    netns.run(|| Command::new(words[0]).args(&words[1..]).output()).unwrap().unwrap_or_else(|e| panic!("{line}: {e}"))
}

/// The same, for a command that must succeed; gives its output.
pub(crate) fn ok_in(netns: &Netns, line: &str) -> String {
    let output = run_in(netns, line);
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether an address answers. A generous limit where an answer is due, since `ping` ends with the first one.
pub(crate) fn answers(netns: &Netns, arguments: &str) -> bool {
    run_in(netns, &format!("ping -n -c 1 -w 10 {arguments}")).status.success()
}

/// Whether an address stays silent to one request.
pub(crate) fn silent(netns: &Netns, arguments: &str) -> bool {
    !run_in(netns, &format!("ping -n -c 1 -W 1 {arguments}")).status.success()
}

/// A VPC with two subnets, two machines, and an ENI of each in its subnet, configured.
pub(crate) struct Lab {
    pub(crate) fabric: Fabric,
    pub(crate) subnet: Subnet,
    pub(crate) node: Instance,
    pub(crate) machine: Netns,
    pub(crate) eni: Eni,
    pub(crate) other: Netns,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let fabric = Fabric::new();
        let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().unwrap();
        let second = vpc.subnet("10.0.2.0/24").ipv6("2001:db8:0:2::/64").zone("us-east-1b").create().unwrap();
        let (machine, other) = (Netns::create().unwrap(), Netns::create().unwrap());
        let node = fabric.instance_in(&machine).create().unwrap();
        let peer = fabric.instance_in(&other).create().unwrap();
        let eni = subnet.eni().address("10.0.1.10").secondary("10.0.1.11").ipv6(V6).create().unwrap();
        eni.attach(&node).index(1).named("eth1").now().unwrap();
        let far = second.eni().address("10.0.2.20").ipv6("2001:db8:0:2::20").create().unwrap();
        far.attach(&peer).index(1).now().unwrap();
        configure(&machine, "eth1", "10.0.1.10/24", "2001:db8:0:1::10/128", "10.0.1.1");
        configure(&other, "eth1", "10.0.2.20/24", "2001:db8:0:2::20/128", "10.0.2.1");
        Self { fabric, subnet, node, machine, eni, other }
    }
}

pub(crate) fn configure(netns: &Netns, link: &str, v4: &str, v6: &str, gateway: &str) {
    ok_in(netns, &format!("ip link set {link} up"));
    ok_in(netns, &format!("ip address add {v4} dev {link}"));
    ok_in(netns, &format!("ip address add {v6} dev {link} nodad"));
    ok_in(netns, &format!("ip route add default via {gateway}"));
    ok_in(netns, &format!("ip -6 route add default via fe80:ec2::1 dev {link}"));
}
