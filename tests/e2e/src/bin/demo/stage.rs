//! Where it happens: a node of a simulated region with an empty pool of ENIs, and another machine of the VPC to talk to.

use std::fs;
use std::path::Path;

use e2e::{Cloud, Host, binaries};
use ec2sim::Netns;
use node::settings::DEFAULT_PATH;
use serde_json::{Value, json};

/// The sample that is shown and used.
pub(crate) const CONFLIST: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/10-multi-eni.conflist"));

/// Where the node has its network configuration, for runtimes and for `cnitool`.
pub(crate) const CONFLIST_PATH: &str = "/etc/cni/net.d/10-multi-eni.conflist";

/// The addresses of the other machine, in another subnet: the VPC's router is between it and the node.
pub(crate) const OTHER: [&str; 2] = ["10.0.2.20", "2001:db8:0:2::20"];

/// All of it. With it goes all that it made.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    pub(crate) network: Value,
    /// The pool that the network's pods have their ENIs of.
    pub(crate) pool: String,
    _other: Host,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let (cloud, other) = (Cloud::builder().kind("m5.xlarge").build(), Host::new());
        let network: Value = serde_json::from_str(CONFLIST).expect("the sample as JSON");
        let pool = network["plugins"][0]["pool"].as_str().expect("the sample's pool").to_string();
        raise_other(&cloud, &other);
        // None until a pod asks; one goes again when nobody has had it for some seconds.
        let spec = json!({"min": 0, "max": 2, "ipv6Addresses": 1, "cooldownSeconds": 5});
        cloud.declare(&pool, &spec);
        let settings = fs::read_to_string(cloud.settings()).expect("the node's settings");
        cloud.host.run(move || write_files(&settings));
        Self { cloud, network, pool, _other: other }
    }

    /// The plugins that a runtime needs beside Debian's.
    pub(crate) fn plugins() -> [std::path::PathBuf; 2] {
        [binaries::multi_eni(), binaries::multi_eni_ipam()]
    }
}

/// Another machine of the VPC, with what DHCP and router advertisements do on one of EC2.
fn raise_other(cloud: &Cloud, other: &Host) {
    let machine = other.run(|| Netns::of_this_thread().expect("the other machine's network"));
    let instance = cloud.fabric.instance_in(&machine).create().expect("the other machine as an instance");
    let subnet = cloud.vpc.subnet("10.0.2.0/24").ipv6("2001:db8:0:2::/64").create().expect("a subnet");
    let eni = subnet.eni().address(OTHER[0]).ipv6(OTHER[1]).create().expect("an ENI");
    eni.attach(&instance).index(1).named("eth1").now().expect("an attachment");
    for address in [format!("{}/24", OTHER[0]), format!("{}/64", OTHER[1])] {
        other.command("ip").args(["address", "add", &address, "dev", "eth1", "nodad"]).run();
    }
    other.command("ip").args(["link", "set", "eth1", "up"]).run();
    other.command("ip").args(["route", "add", "default", "via", "10.0.2.1", "dev", "eth1"]).run();
    let router = ec2sim::IPV6_GATEWAY.to_string();
    other.command("ip").args(["route", "add", "default", "via", &router, "dev", "eth1"]).run();
}

/// The node's settings and its network configuration, where a runtime looks for them.
fn write_files(settings: &str) {
    for (path, content) in [(DEFAULT_PATH, settings), (CONFLIST_PATH, CONFLIST)] {
        let path = Path::new(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the node's configuration");
        fs::write(path, content).expect("a file of the node's configuration");
    }
}
