//! Where it happens: a VPC, a node with two ENIs for pods, and another machine to talk to.

use std::fs;
use std::path::Path;

use e2e::lab::{entry, pool};
use e2e::{Host, binaries};
use ec2sim::{Fabric, Instance, Netns, Subnet};
use node::inventory::{Entry, Sharing};
use node::settings::DEFAULT_PATH;
use node::store::{AgentPass, Store};
use serde_json::Value;

/// The samples that are shown and used.
pub(crate) const NODE_TOML: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/node.toml"));
pub(crate) const CONFLIST: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/10-multi-eni.conflist"));

/// Where the node has its network configuration, for runtimes and for `cnitool`.
pub(crate) const CONFLIST_PATH: &str = "/etc/cni/net.d/10-multi-eni.conflist";

/// The addresses of the other machine, in another subnet: the VPC's router is between it and the node.
pub(crate) const OTHER: [&str; 2] = ["10.0.2.20", "2001:db8:0:2::20"];

/// All of it. With it goes all that it made.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) node: Host,
    pub(crate) network: Value,
    _other: Host,
    _fabric: Fabric,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let (node, other) = (Host::new(), Host::new());
        let network: Value = serde_json::from_str(CONFLIST).expect("the sample as JSON");
        let pool_name = network["plugins"][0]["pool"].as_str().expect("the sample's pool").to_string();
        let machine = other.run(|| Netns::of_this_thread().expect("the other machine's network"));
        let (fabric, entries) = node.run(move || raise(&machine, &pool_name));
        configure_other(&other);
        node.run(move || write_files(&entries));
        Self { node, network, _other: other, _fabric: fabric }
    }

    /// The plugins that a runtime needs beside Debian's.
    pub(crate) fn plugins() -> [std::path::PathBuf; 2] {
        [binaries::multi_eni(), binaries::multi_eni_ipam()]
    }
}

/// Makes the VPC and the ENIs; gives what an agent would write about those of the node.
fn raise(other: &Netns, pool_name: &str) -> (Fabric, Vec<Entry>) {
    let fabric = Fabric::new();
    let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().expect("a VPC");
    let subnet = |number: u8| {
        let ipv4 = format!("10.0.{number}.0/24");
        vpc.subnet(&ipv4).ipv6(&format!("2001:db8:0:{number}::/64")).create().expect("a subnet")
    };
    let node = fabric.instance().create().expect("the node as an instance");
    let other = fabric.instance_in(other).create().expect("the other machine as an instance");
    let pods = subnet(1);
    let attached = [(11, 1), (12, 2)].map(|(last, index)| attach(&pods, 1, last, &node, index));
    attach(&subnet(2), 2, 20, &other, 1);
    let known = attached.map(|eni| {
        let facts = eni.facts().expect("an ENI's facts");
        Entry { pool: Some(pool(pool_name, Sharing::Exclusive)), ..entry(&facts) }
    });
    (fabric, known.to_vec())
}

fn attach(subnet: &Subnet, number: u8, last: u8, instance: &Instance, index: u32) -> ec2sim::Eni {
    let [ipv4, ipv6] = [format!("10.0.{number}.{last}"), format!("2001:db8:0:{number}::{last}")];
    let eni = subnet.eni().address(&ipv4).ipv6(&ipv6).create().expect("an ENI");
    eni.attach(instance).index(index).now().expect("an attachment");
    eni
}

/// What DHCP and router advertisements do on a machine of EC2.
fn configure_other(other: &Host) {
    for address in [format!("{}/24", OTHER[0]), format!("{}/64", OTHER[1])] {
        other.command("ip").args(["address", "add", &address, "dev", "eth1", "nodad"]).run();
    }
    other.command("ip").args(["link", "set", "eth1", "up"]).run();
    other.command("ip").args(["route", "add", "default", "via", "10.0.2.1", "dev", "eth1"]).run();
    let router = ec2sim::IPV6_GATEWAY.to_string();
    other.command("ip").args(["route", "add", "default", "via", &router, "dev", "eth1"]).run();
}

/// The node's files: its settings, its network configuration, and what an agent keeps of its ENIs.
fn write_files(entries: &[Entry]) {
    for (path, content) in [(DEFAULT_PATH, NODE_TOML), (CONFLIST_PATH, CONFLIST)] {
        let path = Path::new(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the node's configuration");
        fs::write(path, content).expect("a file of the node's configuration");
    }
    let store = store();
    entries.iter().for_each(|entry| store.write_entry(entry).expect("an entry of the inventory"));
    store.write_agent_pass(&AgentPass { finished_at: 1 }).expect("the agent's word");
}

/// The node's records; to be called in the node.
pub(crate) fn store() -> Store {
    Store::open(Path::new("/run/multi-eni")).expect("the node's records")
}
