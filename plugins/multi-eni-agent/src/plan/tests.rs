mod addresses;
mod adopting;
mod devices;
mod growing;
mod mandate;
mod properties;
mod shrinking;
mod tending;
mod upkeep;

use std::collections::BTreeMap;

use ec2::{Card, InstanceTypeLimits, MetadataInterface, Slot, Subnet};
use node::inventory::{Entry, Ipv4Address, Mode, Sharing, State, Upkeep, Vpc};
use node::names::{EniId, IfName, MacAddr, PoolName};
use node::record::Owner;

use super::{Action, Need, Plan, plan};
use crate::declared::{Declared, Pool, Reference, SubnetChoice};
use crate::kernel::HostLink;
use crate::observe::{Limit, Observed, Planned};
use crate::tags::Identity;

pub(crate) const ZONE: &str = "eu-central-1a";
pub(crate) const NOW: u64 = 10_000;

pub(crate) fn identity() -> Identity {
    Identity {
        cluster: "8f9b1c2d".to_string(),
        node: "node-1".to_string(),
        instance: "i-0123456789abcdef0".to_string(),
    }
}

/// A pool of one subnet with `min` ENIs.
pub(crate) fn pool(name: &str, min: u32) -> Pool {
    Pool {
        name: name.parse().unwrap(),
        subnets: vec![Reference::Id("subnet-0000000a".to_string())],
        security_groups: vec![Reference::Id("sg-0000000a".to_string())],
        subnet_choice: SubnetChoice::Each,
        device_index: 1,
        network_card: 0,
        delete_on_termination: true,
        description: None,
        mtu: None,
        sharing: Sharing::Exclusive,
        mode: Mode::Netdev,
        resource_name: None,
        pci_address: None,
        warm: 0,
        min: Some(min),
        max: None,
        cooldown_seconds: 30,
        secondary_ipv4: 0,
        ipv6: 0,
        tags: BTreeMap::new(),
        source_dest_check: true,
        link_name: None,
    }
}

pub(crate) fn declared(pools: impl IntoIterator<Item = Pool>) -> Declared {
    let mut declared = Declared::default();
    declared.pools.extend(pools);
    declared
}

pub(crate) fn subnet(id: &str, zone: &str, free: u32) -> Subnet {
    Subnet {
        id: id.parse().unwrap(),
        name: None,
        vpc: "vpc-0000000a".parse().unwrap(),
        availability_zone: zone.to_string(),
        ipv4_cidr: Some("10.0.1.0/24".parse().unwrap()),
        ipv6_cidrs: Vec::new(),
        available_ipv4: free,
    }
}

pub(crate) fn eni_id(number: u32) -> EniId {
    format!("eni-{number:017x}").parse().unwrap()
}

pub(crate) fn mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}").parse().unwrap()
}

/// An ENI of a pool at device index `number`, in its state for an hour, as EC2 and the pool want it.
pub(crate) fn entry(pool: &Pool, number: u32, state: State) -> Entry {
    let id = eni_id(number);
    let is_off = matches!(state, State::Created | State::Detached | State::Deleting);
    Entry {
        host_name: id.fallback_name(),
        network_interface_id: id,
        mac_address: mac(number),
        pci_address: None,
        subnet: node::inventory::Subnet {
            id: "subnet-0000000a".to_string(),
            ipv4_cidr: Some("10.0.1.0/24".parse().unwrap()),
            ipv6_cidrs: Vec::new(),
        },
        vpc: Vpc::default(),
        ipv4_addresses: vec![Ipv4Address { address: std::net::Ipv4Addr::from(0x0a00_0100 + number), primary: true }],
        ipv6_addresses: Vec::new(),
        pool: Some(pool.for_eni_at(None)),
        device_index: number,
        network_card_index: pool.network_card,
        original_driver: None,
        seen: None,
        mtu: None,
        tags: identity().tags(&pool.name, "token", &pool.tags),
        state,
        upkeep: Upkeep {
            since: NOW - 3600,
            attachment_id: (!is_off).then(|| format!("eni-attach-{number:017x}")),
            delete_on_termination: (!is_off).then_some(pool.delete_on_termination),
            source_dest_check: Some(true),
            security_groups: vec!["sg-0000000a".to_string()],
            ..Upkeep::default()
        },
    }
}

/// The link of an ENI, as the agent leaves it.
pub(crate) fn link(entry: &Entry) -> HostLink {
    HostLink {
        index: entry.device_index + 10,
        name: entry.host_name.to_string(),
        mac_address: Some(entry.mac_address),
        pci_address: None,
        driver: None,
        kind: None,
        mtu: 9001,
        mtu_range: 68..=9216,
        up: entry.is_shared(),
        altnames: Vec::new(),
        alias: Some(entry.network_interface_id.to_string()),
        tie: None,
        addresses: Vec::new(),
    }
}

pub(crate) fn interface(entry: &Entry) -> MetadataInterface {
    MetadataInterface {
        mac_address: entry.mac_address.to_string().parse().unwrap(),
        id: entry.network_interface_id.as_str().parse().unwrap(),
        slot: Slot { network_card_index: entry.network_card_index, device_index: entry.device_index },
        subnet: "subnet-0000000a".parse().unwrap(),
        vpc: "vpc-0000000a".parse().unwrap(),
        subnet_ipv4_cidr: None,
        subnet_ipv6_cidrs: Vec::new(),
        vpc_ipv4_cidrs: vec!["10.0.0.0/16".parse().unwrap()],
        vpc_ipv6_cidrs: Vec::new(),
        ipv4: Vec::new(),
        ipv6: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        security_groups: Vec::new(),
    }
}

/// A node of which everything is known: 4 interfaces, the primary ENI and these.
pub(crate) fn observed(entries: impl IntoIterator<Item = Entry>) -> Observed {
    let entries: Vec<_> = entries.into_iter().collect();
    let primary = Entry { pool: None, device_index: 0, ..entry(&pool("none", 1), 0, State::Ready) };
    let on_host = |entry: &&Entry| matches!(entry.state, State::Ready | State::Cooling | State::Attached);
    Observed {
        now: NOW,
        identity: Some(identity()),
        availability_zone: Some(ZONE.to_string()),
        links: Some(entries.iter().filter(on_host).map(link).collect()),
        metadata: Some(std::iter::once(&primary).map(interface).collect()),
        metadata_at: NOW,
        limits: Some(limits(4)),
        subnets: [(Reference::Id("subnet-0000000a".to_string()), vec![subnet("subnet-0000000a", ZONE, 200)])].into(),
        asked: entries.iter().map(|entry| entry.network_interface_id.clone()).collect(),
        limit: Limit { release_grace: 30, orphan_grace: 300, ..Limit::default() },
        entries,
        ..Observed::default()
    }
}

pub(crate) fn limits(interfaces: u32) -> InstanceTypeLimits {
    InstanceTypeLimits {
        name: "m5.large".to_string(),
        interfaces,
        ipv4_per_interface: 10,
        ipv6_per_interface: 10,
        cards: vec![Card { index: 0, interfaces }],
    }
}

pub(crate) fn owner(container: &str) -> Owner {
    Owner { network: "net".to_string(), container_id: container.to_string(), ifname: "net1".to_string() }
}

pub(crate) fn creation(pool: &Pool, token: &str) -> Planned {
    Planned {
        pool: pool.name.clone(),
        since: NOW,
        refused_since: None,
        request: ec2::Creation {
            client_token: token.to_string(),
            subnet: "subnet-0000000a".parse().unwrap(),
            security_groups: Vec::new(),
            description: String::new(),
            secondary_ipv4_count: 0,
            ipv6_count: 0,
            tags: identity().tags(&pool.name, token, &pool.tags),
        },
    }
}

/// What is planned, in words.
fn words(plan: &Plan) -> Vec<String> {
    let mut words: Vec<_> = plan.actions.iter().map(ToString::to_string).collect();
    words.sort();
    words
}

fn names(plan: &Plan) -> Vec<&'static str> {
    let mut names: Vec<_> = plan.actions.iter().map(Action::name).collect();
    names.sort_unstable();
    names
}

fn name(text: &str) -> PoolName {
    text.parse().unwrap()
}

fn ifname(text: &str) -> IfName {
    text.parse().unwrap()
}
