//! A node of EC2: a [`Host`] with ENIs of a simulated VPC, what the agent would have on record about them, and a
//! `node.toml`.

mod stage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ec2sim::{EniFacts, Fabric};
use node::inventory::{Entry, Ipv4Address, Ipv6Address, Mode, Pool, Sharing, State, Subnet, Upkeep, Vpc};
use node::names::PciAddr;
use node::store::{AgentPass, Store};
use serde_json::{Value, json};

pub use stage::Stage;

use crate::{Host, Invocation, LIMIT, PodNetns, binaries};

/// The pool of every ENI of a lab, unless a test says otherwise.
pub const POOL: &str = "data";

/// A node with ENIs. With it goes all that it made.
#[derive(Debug)]
pub struct Lab {
    /// The node.
    pub host: Host,
    /// The VPC. It lives as long as the lab.
    pub fabric: Fabric,
    /// The ENIs, in the order of their device index, 1 first.
    pub enis: Vec<ec2sim::Eni>,
}

impl Lab {
    /// A node with this many ENIs, `eth1` and on, of one subnet, 10.0.1.0/24 and 2001:db8:0:1::/64, each with the primary
    /// address .1N and ::1N, and the secondary address .10N; all of pool [`POOL`] and ready; and an agent that was there.
    #[must_use]
    pub fn with_enis(count: u8) -> Self {
        let host = Host::new();
        let (fabric, enis) = host.run(move || {
            let fabric = Fabric::new();
            let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().expect("a VPC");
            let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().expect("a subnet");
            let instance = fabric.instance().kind("m5.24xlarge").create().expect("an instance");
            let eni = |number: u8| {
                let eni = subnet
                    .eni()
                    .address(&format!("10.0.1.{}", 10 + number))
                    .secondary(&format!("10.0.1.{}", 100 + number))
                    .ipv6(&format!("2001:db8:0:1::{:x}", 0x10 + u16::from(number)))
                    .create()
                    .expect("an ENI");
                eni.attach(&instance).index(number.into()).named(&format!("eth{number}")).now().expect("an attachment");
                eni
            };
            let enis = (1..=count).map(eni).collect();
            (fabric, enis)
        });
        let lab = Self { host, fabric, enis };
        lab.write_settings("");
        for index in 0..lab.enis.len() {
            lab.write_entry(&lab.entry(index));
        }
        lab.note_agent_pass();
        lab
    }

    /// Where the node's records are.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.host.state_dir()
    }

    /// The node's settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.host.settings()
    }

    /// Where log files may lie.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.host.log_dir()
    }

    /// Where the kubelet's folders of pods would be.
    #[must_use]
    pub fn kubelet_dir(&self) -> PathBuf {
        self.host.kubelet_dir()
    }

    /// Writes `node.toml`: the lab's own folders, and what the test adds, tables last.
    pub fn write_settings(&self, more: &str) {
        let text = format!("{}{more}\n", self.host.named_folders());
        std::fs::write(self.settings(), text).expect("node.toml");
    }

    /// The node's records.
    #[must_use]
    pub fn store(&self) -> Store {
        self.host.store()
    }

    /// Runs what the agent would run, in the node's network and mount namespaces.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn as_agent<T, F>(&self, work: impl FnOnce(Store) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let store = self.store();
        self.host.run(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { tokio::time::timeout(LIMIT, work(store)).await.expect("its end") })
        })
    }

    /// What the agent would write about an ENI, counted from 0.
    #[must_use]
    pub fn entry(&self, index: usize) -> Entry {
        entry(&self.enis[index].facts().expect("facts of an ENI"))
    }

    /// Writes an entry of the inventory.
    pub fn write_entry(&self, entry: &Entry) {
        self.store().write_entry(entry).expect("an entry of the inventory");
    }

    /// Notes that an agent finished a pass.
    pub fn note_agent_pass(&self) {
        self.store().write_agent_pass(&AgentPass { finished_at: 1 }).expect("the agent's word");
    }

    /// A call of `multi-eni` with this configuration; `cniVersion`, `name` and `type` are there.
    #[must_use]
    pub fn call(&self, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        self.call_of(&binaries::multi_eni(), pod, container, config)
    }

    /// As [`Lab::call`], of another build of the plugin.
    #[must_use]
    pub fn call_of(&self, binary: &Path, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        invocation(binary, &self.settings(), pod, container, config)
    }
}

/// A call of the plugin on the node with these settings.
pub(crate) fn invocation(
    binary: &Path,
    settings: &Path,
    pod: &PodNetns,
    container: &str,
    config: &Value,
) -> Invocation {
    let mut whole = json!({"cniVersion": "1.0.0", "name": "net", "type": "multi-eni"});
    if let (Some(whole), Some(config)) = (whole.as_object_mut(), config.as_object()) {
        whole.extend(config.clone());
    }
    let ipam = binaries::multi_eni_ipam();
    Invocation::new(binary)
        .container(container)
        .ifname("net1")
        .netns(pod.path())
        .search(ipam.parent().expect("a folder of the IPAM plugin"))
        .env("MULTI_ENI_NODE_TOML", settings.display().to_string())
        .config(&whole)
}

/// A configuration that takes an ENI of [`POOL`], with these keys more.
#[must_use]
pub fn of_pool(more: Value) -> Value {
    let mut config = json!({"pool": POOL});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    config
}

/// What the agent would write about an ENI that is attached.
#[must_use]
pub fn entry(facts: &EniFacts) -> Entry {
    let attachment = facts.attachment.as_ref().expect("an attached ENI");
    Entry {
        network_interface_id: facts.network_interface_id.to_string().parse().expect("an ENI id"),
        mac_address: facts.mac.to_string().parse().expect("a MAC"),
        pci_address: None::<PciAddr>,
        subnet: Subnet {
            id: facts.subnet_id.to_string(),
            ipv4_cidr: Some(facts.subnet_ipv4.to_string().parse().expect("a CIDR")),
            ipv6_cidrs: networks(facts.subnet_ipv6),
        },
        vpc: Vpc { ipv4_cidrs: networks(&facts.vpc_ipv4), ipv6_cidrs: networks(&facts.vpc_ipv6) },
        ipv4_addresses: facts
            .ipv4()
            .enumerate()
            .map(|(index, address)| Ipv4Address { address, primary: index == 0 })
            .collect(),
        ipv6_addresses: facts.ipv6.iter().map(|&address| Ipv6Address { address, primary: false }).collect(),
        pool: Some(pool(POOL, Sharing::Exclusive)),
        device_index: attachment.device_index,
        network_card_index: attachment.network_card,
        host_name: attachment.host_name.parse().expect("a link's name"),
        original_driver: None,
        seen: None,
        mtu: Some(facts.mtu),
        tags: BTreeMap::new(),
        state: State::Ready,
        upkeep: Upkeep::default(),
    }
}

/// A pool of this name.
#[must_use]
pub fn pool(name: &str, sharing: Sharing) -> Pool {
    Pool {
        name: name.parse().expect("a pool's name"),
        sharing,
        mode: Mode::Netdev,
        cooldown_seconds: 30,
        resource_name: None,
    }
}

fn networks<T: std::fmt::Display>(cidrs: impl IntoIterator<Item = T>) -> Vec<ipnetwork::IpNetwork> {
    cidrs.into_iter().map(|cidr| cidr.to_string().parse().expect("a CIDR")).collect()
}
