//! What the kubelet has given out. It tells of each allocation and of no release, and between the two there may be no record of an
//! attachment: a device is in use from its allocation until no pod on the kubelet's own list has had it for a while.

use std::collections::{BTreeMap, BTreeSet};

use node::names::PciAddr;
use node::store::Kept;
use serde::{Deserialize, Serialize};

use super::GivenOut;

/// The devices that containers have, or had a moment ago.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Allocations {
    devices: BTreeMap<PciAddr, Allocation>,
}

/// One device's. Times are seconds since the boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allocation {
    resource: String,
    since: u64,
    /// Since when no pod on the kubelet's list has had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing_since: Option<u64>,
}

impl Allocations {
    /// The name of its file.
    pub(crate) const FILE: &'static str = "allocations.json";

    /// The devices.
    pub(crate) fn devices(&self) -> BTreeSet<PciAddr> {
        self.devices.keys().copied().collect()
    }

    /// How many of a resource.
    pub(crate) fn count(&self, resource: &str) -> usize {
        self.devices.values().filter(|allocation| allocation.resource == resource).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// A container gets these.
    pub(super) fn allocate(&mut self, resource: &str, devices: &BTreeSet<PciAddr>, now: u64) {
        for device in devices {
            let allocation = Allocation { resource: resource.to_string(), since: now, missing_since: None };
            self.devices.insert(*device, allocation);
        }
    }

    /// The kubelet was asked at `asked_at` which devices pods have. One that no pod has had for `grace` seconds is free again.
    pub(super) fn look(&mut self, given_out: &GivenOut, asked_at: u64, now: u64, grace: u64) {
        for (resource, devices) in &given_out.0 {
            for device in devices {
                let new = || Allocation { resource: resource.clone(), since: now, missing_since: None };
                self.devices.entry(*device).or_insert_with(new).missing_since = None;
            }
        }
        self.devices.retain(|device, allocation| {
            // The answer may be older than what was allocated meanwhile.
            if given_out.has(*device) || allocation.since >= asked_at {
                return true;
            }
            let since = *allocation.missing_since.get_or_insert(now);
            now.saturating_sub(since) < grace
        });
    }
}

impl Kept for Allocations {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        Self::FILE.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str = "intel.com/ena";
    const GRACE: u64 = 30;

    fn pci(number: u8) -> PciAddr {
        format!("0000:00:{number:02x}.0").parse().unwrap()
    }

    fn listed(devices: &[u8]) -> GivenOut {
        let devices = devices.iter().copied().map(pci).collect();
        GivenOut(BTreeMap::from([(RESOURCE.to_string(), devices)]))
    }

    fn allocated(at: u64) -> Allocations {
        let mut allocations = Allocations::default();
        allocations.allocate(RESOURCE, &BTreeSet::from([pci(6)]), at);
        allocations
    }

    #[test]
    fn dev_4_a_device_is_in_use_until_no_pod_has_had_it_for_a_while() {
        let mut allocations = allocated(100);
        allocations.look(&listed(&[6]), 200, 200, GRACE);
        allocations.look(&listed(&[]), 300, 300, GRACE);
        assert_eq!(allocations.count(RESOURCE), 1);
        allocations.look(&listed(&[]), 329, 329, GRACE);
        assert!(!allocations.is_empty());
        // A pod that is back on the list had it all the time.
        allocations.look(&listed(&[6]), 329, 329, GRACE);
        allocations.look(&listed(&[]), 331, 331, GRACE);
        assert!(!allocations.is_empty());
        allocations.look(&listed(&[]), 361, 361, GRACE);
        assert!(allocations.is_empty());
    }

    #[test]
    fn a_list_that_is_older_than_the_allocation_says_nothing_of_it() {
        let mut allocations = allocated(100);
        allocations.look(&listed(&[]), 100, 500, GRACE);
        allocations.look(&listed(&[]), 100, 900, GRACE);
        assert_eq!(allocations.devices(), BTreeSet::from([pci(6)]));
    }

    #[test]
    fn what_pods_have_though_nobody_remembers_is_in_use() {
        let mut allocations = Allocations::default();
        allocations.look(&listed(&[6, 7]), 100, 100, GRACE);
        assert_eq!(allocations.devices(), BTreeSet::from([pci(6), pci(7)]));
    }
}
