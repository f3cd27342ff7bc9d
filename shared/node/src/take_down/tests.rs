//! Of the device there is nothing on this machine, so nothing is done to a link of it.

use super::*;
use crate::settings::Settings;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

struct Bench {
    root: tempfile::TempDir,
    store: Store,
}

impl Bench {
    /// A store, and a folder of processes that has no namespace but the host's.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("state")).unwrap();
        let first = root.path().join("proc/1");
        fs::create_dir_all(first.join("ns")).unwrap();
        for (link, target) in
            [("ns/net", "net:[1]"), ("ns/mnt", "mnt:[1]"), ("ns/pid", "pid:[4026531836]"), ("root", "/")]
        {
            symlink(target, first.join(link)).unwrap();
        }
        fs::write(first.join("mountinfo"), "").unwrap();
        Self { root, store }
    }

    fn proc_dir(&self) -> PathBuf {
        self.root.path().join("proc")
    }

    /// A process that cannot be looked into.
    fn hide_one(&self) {
        fs::create_dir_all(self.proc_dir().join("20/ns/net")).unwrap();
    }

    async fn take_down(&self, record: &Record, only: Only<'_>, freed: Result<(), &'static str>) -> Done<&'static str> {
        let bus = Bus::of(&Settings::default());
        let wish = Wish { record, only, patience: None, named: None, proc_dir: &self.proc_dir(), bus: &bus };
        take_down(&self.store, &wish, async |_: &Record| freed).await.unwrap()
    }

    fn left(&self, record: &Record) -> Option<(Phase, Pending)> {
        self.store.record(&record.owner).unwrap().map(|record| (record.phase, record.pending))
    }
}

fn record(container: &str, inode: u64) -> Record {
    serde_json::from_value(json!({
        "owner": {"network": "n", "containerId": container, "ifname": "net1"},
        "device": {"macAddress": "02:00:00:00:00:fe"}, "mode": "netdev",
        "namespace": {"path": "/run/netns/never", "identity": {"cookie": 1_u64 << 60, "device": 4, "inode": inode}},
        "interfaceName": "net1", "leftovers": [], "phase": "committed", "call": {"config": {}, "path": "", "args": ""},
        "home": {"name": "ens6", "altnames": [], "mtu": 9001, "macAddress": "02:00:00:00:00:fe", "up": false},
    }))
    .unwrap()
}

#[tokio::test]
async fn an_ipam_plugin_that_does_not_release_keeps_no_device() {
    let bench = Bench::new();
    let record = record("c1", 7);
    bench.store.write_record(&record).unwrap();
    let Done::Down(down) = bench.take_down(&record, Only::Always, Err("no such plugin")).await else { panic!() };
    let pending = Pending { device: false, ipam: true };
    assert_eq!((down.freed, &down.pending), (Err("no such plugin"), &pending));
    assert_eq!(bench.left(&record), Some((Phase::Released, pending)));
    let again = bench.take_down(&record, Only::Always, Ok(())).await;
    assert!(matches!(again, Done::Down(down) if down.pending.is_nothing()));
    assert_eq!(bench.left(&record), None);
}

#[tokio::test]
async fn a_device_that_has_passed_on_is_left_alone_and_only_its_addresses_go() {
    let bench = Bench::new();
    let (first, next) = (record("c1", 7), record("c2", 8));
    bench.store.write_record(&first).unwrap();
    bench.store.write_record(&next).unwrap();
    assert!(matches!(bench.take_down(&first, Only::Always, Err("not now")).await, Done::Down(_)));
    assert_eq!(bench.left(&first), Some((Phase::Released, Pending { device: false, ipam: true })));
    assert_eq!(bench.left(&next), Some((Phase::Committed, Pending::default())));
}

#[tokio::test]
async fn what_is_another_attachment_by_now_is_not_taken_over() {
    let bench = Bench::new();
    let (dead, next) = (record("c1", 7), record("c1", 8));
    bench.store.write_record(&next).unwrap();
    assert!(matches!(bench.take_down(&dead, Only::IfTheSame, Ok(())).await, Done::Replaced));
    assert!(bench.left(&next).is_some());
    assert!(matches!(bench.take_down(&next, Only::IfTheSame, Ok(())).await, Done::Down(_)));
    assert!(matches!(bench.take_down(&next, Only::IfTheSame, Ok(())).await, Done::Nothing));
}

#[tokio::test]
async fn who_has_the_lock_is_not_waited_for_without_patience() {
    let bench = Bench::new();
    let record = record("c1", 7);
    bench.store.write_record(&record).unwrap();
    let _lock = bench.store.try_device_lock(&record.device.lock_name()).unwrap().unwrap();
    assert!(matches!(bench.take_down(&record, Only::Always, Ok(())).await, Done::Busy));
}

#[tokio::test]
async fn a_virtual_device_is_forgotten_only_where_its_namespace_is_surely_gone() {
    let bench = Bench::new();
    let record = record("c1", 7);
    bench.store.write_record(&record).unwrap();
    bench.hide_one();
    assert!(matches!(bench.take_down(&record, Only::Always, Ok(())).await, Done::Down(down) if down.pending.device));
    fs::remove_dir_all(bench.proc_dir().join("20")).unwrap();
    let gone = bench.take_down(&record, Only::Always, Ok(())).await;
    assert!(matches!(gone, Done::Down(down) if down.pending.is_nothing()));
}

#[tokio::test]
async fn an_eni_has_left_the_node_only_where_the_inventory_surely_has_it_not() {
    let bench = Bench::new();
    let entry = crate::inventory::sample::entry(crate::inventory::Sharing::Exclusive);
    let device = crate::device::Device {
        network_interface_id: Some(entry.network_interface_id.clone()),
        ..record("c1", 7).device
    };
    let record = Record { device, ..record("c1", 7) };
    // Its namespace may be there, so that nothing but the inventory can tell.
    bench.hide_one();
    bench.store.write_record(&record).unwrap();
    bench.store.write_entry(&entry).unwrap();
    let is_pending = async || {
        let done = bench.take_down(&record, Only::Always, Ok(())).await;
        matches!(done, Done::Down(down) if down.pending.device)
    };
    assert!(is_pending().await);
    let file = bench.store.path().join(format!("inventory/{}.json", entry.network_interface_id));
    fs::write(&file, "{").unwrap();
    assert!(is_pending().await, "torn");
    assert_eq!(bench.store.inventory_to_keep().unwrap(), []);
    assert!(is_pending().await, "set aside");
    bench.store.write_entry(&entry).unwrap();
    bench.store.remove_entry(&entry).unwrap();
    assert!(!is_pending().await);
}

#[tokio::test]
async fn what_only_the_ipam_plugin_owes_leaves_the_device_alone() {
    let bench = Bench::new();
    // Its device is nowhere, which would be pending.
    bench.hide_one();
    let pending = Pending { device: false, ipam: true };
    let record = Record { phase: Phase::Released, pending, ..record("c1", 7) };
    bench.store.write_record(&record).unwrap();
    let done = bench.take_down(&record, Only::Always, Ok(())).await;
    assert!(matches!(done, Done::Down(down) if down.pending.is_nothing()));
    assert_eq!(bench.left(&record), None);
}

/// What a claim, which has no lock of the device, does while the device is taken down.
async fn taken_down_while(bench: &Bench, record: &Record, claim: impl FnOnce()) {
    let (bus, proc_dir) = (Bus::of(&Settings::default()), bench.proc_dir());
    let wish = Wish { record, only: Only::Always, patience: None, named: None, proc_dir: &proc_dir, bus: &bus };
    let free = async |_: &Record| -> Result<(), &str> {
        claim();
        Ok(())
    };
    assert!(matches!(take_down(&bench.store, &wish, free).await.unwrap(), Done::Down(_)));
}

#[tokio::test]
async fn the_record_of_the_owners_next_device_is_neither_removed_nor_overwritten() {
    let bench = Bench::new();
    let earlier = Record { phase: Phase::Released, pending: Pending { device: true, ipam: false }, ..record("c1", 7) };
    let mut next = record("c1", 8);
    next.device.mac_address = "02:00:00:00:00:aa".parse().unwrap();
    for is_pending in [false, true] {
        if is_pending {
            bench.hide_one();
        }
        bench.store.write_record(&earlier).unwrap();
        taken_down_while(&bench, &earlier, || bench.store.write_record(&next).unwrap()).await;
        assert_eq!(bench.store.record(&next.owner).unwrap(), Some(next.clone()), "{is_pending}");
    }
}

#[tokio::test]
async fn what_was_left_of_a_release_does_not_come_back_when_another_claim_took_it() {
    let bench = Bench::new();
    bench.hide_one();
    let earlier = Record { phase: Phase::Released, pending: Pending { device: true, ipam: false }, ..record("c1", 7) };
    bench.store.write_record(&earlier).unwrap();
    taken_down_while(&bench, &earlier, || bench.store.remove_record(&earlier.owner).unwrap()).await;
    assert_eq!(bench.left(&earlier), None);
}
