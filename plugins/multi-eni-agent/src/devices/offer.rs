//! What is offered: a pure function of the pools and of the inventory.

use std::collections::{BTreeMap, BTreeSet};

use node::inventory::{Entry, Mode, Seen, State};
use node::names::{EniId, PciAddr};

use crate::declared::Pool;

/// An ENI as the kubelet is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) eni: EniId,
    pub(crate) mode: Mode,
    pub(crate) health: Health,
    pub(crate) numa_node: Option<u32>,
}

/// Whether a device may be given to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Healthy,
    /// Not now, and why.
    Unhealthy(String),
}

/// The devices of each resource of this node, by PCI address. A resource of a pool without an ENI has none.
pub(crate) type Offers = BTreeMap<String, BTreeMap<PciAddr, Device>>;

/// What decides whether an ENI of the inventory can be given out.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) pools: &'a [Pool],
    pub(crate) entries: &'a [Entry],
    /// ENIs that an attachment holds.
    pub(crate) held: &'a BTreeSet<EniId>,
    /// Devices that the kubelet has given out.
    pub(crate) allocated: &'a BTreeSet<PciAddr>,
    /// Whether the kubelet has said so itself, since this agent began.
    pub(crate) is_known: bool,
    /// ENIs that are about to go.
    pub(crate) withheld: &'a BTreeSet<EniId>,
}

/// What is offered now.
pub(crate) fn offers(facts: &Facts<'_>) -> Offers {
    let mut offers = Offers::new();
    for resource in facts.pools.iter().filter_map(|pool| pool.resource_name.clone()) {
        offers.entry(resource).or_default();
    }
    for entry in facts.entries {
        let (Some(pool), Some(pci)) = (&entry.pool, entry.pci_address) else { continue };
        let (Some(resource), Some(health)) = (&pool.resource_name, health(entry, pci, facts)) else { continue };
        let mode = pool.mode;
        let numa_node = entry.seen.as_ref().and_then(|seen| seen.numa_node);
        let device = Device { eni: entry.network_interface_id.clone(), mode, health, numa_node };
        offers.entry(resource.clone()).or_default().insert(pci, device);
    }
    offers
}

/// Nothing for an ENI that is not on the node.
fn health(entry: &Entry, pci: PciAddr, facts: &Facts<'_>) -> Option<Health> {
    let eni = &entry.network_interface_id;
    let unhealthy = |why: &str| Some(Health::Unhealthy(why.to_string()));
    if facts.held.contains(eni) {
        return match facts.allocated.contains(&pci) || !facts.is_known {
            true => Some(Health::Healthy),
            // Taken by name, or by a pod that the kubelet has forgotten and whose DEL has not come.
            false => unhealthy("an attachment has it that the kubelet has not given it to"),
        };
    }
    match entry.state {
        State::Creating | State::Created | State::Attaching | State::Attached | State::Detached => None,
        State::Deleting | State::Deleted => None,
        State::Quarantined => unhealthy("it is out of order: see its last error in the agent's status"),
        State::Detaching => unhealthy("it is being detached"),
        State::Ready | State::InUse | State::Cooling if facts.withheld.contains(eni) => {
            unhealthy("its pool has more than it should and is about to detach it")
        }
        // Whoever had it has it still: a container that starts again gets its own device.
        State::Ready | State::InUse | State::Cooling if facts.allocated.contains(&pci) => Some(Health::Healthy),
        State::Cooling => unhealthy("it rests after a pod"),
        State::Ready | State::InUse => match not_as_its_pool_wishes(entry) {
            Some(why) => Some(Health::Unhealthy(why)),
            None => Some(Health::Healthy),
        },
    }
}

fn not_as_its_pool_wishes(entry: &Entry) -> Option<String> {
    let is_bound = entry.seen.as_ref().is_some_and(Seen::is_for_user_space);
    match entry.pool.as_ref().map(|pool| pool.mode) {
        Some(Mode::VfioPci) if !is_bound => Some("it is not yet bound to vfio-pci".to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{eni_id, entry, pool};

    const RESOURCE: &str = "a.example/ena";

    fn device(number: u32) -> PciAddr {
        format!("0000:00:{:02x}.0", number + 5).parse().unwrap()
    }

    fn data() -> Pool {
        Pool { resource_name: Some(RESOURCE.to_string()), ..pool("data", 1) }
    }

    fn placed(pool: &Pool, number: u32, state: State) -> Entry {
        Entry { pci_address: Some(device(number)), ..entry(pool, number, state) }
    }

    /// The health of one ENI in this state, in one word.
    fn word(entry: Entry, held: bool, allocated: bool, withheld: bool) -> &'static str {
        let eni = BTreeSet::from([entry.network_interface_id.clone()]);
        let (none, device) = (BTreeSet::new(), entry.pci_address.into_iter().collect());
        let facts = Facts {
            pools: &[data()],
            entries: &[entry],
            held: if held { &eni } else { &none },
            allocated: if allocated { &device } else { &BTreeSet::new() },
            is_known: true,
            withheld: if withheld { &eni } else { &none },
        };
        match offers(&facts)[RESOURCE].values().next().map(|device| &device.health) {
            Some(Health::Healthy) => "healthy",
            Some(Health::Unhealthy(_)) => "unhealthy",
            None => "absent",
        }
    }

    #[test]
    fn dev_2_an_eni_is_a_device_from_its_arrival_to_its_end() {
        for (state, expected) in [
            (State::Created, "absent"),
            (State::Attaching, "absent"),
            (State::Attached, "absent"),
            (State::Ready, "healthy"),
            (State::Cooling, "unhealthy"),
            (State::Quarantined, "unhealthy"),
            (State::Detaching, "unhealthy"),
            (State::Detached, "absent"),
            (State::Deleting, "absent"),
        ] {
            assert_eq!(word(placed(&data(), 1, state), false, false, false), expected, "{state}");
        }
        let nowhere = Entry { pci_address: None, ..placed(&data(), 1, State::Ready) };
        assert_eq!(word(nowhere, false, false, false), "absent");
    }

    #[test]
    fn dev_2_what_a_pod_has_stays_healthy_and_what_is_about_to_go_is_not() {
        assert_eq!(word(placed(&data(), 1, State::InUse), true, true, false), "healthy");
        // A container that starts again in its pod has its device still.
        assert_eq!(word(placed(&data(), 1, State::Cooling), false, true, false), "healthy");
        assert_eq!(word(placed(&data(), 1, State::Ready), false, false, true), "unhealthy");
        // What was taken by name, the kubelet must not give to another.
        assert_eq!(word(placed(&data(), 1, State::InUse), true, false, false), "unhealthy");
    }

    #[test]
    fn a_device_for_user_space_is_healthy_once_it_is_bound() {
        let dpdk = Pool { mode: Mode::VfioPci, ..data() };
        let mut eni = placed(&dpdk, 1, State::Ready);
        assert_eq!(word(eni.clone(), false, false, false), "unhealthy");
        eni.seen = Some(Seen { driver: Some("vfio-pci".to_string()), ..Seen::default() });
        assert_eq!(word(eni, false, false, false), "healthy");
    }

    #[test]
    fn several_pools_are_one_resource_and_one_without_an_eni_is_one_too() {
        let (data, other) = (data(), Pool { name: "other".parse().unwrap(), ..data() });
        let lone =
            Pool { name: "lone".parse().unwrap(), resource_name: Some("a.example/lone".to_string()), ..pool("x", 1) };
        let plain = pool("plain", 1);
        let none = BTreeSet::new();
        let facts = Facts {
            pools: &[data.clone(), other.clone(), lone, plain.clone()],
            entries: &[
                placed(&data, 1, State::Ready),
                placed(&other, 2, State::Ready),
                placed(&plain, 3, State::Ready),
            ],
            held: &none,
            allocated: &BTreeSet::new(),
            is_known: false,
            withheld: &none,
        };
        let offers = offers(&facts);
        assert_eq!(offers.keys().collect::<Vec<_>>(), ["a.example/ena", "a.example/lone"]);
        assert_eq!(offers[RESOURCE].keys().copied().collect::<Vec<_>>(), [device(1), device(2)]);
        assert_eq!(offers[RESOURCE][&device(2)].eni, eni_id(2));
        assert!(offers["a.example/lone"].is_empty());
    }
}
