use super::*;
use crate::addresses::{AddressState, AddressUse};
use crate::inventory::Sharing;
use crate::inventory::sample::{ENI, entry};
use crate::record::{Call, Home, Namespace, Pending, Phase, Record};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

const LIMIT: Duration = Duration::from_secs(60);

fn owner() -> Owner {
    Owner { network: "net".to_string(), container_id: "c1".to_string(), ifname: "net1".to_string() }
}

fn call() -> Call {
    Call { config: serde_json::Map::new(), path: String::new(), args: String::new() }
}

fn record(phase: Phase) -> Record {
    let entry = entry(Sharing::Exclusive);
    Record {
        owner: owner(),
        pod: None,
        device: entry.device(),
        pool: None,
        mode: Default::default(),
        namespace: Namespace {
            path: "/run/netns/x".into(),
            identity: crate::netns::Identity { cookie: None, device: 4, inode: 5 },
        },
        interface_name: "net1".parse().unwrap(),
        home: Some(Home {
            name: "eth1".parse().unwrap(),
            altnames: Vec::new(),
            mtu: 1500,
            mac_address: entry.mac_address,
            alias: None,
            up: false,
        }),
        bound: None,
        leftovers: Vec::new(),
        phase,
        pending: Pending::default(),
        call: call(),
    }
}

fn store(root: &Path, sharing: Sharing) -> Store {
    let store = Store::open(&root.join("state")).unwrap();
    store.write_entry(&entry(sharing)).unwrap();
    store
}

async fn take_out(store: &Store) -> Taken {
    let from = [State::Ready, State::Cooling];
    store.take_out(&ENI.parse().unwrap(), &from, State::Detaching, LIMIT).await.unwrap()
}

fn state(store: &Store) -> State {
    store.inventory().unwrap()[0].state
}

#[tokio::test]
async fn what_nobody_has_is_taken_out_once() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path(), Sharing::Exclusive);
    store.write_record(&record(Phase::Released)).unwrap();
    assert!(matches!(take_out(&store).await, Taken::Out(entry) if entry.state == State::Detaching));
    assert_eq!(state(&store), State::Detaching);
    assert_eq!(take_out(&store).await, Taken::In(State::Detaching));
}

#[tokio::test]
async fn what_a_record_holds_stays() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path(), Sharing::Exclusive);
    for phase in [Phase::Claimed, Phase::Committed] {
        store.write_record(&record(phase)).unwrap();
        assert_eq!(take_out(&store).await, Taken::Held(owner()));
    }
    assert_eq!(state(&store), State::Ready);
}

#[tokio::test]
async fn a_shared_eni_stays_while_an_address_of_it_is_used_or_rests() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path(), Sharing::Shared);
    let usage = |state| AddressUse {
        owner: owner(),
        network_interface_id: ENI.parse().unwrap(),
        addresses: vec!["10.0.1.9".parse().unwrap()],
        state,
        namespace: None,
        call: call(),
        owes_chain: false,
    };
    for state in [AddressState::Used, AddressState::Cooling { until: u64::MAX }] {
        store.write_address_use(&usage(state)).unwrap();
        assert_eq!(take_out(&store).await, Taken::Held(owner()));
    }
    store.write_address_use(&usage(AddressState::Cooling { until: 0 })).unwrap();
    assert!(matches!(take_out(&store).await, Taken::Out(_)));
}

#[tokio::test]
async fn what_the_inventory_has_not_is_not_taken() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path(), Sharing::Exclusive);
    std::fs::write(store.path().join(format!("inventory/{ENI}.json")), "{").unwrap();
    assert_eq!(take_out(&store).await, Taken::Unknown);
}

/// What a plugin does to claim: a look and a record, under the claim lock.
async fn claim(store: &Store) -> bool {
    let _lock = store.claim_lock(LIMIT).await.unwrap();
    if state(store) != State::Ready || store.records().unwrap().iter().any(Record::holds) {
        return false;
    }
    tokio::task::yield_now().await;
    store.write_record(&record(Phase::Claimed)).unwrap();
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn con_1_a_claim_and_a_taking_out_exclude_each_other() {
    for _ in 0..100 {
        let root = tempfile::tempdir().unwrap();
        drop(store(root.path(), Sharing::Exclusive));
        let open = || Store::open(&root.path().join("state")).unwrap();
        let (plugin, agent) = (open(), open());
        let claiming = tokio::spawn(async move { claim(&plugin).await });
        let taking = tokio::spawn(async move { take_out(&agent).await });
        let (claimed, taken) = (claiming.await.unwrap(), taking.await.unwrap());
        match taken {
            Taken::Out(_) => assert!(!claimed, "both have it"),
            Taken::Held(_) => assert!(claimed, "nobody has it"),
            Taken::In(_) | Taken::Unknown => panic!("{taken:?}"),
        }
    }
}

/// Where a process that is to be killed takes out.
const KILLED_IN: &str = "MULTI_ENI_TEST_STATE_DIR";

#[test]
fn cra_2_a_taker_that_is_killed_before_its_word_is_written_leaves_the_eni_and_after_it_nobody_claims() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Some(folder) = std::env::var_os(KILLED_IN) {
        let taken = runtime.block_on(take_out(&Store::open(Path::new(&folder)).unwrap()));
        panic!("nothing killed it: {taken:?}");
    }
    let own = std::thread::current().name().unwrap().to_string();
    for (point, claimable) in [("1", true), ("2", false)] {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path(), Sharing::Exclusive);
        let mut taker = std::process::Command::new(std::env::current_exe().unwrap());
        taker.args(["--exact", &own]).env(KILLED_IN, store.path()).env("MULTI_ENI_KILL_AT", point);
        let status = taker.output().unwrap().status;
        assert_eq!(status.signal(), Some(nix::libc::SIGKILL), "{status}");
        assert_eq!(runtime.block_on(claim(&store)), claimable);
        let next = runtime.block_on(take_out(&store));
        match claimable {
            true => assert_eq!(next, Taken::Held(owner())),
            false => assert_eq!(next, Taken::In(State::Detaching)),
        }
    }
}
