//! What the plugins do with the records and the links, in steps between which they can die.

use std::sync::Arc;
use std::time::Duration;

use node::addresses::{AddressState, AddressUse};
use node::inventory::{Entry, State};
use node::names::{EniId, PoolName};
use node::record::{Owner, Phase, Record};
use node::store::Store;
use serde_json::json;
use tokio::time::sleep;

use super::journal::Journal;
use crate::agent::tests::machine::{Model, on_host};
use crate::kernel::Event;

const LOCK_LIMIT: Duration = Duration::from_secs(30);

/// What came of an ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    Has,
    NothingFree,
    /// The ENI that it chose has no link.
    Failed,
}

/// How long it thinks between two steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slow(pub(super) Duration);

/// The plugins of a node. Clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Plugin {
    pub(super) store: Arc<Store>,
    pub(super) machine: Model,
    pub(super) journal: Journal,
}

impl Plugin {
    /// ADD up to the moment when the agent has to be asked: chooses and claims under the claim lock, then moves the link.
    pub(super) async fn add(self, owner: Owner, pool: PoolName, slow: Slow) -> Came {
        let lock = self.store.claim_lock(LOCK_LIMIT).await.unwrap();
        let Some(entry) = self.choose(&pool) else { return Came::NothingFree };
        sleep(slow.0).await;
        self.journal.took(&owner, &entry.network_interface_id);
        self.write(&owner, &entry, Phase::Claimed);
        drop(lock);
        sleep(slow.0).await;
        if !on_host(&self.machine, &entry) {
            self.store.remove_record(&owner).unwrap();
            self.journal.gave(&owner);
            self.machine.tell(Event::RecordsChanged);
            return Came::Failed;
        }
        self.machine.hand(entry.mac_address, Some(&owner));
        sleep(slow.0).await;
        self.write(&owner, &entry, Phase::Committed);
        Came::Has
    }

    fn choose(&self, pool: &PoolName) -> Option<Entry> {
        let records = self.store.records().unwrap();
        let is_free = |entry: &Entry| {
            let held = records.iter().any(|record| record.holds() && record.device.is_same(&entry.device()));
            entry.pool_name() == Some(pool) && entry.state == State::Ready && !held && !entry.is_shared()
        };
        self.store.inventory().unwrap().into_iter().find(|entry| is_free(entry))
    }

    fn write(&self, owner: &Owner, entry: &Entry, phase: Phase) {
        self.store.write_record(&record(owner, entry, phase)).unwrap();
        self.machine.tell(Event::RecordsChanged);
    }

    /// DEL: the link goes home first, then the record goes.
    pub(super) async fn del(self, owner: Owner, slow: Slow) {
        if let Some(record) = self.store.record(&owner).unwrap() {
            sleep(slow.0).await;
            let has_it = |link: crate::agent::tests::machine::Link| link.pod.as_ref() == Some(&owner);
            if self.machine.find(record.device.mac_address).is_some_and(has_it) {
                self.machine.hand(record.device.mac_address, None);
            }
            sleep(slow.0).await;
            self.journal.gave(&owner);
            self.store.remove_record(&owner).unwrap();
            self.machine.tell(Event::RecordsChanged);
        }
        if self.store.address_uses().unwrap().iter().any(|usage| usage.owner == owner) {
            let _lock = self.store.addresses_lock(LOCK_LIMIT).await.unwrap();
            self.store.remove_address_use(&owner).unwrap();
            self.journal.gave(&owner);
            self.machine.tell(Event::RecordsChanged);
        }
    }

    /// ADD on a shared pool: a free secondary address of one of its ENIs.
    pub(super) async fn add_address(self, owner: Owner, pool: PoolName, slow: Slow) -> Came {
        let _lock = self.store.addresses_lock(LOCK_LIMIT).await.unwrap();
        let uses = self.store.address_uses().unwrap();
        let is_used = |address| uses.iter().any(|usage| usage.addresses.contains(&address));
        let ready = |entry: &&Entry| entry.pool_name() == Some(&pool) && entry.state == State::Ready;
        let entries = self.store.inventory().unwrap();
        let free = entries.iter().filter(ready).find_map(|entry| {
            let mut secondary = entry.ipv4_addresses.iter().filter(|one| !one.primary).map(|one| one.address.into());
            Some((entry.network_interface_id.clone(), secondary.find(|&address| !is_used(address))?))
        });
        let Some((network_interface_id, address)) = free else { return Came::NothingFree };
        sleep(slow.0).await;
        let call = serde_json::from_value(json!({"config": {}, "path": "", "args": ""})).unwrap();
        let (addresses, state) = (vec![address], AddressState::Used);
        let usage =
            AddressUse { owner, network_interface_id, addresses, state, namespace: None, call, owes_chain: false };
        self.store.write_address_use(&usage).unwrap();
        self.machine.tell(Event::RecordsChanged);
        Came::Has
    }
}

fn record(owner: &Owner, entry: &Entry, phase: Phase) -> Record {
    let path = format!("/run/netns/{}", owner.container_id);
    serde_json::from_value(json!({
        "owner": owner,
        "device": entry.device(),
        "pool": entry.pool_name(),
        "mode": "netdev",
        "namespace": {"path": path, "identity": {"cookie": 1, "device": 1, "inode": 1}},
        "interfaceName": owner.ifname,
        "leftovers": [],
        "phase": phase,
        "call": {"config": {}, "path": "", "args": ""},
        "home": {
            "name": entry.host_name, "altnames": [], "mtu": 9001, "macAddress": entry.mac_address, "up": false,
        },
    }))
    .unwrap()
}

/// The ENI that an owner has by the records.
pub(super) fn had_by(store: &Store, owner: &Owner) -> Option<EniId> {
    store.record(owner).unwrap().and_then(|record| record.device.network_interface_id)
}
