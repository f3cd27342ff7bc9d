//! An entry for tests.

use super::{Entry, Ipv4Address, Pool, Sharing, State, Subnet, Upkeep, Vpc};
use std::collections::BTreeMap;

/// The id of [`entry`].
pub(crate) const ENI: &str = "eni-0123456789abcdef0";

/// An ENI that is ready, of a pool `data`.
pub(crate) fn entry(sharing: Sharing) -> Entry {
    Entry {
        network_interface_id: ENI.parse().unwrap(),
        mac_address: "02:00:00:00:00:01".parse().unwrap(),
        pci_address: None,
        subnet: Subnet { id: "subnet-1".to_string(), ipv4_cidr: None, ipv6_cidrs: Vec::new() },
        vpc: Vpc::default(),
        ipv4_addresses: vec![Ipv4Address { address: "10.0.1.5".parse().unwrap(), primary: true }],
        ipv6_addresses: Vec::new(),
        pool: Some(Pool {
            name: "data".parse().unwrap(),
            sharing,
            mode: Default::default(),
            cooldown_seconds: 30,
            resource_name: None,
        }),
        device_index: 1,
        network_card_index: 0,
        host_name: "eth1".parse().unwrap(),
        original_driver: None,
        seen: None,
        mtu: None,
        tags: BTreeMap::new(),
        state: State::Ready,
        upkeep: Upkeep::default(),
    }
}
