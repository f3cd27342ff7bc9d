//! Under `ipvlan`.

use crate::bench::{Bench, config, eni, ip, owner};
use node::addresses::{AddressState, AddressUse};
use node::netns::Netns;
use node::record::Namespace;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn ipvlan() -> Value {
    config("ipvlan", &json!({}))
}

/// Lets the rest of a container's addresses be over.
fn rested(bench: &Bench, container: &str) {
    let usage = bench.store.address_uses().unwrap().into_iter().find(|usage| usage.owner == owner(container)).unwrap();
    assert!(matches!(usage.state, AddressState::Cooling { .. }), "{usage:?}");
    bench.store.write_address_use(&AddressUse { state: AddressState::Cooling { until: 0 }, ..usage }).unwrap();
}

#[test]
fn an_address_is_used_then_rests_then_is_free() {
    let bench = Bench::with_link(&[eni(1, "shared")]);
    assert_eq!(bench.call("ADD", "c1", &ipvlan()).ips(), ["10.0.3.11/24"]);
    assert_eq!(bench.call("ADD", "c1", &ipvlan()).ips(), ["10.0.3.11/24"], "the same owner again");
    bench.call("ADD", "c2", &ipvlan()).failed(11, &["eni-0123456789abcdef0", "1 are used and 0 are cooling"]);
    bench.call("DEL", "c1", &ipvlan()).done();
    bench.call("DEL", "c1", &ipvlan()).done();
    bench.call("ADD", "c2", &ipvlan()).failed(11, &["0 are used and 1 are cooling"]);
    rested(&bench, "c1");
    assert_eq!(bench.call("ADD", "c2", &ipvlan()).ips(), ["10.0.3.11/24"]);
    assert_eq!(bench.store.address_uses().unwrap().len(), 1, "what has rested is forgotten");
}

#[test]
fn the_pods_namespace_is_on_record_and_never_the_hosts() {
    let bench = Bench::with_link(&[eni(3, "shared")]);
    let own = Netns::current().unwrap();
    // The test runs in a namespace of its own; the process that it is a thread of is elsewhere.
    let process = std::process::id();
    let pod = PathBuf::from(format!("/proc/{process}/ns/net"));
    let host = PathBuf::from(format!("/proc/{process}/task/{}/ns/net", nix::unistd::gettid()));
    assert!(Netns::open(&host).unwrap().is_same(&own) && !Netns::open(&pod).unwrap().is_same(&own));
    for (container, netns) in [("c1", pod.as_path()), ("c2", &host), ("c3", Path::new("/gone"))] {
        assert_eq!(bench.call_in(netns, "ADD", container, &ipvlan()).ips().len(), 1);
    }
    let on_record = |container: &str| {
        let uses = bench.store.address_uses().unwrap().into_iter();
        uses.filter(|usage| usage.owner == owner(container)).map(|usage| usage.namespace).next().unwrap()
    };
    let identity = Netns::open(&pod).unwrap().identity(&own).unwrap();
    assert_eq!(on_record("c1"), Some(Namespace { path: pod, identity }));
    assert_eq!((on_record("c2"), on_record("c3")), (None, None));
}

#[test]
fn the_same_owner_gets_its_cooling_address_back() {
    let bench = Bench::with_link(&[eni(3, "shared")]);
    bench.call("ADD", "c1", &ipvlan());
    assert_eq!(bench.call("ADD", "c2", &ipvlan()).ips(), ["10.0.3.12/24"]);
    bench.call("DEL", "c2", &ipvlan()).done();
    assert_eq!(bench.call("ADD", "c2", &ipvlan()).ips(), ["10.0.3.12/24"]);
}

#[test]
fn without_a_cooldown_an_address_is_free_at_once() {
    let mut entry = eni(1, "shared");
    entry.pool.as_mut().unwrap().cooldown_seconds = 0;
    let bench = Bench::with_link(&[entry]);
    bench.call("ADD", "c1", &ipvlan());
    bench.call("DEL", "c1", &ipvlan()).done();
    assert!(bench.store.address_uses().unwrap().is_empty());
    assert_eq!(bench.call("ADD", "c2", &ipvlan()).ips(), ["10.0.3.11/24"]);
}

#[test]
fn a_del_needs_neither_inventory_nor_master() {
    let bench = Bench::with_link(&[eni(1, "shared")]);
    bench.call("ADD", "c1", &ipvlan());
    bench.store.remove_entry(&eni(1, "shared")).unwrap();
    ip(&["link", "del", "ens6"]);
    bench
        .call("DEL", "c1", &json!({"cniVersion": "1.0.0", "name": "data", "type": "ipvlan", "ipam": {"type": "x"}}))
        .done();
    let uses = bench.store.address_uses().unwrap();
    assert!(matches!(uses[..], [AddressUse { state: AddressState::Cooling { .. }, .. }]), "{uses:?}");
}

#[test]
fn fifty_at_once_share_eight_addresses_without_a_double() {
    let bench = Bench::with_link(&[eni(8, "shared")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let lock = runtime.block_on(bench.store.addresses_lock(Duration::from_secs(1))).unwrap();
    let mut calls: Vec<_> = (0..50).map(|n| bench.start("ADD", &format!("c{n}"), &ipvlan(), "")).collect();
    for call in &mut calls {
        bench.await_lock(call);
    }
    drop(lock);
    let outcomes: Vec<_> = calls.into_iter().map(Bench::end).collect();
    let (given, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.succeeded);
    let distinct: BTreeSet<&str> = given.iter().map(|outcome| outcome.ips()[0]).collect();
    assert_eq!((given.len(), distinct.len(), refused.len()), (8, 8, 42));
    for outcome in refused {
        outcome.failed(11, &["8 are used"]);
    }
}

#[test]
fn cra_4_what_another_boot_wrote_holds_nothing() {
    let bench = Bench::with_link(&[eni(1, "shared")]);
    bench.call("ADD", "c1", &ipvlan());
    let file = bench.path("state/addresses").join(format!("{}.json", owner("c1").key()));
    let mut kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    kept["bootId"] = json!("00000000-0000-0000-0000-000000000000");
    fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(bench.call("ADD", "c2", &ipvlan()).ips(), ["10.0.3.11/24"]);
}

#[test]
fn adr_3_an_address_that_left_the_inventory_is_never_given() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.call("ADD", "c1", &ipvlan());
    bench.call("DEL", "c1", &ipvlan()).done();
    let mut entry = eni(2, "shared");
    entry.ipv4_addresses.remove(1);
    bench.store.write_entry(&entry).unwrap();
    assert_eq!(bench.call("ADD", "c1", &ipvlan()).ips(), ["10.0.3.12/24"]);
    bench.call("ADD", "c2", &ipvlan()).failed(11, &["1 are used"]);
}

#[test]
fn a_requested_address_that_is_held_names_its_holder() {
    let bench = Bench::with_link(&[eni(3, "shared")]);
    assert_eq!(bench.call_with("ADD", "c1", &ipvlan(), "IP=10.0.3.13").ips(), ["10.0.3.13/24"]);
    bench.call_with("ADD", "c2", &ipvlan(), "IP=10.0.3.13").failed(11, &["container c1 (net1 of network data) has it"]);
    bench.call("DEL", "c1", &ipvlan()).done();
    bench.call_with("ADD", "c2", &ipvlan(), "IP=10.0.3.13").failed(11, &["rests", "container c1"]);
    bench.call_with("ADD", "c2", &ipvlan(), "IP=10.0.3.10").failed(7, &["primary address"]);
}

#[test]
fn only_a_shared_pools_eni_that_keeps_its_mac_is_shared() {
    let bench = Bench::with_link(&[eni(3, "exclusive")]);
    bench.call("ADD", "c1", &ipvlan()).failed(7, &["pool data-pool", "shared pools only"]);
    bench.store.write_entry(&eni(3, "shared")).unwrap();
    for plugin in ["macvlan", "bridge", "host-device"] {
        let mut other = config(plugin, &json!({}));
        other["master"] = json!("ens6");
        bench.call("ADD", "c1", &other).failed(7, &["a VPC drops every frame whose source MAC is not the ENI's"]);
    }
    let mut passthru = config("macvlan", &json!({}));
    (passthru["master"], passthru["mode"]) = (json!("ens6"), json!("passthru"));
    assert_eq!(bench.call("ADD", "c1", &passthru).ips(), ["10.0.3.11/24"]);
}

#[test]
fn the_master_is_found_by_any_of_its_names_and_has_to_be_named() {
    let bench = Bench::with_link(&[eni(3, "shared")]);
    let with = |master: Value| {
        let mut config = ipvlan();
        config["master"] = master;
        config
    };
    assert_eq!(bench.call("ADD", "c1", &with(json!("data-link"))).ips(), ["10.0.3.11/24"]);
    bench.call("ADD", "c2", &with(json!(null))).failed(7, &["master", "linkName"]);
    bench.call("ADD", "c2", &with(json!("peer0"))).failed(7, &["peer0", "no ENI of the inventory"]);
    let mut inside = ipvlan();
    inside["linkInContainer"] = json!(true);
    bench.call("ADD", "c2", &inside).failed(7, &["linkInContainer"]);
}

#[test]
fn an_eni_that_is_being_taken_away_gives_nothing() {
    let mut entry = eni(3, "shared");
    entry.state = node::inventory::State::Detaching;
    Bench::with_link(&[entry]).call("ADD", "c1", &ipvlan()).failed(11, &["detaching"]);
}

#[test]
fn check_wants_the_addresses_on_record_in_the_result_and_in_ec2() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    let mut checked = ipvlan();
    checked["prevResult"] = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.0.3.11/24"}]});
    bench.call("CHECK", "c1", &checked).failed(3, &["no address is on record"]);
    bench.call("ADD", "c1", &ipvlan());
    bench.call("CHECK", "c1", &checked).done();
    let mut other = checked.clone();
    other["prevResult"]["ips"][0]["address"] = json!("10.0.3.12/24");
    bench.call("CHECK", "c1", &other).failed(106, &["10.0.3.11"]);
    bench.store.write_entry(&eni(0, "shared")).unwrap();
    bench.call("CHECK", "c1", &checked).failed(106, &["10.0.3.11", "any more"]);
    bench.call("DEL", "c1", &ipvlan()).done();
    bench.call("CHECK", "c1", &checked).failed(3, &[]);
}

#[test]
fn lea_5_gc_frees_what_is_not_valid_in_its_own_network_only() {
    let bench = Bench::with_link(&[eni(4, "shared")]);
    let mut other = ipvlan();
    other["name"] = json!("other");
    for container in ["c1", "c2"] {
        bench.call("ADD", container, &ipvlan());
    }
    bench.call("ADD", "c3", &other);
    let used = |bench: &Bench| {
        let mut used: Vec<_> = bench.store.address_uses().unwrap();
        used.retain(|usage| usage.state == AddressState::Used);
        let mut used: Vec<_> = used.into_iter().map(|usage| usage.owner.container_id).collect();
        used.sort();
        used
    };
    bench.call("GC", "", &ipvlan()).failed(7, &["cni.dev/valid-attachments", "nothing is freed"]);
    assert_eq!(used(&bench), ["c1", "c2", "c3"]);
    let mut valid = ipvlan();
    valid["cni.dev/valid-attachments"] =
        json!([{"containerID": "c2", "ifname": "net1"}, {"containerID": "c1", "ifname": "net2"}]);
    bench.call("GC", "", &valid).done();
    assert_eq!(used(&bench), ["c2", "c3"]);
    valid["cni.dev/valid-attachments"] = json!([]);
    bench.call("GC", "", &valid).done();
    assert_eq!(used(&bench), ["c3"]);
}
