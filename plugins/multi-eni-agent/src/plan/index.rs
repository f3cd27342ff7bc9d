//! The world with what is asked of it often found at once, so that a plan's cost grows with the ENIs and not with their square.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;

use node::inventory::{Entry, Mode, Seen};
use node::names::{EniId, MacAddr, PoolName};

use crate::declared::{Declared, Pool};
use crate::kernel::HostLink;
use crate::observe::Observed;

/// What is observed, and where to find it.
pub(crate) struct World<'a> {
    observed: &'a Observed,
    links: BTreeMap<MacAddr, &'a HostLink>,
    /// The addresses of each shared ENI that pods have, or had a moment ago.
    taken: BTreeMap<&'a EniId, BTreeSet<IpAddr>>,
    members: BTreeMap<&'a PoolName, Vec<&'a Entry>>,
    /// What the original controller made for each pool, where that is to become the project's.
    originals: BTreeMap<PoolName, Vec<&'a Entry>>,
    pools: BTreeMap<&'a PoolName, &'a Pool>,
}

impl Deref for World<'_> {
    type Target = Observed;

    fn deref(&self) -> &Observed {
        self.observed
    }
}

impl<'a> World<'a> {
    pub(crate) fn of(declared: &'a Declared, observed: &'a Observed) -> Self {
        let devices = observed.links.iter().flatten().filter(|link| is_device(link));
        let mut taken: BTreeMap<&EniId, BTreeSet<IpAddr>> = BTreeMap::new();
        for usage in observed.address_uses.iter().filter(|usage| usage.holds_at(observed.now)) {
            taken.entry(&usage.network_interface_id).or_default().extend(usage.addresses.iter().copied());
        }
        let mut members: BTreeMap<&PoolName, Vec<&Entry>> = BTreeMap::new();
        for entry in &observed.entries {
            if let Some(name) = entry.pool_name() {
                members.entry(name).or_default().push(entry);
            }
        }
        Self {
            observed,
            links: devices.filter_map(|link| Some((link.mac_address?, link))).collect(),
            taken,
            members,
            originals: originals(observed),
            pools: declared.pools.iter().map(|pool| (&pool.name, pool)).collect(),
        }
    }

    /// The entries of a pool.
    pub(crate) fn members(&self, pool: &PoolName) -> impl Iterator<Item = &'a Entry> + '_ {
        self.members.get(pool).into_iter().flatten().copied()
    }

    /// What the original controller made for a pool, and nobody of the project has yet.
    pub(crate) fn originals(&self, pool: &PoolName) -> impl Iterator<Item = &'a Entry> + '_ {
        self.originals.get(pool).into_iter().flatten().copied()
    }

    /// A pool that is declared.
    pub(crate) fn pool(&self, name: &PoolName) -> Option<&'a Pool> {
        self.pools.get(name).copied()
    }

    /// The link of an ENI on the host, by the permanent MAC, as everywhere.
    pub(crate) fn link_of(&self, entry: &Entry) -> Option<&'a HostLink> {
        self.links.get(&entry.mac_address).copied()
    }

    /// Whether another link of the host goes by this name.
    pub(crate) fn has_other_link_called(&self, name: &str, link: &HostLink) -> bool {
        let goes_by = |other: &HostLink| other.name == name || other.altnames.iter().any(|altname| altname == name);
        self.observed.links.iter().flatten().any(|other| other.index != link.index && goes_by(other))
    }

    /// The addresses of a shared ENI that no other pod may have now.
    pub(crate) fn taken(&self, entry: &Entry) -> Option<&BTreeSet<IpAddr>> {
        self.taken.get(&entry.network_interface_id)
    }

    /// How its device is, of one that is in user space's hands or should be.
    pub(crate) fn device_of(&self, entry: &Entry) -> Option<&'a Seen> {
        self.observed.devices.get(&entry.network_interface_id)
    }

    /// Whether user space has its device in its hands.
    pub(crate) fn is_bound(&self, entry: &Entry) -> bool {
        self.device_of(entry).is_some_and(Seen::is_for_user_space)
    }

    /// Whether it is where it is when nobody has it: its link on the host, or its device in user space's hands.
    pub(crate) fn is_home(&self, entry: &Entry) -> bool {
        self.link_of(entry).is_some() || (is_for_user_space(entry) && self.is_bound(entry))
    }

    /// Whether the kubelet has given it out: a pod has it, or is about to.
    pub(crate) fn is_allocated(&self, entry: &Entry) -> bool {
        entry.pci_address.is_some_and(|device| self.observed.allocated.contains(&device))
    }

    /// Whether a pod has it, or an address of it.
    pub(crate) fn is_held(&self, entry: &Entry) -> bool {
        self.observed.held.contains_key(&entry.network_interface_id) || self.taken(entry).is_some()
    }
}

fn originals(observed: &Observed) -> BTreeMap<PoolName, Vec<&Entry>> {
    let mut originals: BTreeMap<PoolName, Vec<&Entry>> = BTreeMap::new();
    let Some(identity) = observed.identity.as_ref().filter(|_| observed.limit.adopt_original) else { return originals };
    for entry in observed.entries.iter().filter(|entry| entry.pool.is_none() && !entry.is_primary_eni()) {
        if let Some(pool) = identity.originals_pool(&entry.tags) {
            originals.entry(pool).or_default().push(entry);
        }
    }
    originals
}

/// Whether its pool hands it to user space.
pub(super) fn is_for_user_space(entry: &Entry) -> bool {
    entry.pool.as_ref().is_some_and(|pool| pool.mode == Mode::VfioPci)
}

/// A bridge has the MAC of a port, and a child that of its parent. A veth plays an ENI in tests.
fn is_device(link: &HostLink) -> bool {
    link.pci_address.is_some() || link.kind.is_none() || link.kind.as_deref() == Some("veth")
}
