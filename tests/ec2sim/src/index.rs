//! Where an ENI is found without looking at all of them: a region of 5,000 nodes has 20,000.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::ids::{EniId, InstanceId, SubnetId};
use crate::record::EniRecord;

/// A place for an ENI on an instance: (network card, device index).
pub(crate) type Slot = (u32, u32);

#[derive(Debug, Default)]
struct Addresses {
    owners: BTreeMap<IpAddr, EniId>,
    prefixes: Vec<(IpNetwork, EniId)>,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    subnets: BTreeMap<SubnetId, Addresses>,
    slots: BTreeMap<InstanceId, BTreeMap<Slot, EniId>>,
    tags: BTreeMap<(String, String), BTreeSet<EniId>>,
}

impl Index {
    pub(crate) fn add(&mut self, id: &EniId, record: &EniRecord) {
        let addresses = self.subnets.entry(record.subnet.clone()).or_default();
        addresses.owners.extend(record.addresses().map(|address| (address, id.clone())));
        addresses.prefixes.extend(record.prefixes().map(|prefix| (prefix, id.clone())));
        if let Some(at) = &record.attachment {
            self.slots.entry(at.instance.clone()).or_default().insert((at.card, at.index), id.clone());
        }
        for (key, value) in &record.tags {
            self.tags.entry((key.clone(), value.clone())).or_default().insert(id.clone());
        }
    }

    pub(crate) fn remove(&mut self, id: &EniId, record: &EniRecord) {
        if let Some(addresses) = self.subnets.get_mut(&record.subnet) {
            for address in record.addresses() {
                addresses.owners.remove(&address);
            }
            addresses.prefixes.retain(|(_, owner)| owner != id);
        }
        if let Some(at) = &record.attachment
            && let Some(slots) = self.slots.get_mut(&at.instance)
        {
            slots.remove(&(at.card, at.index));
        }
        for (key, value) in &record.tags {
            let entry = (key.clone(), value.clone());
            if let Some(with) = self.tags.get_mut(&entry) {
                with.remove(id);
                if with.is_empty() {
                    self.tags.remove(&entry);
                }
            }
        }
    }

    /// The ENI that has this address of the subnet, alone or in a prefix.
    pub(crate) fn owner(&self, subnet: &SubnetId, address: IpAddr) -> Option<&EniId> {
        let addresses = self.subnets.get(subnet)?;
        let in_prefix = || addresses.prefixes.iter().find(|(prefix, _)| prefix.contains(address)).map(|(_, id)| id);
        addresses.owners.get(&address).or_else(in_prefix)
    }

    /// The IPv4 addresses of a subnet that ENIs have, lowest first; prefixes apart.
    pub(crate) fn taken_ipv4(&self, subnet: &SubnetId) -> impl Iterator<Item = u32> + '_ {
        let owners = self.subnets.get(subnet).into_iter().flat_map(|addresses| addresses.owners.keys());
        owners.filter_map(|address| match address {
            IpAddr::V4(v4) => Some(v4.to_bits()),
            IpAddr::V6(_) => None,
        })
    }

    pub(crate) fn prefixes(&self, subnet: &SubnetId) -> impl Iterator<Item = IpNetwork> + '_ {
        self.subnets.get(subnet).into_iter().flat_map(|addresses| addresses.prefixes.iter().map(|(prefix, _)| *prefix))
    }

    /// The ENIs at an instance by their slots, detaching ones too.
    pub(crate) fn at(&self, instance: &InstanceId) -> impl Iterator<Item = (Slot, &EniId)> + '_ {
        self.slots.get(instance).into_iter().flatten().map(|(slot, id)| (*slot, id))
    }

    pub(crate) fn in_slot(&self, instance: &InstanceId, slot: Slot) -> Option<&EniId> {
        self.slots.get(instance)?.get(&slot)
    }

    pub(crate) fn tagged(&self, key: &str, value: &str) -> impl Iterator<Item = &EniId> + '_ {
        self.tags.get(&(key.to_owned(), value.to_owned())).into_iter().flatten()
    }
}
