use super::*;
use node::pci::Bus;
use node::record::Owner;
use node::settings::Settings;
use node::store::Store;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;

const UID: &str = "0b7dbd3c-4c2e-4f1c-9d53-1a8b1f1f0001";

/// A node whose processes are files.
struct Bench {
    root: tempfile::TempDir,
    node: Node,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("state")).unwrap();
        let settings = Settings { kubelet_dir: root.path().join("kubelet"), ..Settings::default() };
        let bench = Self { root, node: Node { bus: Bus::of(&settings), settings, store } };
        bench.process("1", "net:[1]");
        symlink("pid:[4026531836]", bench.root.path().join("proc/1/ns/pid")).unwrap();
        bench
    }

    fn process(&self, pid: &str, net: &str) {
        let folder = self.root.path().join("proc").join(pid);
        fs::create_dir_all(folder.join("ns")).unwrap();
        for (link, target) in [("ns/net", net), ("ns/mnt", "mnt:[1]"), ("root", "/")] {
            symlink(target, folder.join(link)).unwrap();
        }
        fs::write(folder.join("mountinfo"), "").unwrap();
    }

    async fn first_dead(&self, holders: &[Record], uid: Option<&str>) -> Option<Owner> {
        for holder in holders {
            self.node.store.write_record(holder).unwrap();
        }
        let proc_dir = self.root.path().join("proc");
        let dead = Lookout::new(&self.node, &proc_dir, uid).first_dead(holders).await.unwrap();
        dead.map(|record| record.owner.clone())
    }
}

fn record(container: &str, inode: u64) -> Record {
    serde_json::from_value(json!({
        "owner": {"network": "n", "containerId": container, "ifname": "net1"},
        "pod": {"namespace": "default", "name": "p", "uid": UID},
        "device": {"macAddress": "02:00:00:00:00:01"}, "mode": "netdev",
        "namespace": {"path": "/run/netns/x", "identity": {"cookie": 1_u64 << 60, "device": 4, "inode": inode}},
        "interfaceName": "net1", "leftovers": [], "phase": "committed", "call": {"config": {}, "path": "", "args": ""},
        "home": {"name": "eth1", "altnames": [], "mtu": 9001, "macAddress": "02:00:00:00:00:01", "up": false},
    }))
    .unwrap()
}

#[tokio::test]
async fn the_first_whose_namespace_nothing_has_is_dead() {
    let bench = Bench::new();
    bench.process("20", "net:[77]");
    let holders = [record("alive", 77), record("dead", 78)];
    assert_eq!(bench.first_dead(&holders, None).await, Some(holders[1].owner.clone()));
}

#[tokio::test]
async fn a_pod_that_the_kubelet_has_is_alive_but_for_itself() {
    let bench = Bench::new();
    fs::create_dir_all(bench.node.settings.kubelet_dir.join("pods").join(UID)).unwrap();
    let holders = [record("sandbox", 78)];
    assert_eq!(bench.first_dead(&holders, None).await, None);
    assert_eq!(bench.first_dead(&holders, Some(UID)).await, Some(holders[0].owner.clone()));
}

#[tokio::test]
async fn nothing_is_taken_over_where_not_all_processes_are_seen() {
    let bench = Bench::new();
    let holders = [record("somewhere", 78)];
    fs::create_dir_all(bench.root.path().join("proc/20/ns/net")).unwrap();
    assert_eq!(bench.first_dead(&holders, None).await, None);
    fs::remove_dir_all(bench.root.path().join("proc/20")).unwrap();
    assert_eq!(bench.first_dead(&holders, None).await, Some(holders[0].owner.clone()));
}

#[tokio::test]
async fn a_namespace_that_cannot_be_opened_is_not_gone() {
    let bench = Bench::new();
    bench.process("20", "net:[78]");
    assert_eq!(bench.first_dead(&[record("c1", 78)], None).await, None);
}

#[tokio::test]
async fn all_holders_of_a_claim_are_judged_by_one_look_and_none_that_came_after_it() {
    let bench = Bench::new();
    let (early, late) = (record("early", 77), record("late", 78));
    bench.node.store.write_record(&early).unwrap();
    let proc_dir = bench.root.path().join("proc");
    let mut lookout = Lookout::new(&bench.node, &proc_dir, None);
    let holders = [early];
    assert!(lookout.first_dead(&holders).await.unwrap().is_some());
    fs::remove_dir_all(&proc_dir).unwrap();
    assert!(lookout.first_dead(&holders).await.unwrap().is_some(), "nobody looks again");
    bench.node.store.write_record(&late).unwrap();
    assert!(lookout.first_dead(&[late]).await.unwrap().is_none());
}
