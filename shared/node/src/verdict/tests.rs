use super::*;
use crate::addresses::{self, AddressState};
use crate::device::Device;
use crate::netns::Identity;
use crate::record::{Call, Home, Namespace, Pending, Phase};
use std::fs;
use std::os::unix::fs::symlink;

const FIRST: &str = "pid:[4026531836]";
const UID: &str = "0b7dbd3c-4c2e-4f1c-9d53-1a8b1f1f0001";

/// A folder of processes, records and a kubelet, all below one temporary folder.
struct Machine {
    root: tempfile::TempDir,
    store: Store,
}

impl Machine {
    fn new(process_namespace: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("state")).unwrap();
        let machine = Self { root, store };
        machine.process(1, "net:[1]", "");
        symlink(process_namespace, machine.proc_dir().join("1/ns/pid")).unwrap();
        machine
    }

    fn proc_dir(&self) -> PathBuf {
        self.root.path().join("proc")
    }

    fn process(&self, pid: u32, net: &str, mountinfo: &str) {
        let folder = self.proc_dir().join(pid.to_string());
        fs::create_dir_all(folder.join("ns")).unwrap();
        symlink(net, folder.join("ns/net")).unwrap();
        symlink(format!("mnt:[{pid}]"), folder.join("ns/mnt")).unwrap();
        symlink("/", folder.join("root")).unwrap();
        fs::write(folder.join("mountinfo"), mountinfo).unwrap();
    }

    fn kubelet_dir(&self) -> PathBuf {
        self.root.path().join("kubelet")
    }

    fn life(&self, record: &Record, of_api: Option<&PodUids>) -> Life {
        self.store.write_record(record).unwrap();
        let kubelet_dir = self.kubelet_dir();
        let pods = Pods { kubelet_dir: &kubelet_dir, of_api };
        let sight = Sight::of(&self.proc_dir(), [record.namespace.identity]);
        of_record(record, &self.store, &sight, pods).unwrap()
    }

    fn life_of_use(&self, usage: &AddressUse, of_api: Option<&PodUids>) -> Life {
        self.store.write_address_use(usage).unwrap();
        let kubelet_dir = self.kubelet_dir();
        let pods = Pods { kubelet_dir: &kubelet_dir, of_api };
        let sight = Sight::of(&self.proc_dir(), usage.namespace.iter().map(|namespace| namespace.identity));
        of_use(usage, &self.store, &sight, pods).unwrap()
    }
}

fn owner() -> Owner {
    Owner { network: "net".to_string(), container_id: "c1".to_string(), ifname: "net1".to_string() }
}

fn pod() -> Pod {
    Pod { namespace: "default".to_string(), name: "p".to_string(), uid: Some(UID.to_string()) }
}

fn call(args: &str) -> Call {
    Call { config: serde_json::Map::new(), path: String::new(), args: args.to_string() }
}

fn record(inode: u64, pod: Option<Pod>) -> Record {
    let mac_address = "02:00:00:00:00:01".parse().unwrap();
    Record {
        owner: owner(),
        pod,
        device: Device { mac_address, pci_address: None, network_interface_id: None },
        pool: None,
        mode: Default::default(),
        namespace: Namespace {
            path: "/run/netns/x".into(),
            identity: Identity { cookie: Some(1 << 60), device: 4, inode },
        },
        interface_name: "net1".parse().unwrap(),
        home: Some(Home {
            name: "eth1".parse().unwrap(),
            altnames: Vec::new(),
            mtu: 1500,
            mac_address,
            alias: None,
            up: false,
        }),
        bound: None,
        leftovers: Vec::new(),
        phase: Phase::Committed,
        pending: Pending::default(),
        call: call(""),
    }
}

#[test]
fn a_namespace_that_no_process_and_no_mount_has_is_gone() {
    let machine = Machine::new(FIRST);
    assert_eq!(machine.life(&record(77, None), None), Life::Gone);
}

#[test]
fn a_namespace_of_any_process_or_any_mount_is_alive() {
    let machine = Machine::new(FIRST);
    machine.process(20, "net:[77]", "");
    let mount = "90 25 0:4 net:[78] /run/netns/a\\040b rw shared:1 - nsfs nsfs rw\n";
    machine.process(30, "net:[1]", &format!("24 1 8:1 / / rw - ext4 /dev/vda rw\n{mount}"));
    assert_eq!(machine.life(&record(77, None), None), Life::Alive);
    assert_eq!(machine.life(&record(78, None), None), Life::Alive);
}

#[test]
fn what_was_given_back_and_is_pending_is_nobodys() {
    let machine = Machine::new(FIRST);
    machine.process(20, "net:[77]", "");
    let pending = Record { phase: Phase::Released, ..record(77, None) };
    assert_eq!(machine.life(&pending, None), Life::Gone);
}

#[test]
fn a_pod_that_is_alive_keeps_what_it_has_though_its_namespace_is_gone() {
    let machine = Machine::new(FIRST);
    let record = record(77, Some(pod()));
    assert_eq!(machine.life(&record, Some(&PodUids::from([UID.to_string()]))), Life::Alive);
    assert_eq!(machine.life(&record, Some(&PodUids::new())), Life::Gone);
    fs::create_dir_all(machine.kubelet_dir().join("pods").join(UID)).unwrap();
    assert_eq!(machine.life(&record, Some(&PodUids::new())), Life::Alive);
}

#[test]
fn the_processes_of_a_container_tell_of_nothing_but_life() {
    let machine = Machine::new("pid:[4026532999]");
    machine.process(20, "net:[77]", "");
    assert_eq!(machine.life(&record(77, None), None), Life::Alive);
    let unseen = Unseen::OtherProcesses(machine.proc_dir());
    assert_eq!(machine.life(&record(78, None), None), Life::Unknown(unseen));
}

#[test]
fn where_the_plugins_run_in_the_same_process_namespace_its_processes_tell_all() {
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let machine = Machine::new(own.to_str().unwrap());
    assert_eq!(machine.life(&record(77, None), None), Life::Gone);
}

#[test]
fn a_folder_of_processes_that_is_not_there_tells_nothing() {
    let machine = Machine::new(FIRST);
    fs::remove_dir_all(machine.proc_dir()).unwrap();
    assert!(matches!(machine.life(&record(77, None), None), Life::Unknown(Unseen::Unreadable { .. })));
}

#[test]
fn a_process_that_cannot_be_looked_into_leaves_a_gap() {
    let machine = Machine::new(FIRST);
    // A folder where a link is expected is EINVAL, which only the mounts of a process that ends are.
    fs::create_dir_all(machine.proc_dir().join("20/ns/net")).unwrap();
    assert!(matches!(machine.life(&record(77, None), None), Life::Unknown(Unseen::Unreadable { .. })));
    fs::remove_dir_all(machine.proc_dir().join("20")).unwrap();
    assert_eq!(machine.life(&record(77, None), None), Life::Gone);
    fs::create_dir_all(machine.proc_dir().join("21/ns")).unwrap();
    symlink("elsewhere", machine.proc_dir().join("21/ns/net")).unwrap();
    assert!(matches!(machine.life(&record(77, None), None), Life::Unknown(Unseen::Unreadable { .. })));
}

#[test]
fn a_look_tells_nothing_of_a_namespace_that_it_was_not_for() {
    let machine = Machine::new(FIRST);
    let (kubelet_dir, record) = (machine.kubelet_dir(), record(77, None));
    let pods = Pods { kubelet_dir: &kubelet_dir, of_api: None };
    let life = |sight: &Sight| of_record(&record, &machine.store, sight, pods).unwrap();
    assert_eq!(life(&Sight::of(&machine.proc_dir(), [])), Life::Unknown(Unseen::NotLookedFor));
    assert_eq!(life(&Sight::of(&machine.proc_dir(), [record.namespace.identity])), Life::Gone);
}

#[tokio::test]
async fn a_look_at_this_process_alone_tells_of_nothing_but_life() {
    let machine = Machine::new(FIRST);
    machine.process(20, "net:[77]", "");
    symlink("20", machine.proc_dir().join("self")).unwrap();
    let near = Sight::near(&machine.proc_dir(), [77, 78].map(|inode| record(inode, None).namespace.identity)).await;
    assert_eq!(near.lacks(&record(77, None).namespace.identity, None), Ok(false));
    assert_eq!(near.lacks(&record(78, None).namespace.identity, None), Err(Unseen::NotLookedFor));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_ends_and_tells_nothing() {
    let machine = Machine::new(FIRST);
    let pipe = machine.proc_dir().join("1/mountinfo");
    fs::remove_file(&pipe).unwrap();
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let record = record(77, None);
    let sight = Sight::look(&machine.proc_dir(), [record.namespace.identity]).await;
    let unseen = sight.lacks(&record.namespace.identity, None).unwrap_err();
    assert!(matches!(&unseen, Unseen::Unreadable { why, .. } if why.contains("no answer")), "{unseen}");
}

fn usage(namespace: Option<Namespace>, args: &str) -> AddressUse {
    AddressUse {
        owner: owner(),
        network_interface_id: "eni-0123456789abcdef0".parse().unwrap(),
        addresses: vec!["10.0.1.9".parse().unwrap()],
        state: AddressState::Used,
        namespace,
        call: call(args),
        owes_chain: false,
    }
}

fn args() -> String {
    format!("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p;K8S_POD_UID={UID}")
}

#[test]
fn an_address_without_a_namespace_goes_with_its_pod_and_only_where_pods_can_be_seen() {
    let machine = Machine::new(FIRST);
    let kubelet_dir = machine.kubelet_dir();
    let life = |args: &str, of_api: Option<&PodUids>| machine.life_of_use(&usage(None, args), of_api);
    let none = PodUids::new();
    assert_eq!(life("", Some(&none)), Life::Unknown(Unseen::NoPod));
    assert_eq!(life("K8S_POD_NAMESPACE=default;K8S_POD_NAME=p", Some(&none)), Life::Unknown(Unseen::NoPod));
    assert_eq!(life(&args(), None), Life::Unknown(Unseen::NoPods(kubelet_dir.join("pods"))));
    assert_eq!(life(&args(), Some(&none)), Life::Gone);
    assert_eq!(life(&args(), Some(&PodUids::from([UID.to_string()]))), Life::Alive);
    fs::create_dir_all(kubelet_dir.join("pods")).unwrap();
    assert_eq!(life(&args(), None), Life::Gone);
    fs::create_dir_all(kubelet_dir.join("pods").join(UID)).unwrap();
    assert_eq!(life(&args(), None), Life::Alive);
}

#[test]
fn an_address_goes_with_its_namespace_where_no_pod_has_a_uid() {
    let machine = Machine::new(FIRST);
    machine.process(20, "net:[77]", "");
    let life = |inode: u64, args: &str| machine.life_of_use(&usage(Some(record(inode, None).namespace), args), None);
    assert_eq!(life(77, ""), Life::Alive);
    assert_eq!(life(78, ""), Life::Gone);
    assert_eq!(life(78, &args()), Life::Gone);
    fs::create_dir_all(machine.kubelet_dir().join("pods").join(UID)).unwrap();
    assert_eq!(life(78, &args()), Life::Alive);
}

#[test]
fn the_processes_of_a_container_do_not_tell_that_an_address_is_nobodys() {
    let machine = Machine::new("pid:[4026532999]");
    let gone = usage(Some(record(78, None).namespace), "");
    assert_eq!(machine.life_of_use(&gone, None), Life::Unknown(Unseen::OtherProcesses(machine.proc_dir())));
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let machine = Machine::new(own.to_str().unwrap());
    assert_eq!(machine.life_of_use(&gone, None), Life::Gone);
}

#[tokio::test]
async fn the_addresses_of_a_pod_that_no_kubelet_knows_come_back() {
    let machine = Machine::new(FIRST);
    machine.process(20, "net:[77]", "");
    let kubelet_dir = machine.kubelet_dir();
    for (inode, comes_back) in [(77, false), (78, true)] {
        let usage = usage(Some(record(inode, None).namespace), "");
        machine.store.write_address_use(&usage).unwrap();
        let pods = Pods { kubelet_dir: &kubelet_dir, of_api: None };
        addresses::of_dead(&machine.store, &usage, pods, &machine.proc_dir()).await.unwrap();
        let now = &machine.store.address_uses().unwrap()[0];
        assert_eq!(matches!(now.state, AddressState::Cooling { .. }), comes_back, "{now:?}");
    }
}

#[tokio::test]
async fn the_look_for_a_dead_pods_namespace_does_not_keep_the_lock_over_addresses() {
    let machine = Machine::new(FIRST);
    let usage = usage(Some(record(78, None).namespace), "");
    machine.store.write_address_use(&usage).unwrap();
    let pipe = machine.proc_dir().join("1/mountinfo");
    fs::remove_file(&pipe).unwrap();
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (kubelet_dir, proc_dir) = (machine.kubelet_dir(), machine.proc_dir());
    let pods = Pods { kubelet_dir: &kubelet_dir, of_api: None };
    let release = addresses::of_dead(&machine.store, &usage, pods, &proc_dir);
    let meanwhile = async {
        // The look has begun once somebody reads the pipe.
        let pipe = tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(pipe)).await;
        let lock = machine.store.addresses_lock(std::time::Duration::from_secs(60)).await;
        drop(pipe);
        drop(lock.unwrap());
    };
    let (outcome, ()) = futures_util::future::join(release, meanwhile).await;
    assert_eq!(outcome.unwrap(), crate::take_down::Outcome::Released);
}

#[tokio::test]
async fn addresses_that_another_sandbox_of_their_owner_has_by_now_are_not_taken_from_it() {
    let machine = Machine::new(FIRST);
    machine.process(20, "net:[77]", "");
    let found = usage(Some(record(78, None).namespace), "");
    machine.store.write_address_use(&usage(Some(record(77, None).namespace), "")).unwrap();
    let kubelet_dir = machine.kubelet_dir();
    let pods = Pods { kubelet_dir: &kubelet_dir, of_api: None };
    let outcome = addresses::of_dead(&machine.store, &found, pods, &machine.proc_dir()).await.unwrap();
    assert_eq!(outcome, crate::take_down::Outcome::Nothing);
}
