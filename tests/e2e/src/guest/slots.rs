//! The machine's slots, into which the region puts a NIC when it attaches an ENI.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ec2sim::{EniFacts, Hardware, Nic};
use serde_json::json;

use super::qmp::Qmp;

/// How many NICs can be there at once, beside the primary one.
pub(super) const COUNT: u8 = 8;

/// The slots of a machine that runs. Each is a port of its own, so each NIC is an IOMMU group of its own, too.
#[derive(Debug)]
pub struct Slots {
    qmp: Arc<Qmp>,
    used: Arc<Mutex<BTreeMap<u8, String>>>,
}

impl Slots {
    /// The slots of a machine, which was started with these NICs.
    #[must_use]
    pub fn of(qmp: Qmp, there: &[EniFacts]) -> Self {
        let used = (1..).zip(there.iter().map(|eni| eni.network_interface_id.to_string())).collect();
        Self { qmp: Arc::new(qmp), used: Arc::new(Mutex::new(used)) }
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<u8, String>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A NIC's device, for QEMU. No boot ROM: none of them is booted from, and loading it costs seconds.
    #[must_use]
    pub fn device(slot: u8, mac: &str) -> serde_json::Value {
        json!({
            "driver": "e1000e", "id": format!("nic{slot}"), "netdev": lan(slot), "bus": format!("slot{slot}"),
            "mac": mac, "romfile": "",
        })
    }
}

/// A NIC's end of the wire that all of them are on.
pub(super) fn lan(slot: u8) -> String {
    format!("lan{slot}")
}

impl Hardware for Slots {
    fn plug(&self, nic: &Nic) {
        let mut used = self.used();
        let slot = (1..=COUNT).find(|slot| !used.contains_key(slot)).expect("a free slot of the machine");
        self.qmp.execute("netdev_add", &json!({"type": "hubport", "id": lan(slot), "hubid": 1}));
        self.qmp.execute("device_add", &Self::device(slot, &nic.eni.mac.to_string()));
        used.insert(slot, nic.eni.network_interface_id.to_string());
    }

    /// There is no udev in the guest: the agent names the link.
    fn renamed(&self, _nic: &Nic) {}

    /// The machine tells when the guest has let it go, which a program that uses it can delay. Until then its slot is taken.
    fn unplug(&self, nic: &Nic) {
        let id = nic.eni.network_interface_id.to_string();
        let slot = self.used().iter().find(|(_, eni)| **eni == id).map(|(slot, _)| *slot);
        let Some(slot) = slot else { return };
        let device = format!("nic{slot}");
        self.qmp.forget(&device);
        self.qmp.execute("device_del", &json!({"id": device}));
        let (qmp, used) = (Arc::clone(&self.qmp), Arc::clone(&self.used));
        thread::spawn(move || {
            if qmp.comes(|event| event["event"] == "DEVICE_DELETED" && event["data"]["device"] == *device) {
                qmp.execute("netdev_del", &json!({"id": lan(slot)}));
                used.lock().unwrap_or_else(PoisonError::into_inner).remove(&slot);
            }
        });
    }
}
