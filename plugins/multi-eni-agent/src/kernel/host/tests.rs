//! What the dead leave, on the machine of the test: of their device nothing is there, so nothing is done to a link.

use super::*;
use node::addresses::AddressState;
use node::settings::Settings;
use serde_json::json;
use std::path::Path;

const ENI: &str = "eni-0123456789abcdef0";

struct Bench {
    root: tempfile::TempDir,
    host: Host,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&root.path().join("state")).unwrap());
        let places = Places {
            pools_dir: root.path().join("pools"),
            kubelet_dir: root.path().join("kubelet"),
            proc_dir: processes(root.path()),
            device_info_dir: root.path().join("devinfo"),
            bus: Bus::of(&Settings::default()),
        };
        std::fs::create_dir(&places.device_info_dir).unwrap();
        Self { host: Host::new(store, places), root }
    }

    fn store(&self) -> &Store {
        &self.host.store
    }
}

/// A folder of processes that shows all of a machine's: the test may not be allowed to look at this one's.
fn processes(root: &Path) -> PathBuf {
    let first = root.join("proc/1");
    std::fs::create_dir_all(first.join("ns")).unwrap();
    for (link, target) in [("ns/net", "net:[1]"), ("ns/mnt", "mnt:[1]"), ("ns/pid", "pid:[4026531836]"), ("root", "/")]
    {
        std::os::unix::fs::symlink(target, first.join(link)).unwrap();
    }
    std::fs::write(first.join("mountinfo"), "").unwrap();
    root.join("proc")
}

/// A namespace that never was.
fn gone() -> serde_json::Value {
    json!({"path": "/run/netns/gone", "identity": {"cookie": 1_u64 << 60, "device": 4, "inode": 7}})
}

fn owner() -> serde_json::Value {
    json!({"network": "n", "containerId": "c1", "ifname": "net1"})
}

#[tokio::test]
async fn mul_3_the_device_info_file_of_a_dead_pod_goes_with_its_device() {
    let bench = Bench::new();
    let path = bench.root.path().join("devinfo/n-c1_net1.json");
    std::fs::write(&path, "{}").unwrap();
    let record: Record = serde_json::from_value(json!({
        "owner": owner(), "device": {"macAddress": "02:00:00:00:00:fe", "networkInterfaceId": ENI}, "mode": "netdev",
        "namespace": gone(), "interfaceName": "net1",
        "home": {"name": "ens6", "altnames": [], "mtu": 9001, "macAddress": "02:00:00:00:00:fe", "up": false},
        "leftovers": [], "phase": "committed",
        "call": {"config": {"runtimeConfig": {"CNIDeviceInfoFile": path}}, "path": "", "args": ""},
    }))
    .unwrap();
    bench.store().write_record(&record).unwrap();
    assert_eq!(bench.host.release(&record, None).await.unwrap(), Outcome::Released);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_dead_pods_addresses_come_back_where_there_is_no_kubelet() {
    let bench = Bench::new();
    let usage: AddressUse = serde_json::from_value(json!({
        "owner": owner(), "networkInterfaceId": ENI, "addresses": ["10.0.3.11"], "state": "used", "namespace": gone(),
        "call": {"config": {}, "path": "", "args": ""},
    }))
    .unwrap();
    bench.store().write_address_use(&usage).unwrap();
    let verdicts = bench.host.address_verdicts(std::slice::from_ref(&usage), None).await;
    assert_eq!(verdicts, [Verdict { owner: usage.owner.clone(), life: Life::Gone }]);
    assert_eq!(bench.host.release_addresses(&usage, None).await.unwrap(), Outcome::Released);
    let uses = bench.store().address_uses().unwrap();
    assert!(matches!(uses[..], [AddressUse { state: AddressState::Cooling { .. }, .. }]), "{uses:?}");
}

#[tokio::test]
async fn a_chain_that_does_not_release_is_asked_until_it_does() {
    let bench = Bench::new();
    let bin = bench.root.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let usage: AddressUse = serde_json::from_value(json!({
        "owner": owner(), "networkInterfaceId": ENI, "addresses": ["10.0.3.11"], "state": "used", "namespace": gone(),
        "call": {
            "config": {"cniVersion": "1.0.0", "name": "n", "ipam": {"type": "ours", "chain": [{"type": "further"}]}},
            "path": bin, "args": "",
        },
    }))
    .unwrap();
    bench.store().write_address_use(&usage).unwrap();
    let pending = Outcome::Pending(Pending { device: false, ipam: true });
    for _ in 0..2 {
        assert_eq!(bench.host.release_addresses(&usage, None).await.unwrap(), pending);
        let [resting] = bench.store().address_uses().unwrap().try_into().unwrap();
        assert!(matches!(resting.state, AddressState::Cooling { .. }) && resting.is_to_release(), "{resting:?}");
    }
    std::os::unix::fs::symlink("/bin/true", bin.join("ours")).unwrap();
    assert_eq!(bench.host.release_addresses(&usage, None).await.unwrap(), Outcome::Released);
    assert!(!bench.store().address_uses().unwrap()[0].is_to_release());
    assert_eq!(bench.host.release_addresses(&usage, None).await.unwrap(), Outcome::Nothing);
}
