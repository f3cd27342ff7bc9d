//! Further IPAM plugins behind ours.

use crate::bench::{Bench, ENI, config, eni, record};
use node::addresses::{AddressState, AddressUse};
use serde_json::{Value, json};
use std::fs;

/// Answers an ADD with an address, everything else with success.
const GOOD: &str = r#"[ "$CNI_COMMAND" != ADD ] || cat <<END
{"cniVersion": "1.0.0", "interfaces": [{"name": "x"}], "ips": [{"address": "192.0.2.5/24", "interface": 0}],
 "routes": [{"dst": "198.51.100.0/24", "gw": "192.0.2.1"}], "dns": {"nameservers": ["192.0.2.53"]}}
END"#;
/// Does not know GC and STATUS.
const OLD: &str = r#"case $CNI_COMMAND in GC|STATUS) echo '{"code": 4, "msg": "unknown CNI_COMMAND"}'; exit 1;; esac
[ "$CNI_COMMAND" != ADD ] || echo '{"ips": [], "dns": {"nameservers": ["192.0.2.99"]}}'"#;
const BAD: &str = r#"echo '{"code": 142, "msg": "range is full", "details": "of fake"}'; exit 1"#;

fn chained(plugin: &str) -> Value {
    config(plugin, &json!({"chain": [{"type": "first", "subnet": "192.0.2.0/24"}, {"type": "second"}]}))
}

#[test]
fn answers_are_added_in_order_and_each_gets_its_own_ipam() {
    let bench = Bench::with(&[eni(0, "exclusive")]);
    bench.store.write_record(&record("c1", Some(ENI))).unwrap();
    bench.plugin("first", GOOD);
    bench.plugin("second", OLD);
    let outcome = bench.call("ADD", "c1", &chained("multi-eni"));
    assert_eq!(outcome.ips(), ["10.0.3.10/24", "192.0.2.5/24"]);
    assert!(outcome.answer.get("interfaces").is_none() && outcome.answer["ips"][1].get("interface").is_none());
    assert_eq!(outcome.answer["routes"][1], json!({"dst": "198.51.100.0/24", "gw": "192.0.2.1"}));
    assert_eq!(outcome.answer["dns"], json!({"nameservers": ["192.0.2.53"]}));
    let stdin: Value = serde_json::from_slice(&fs::read(bench.path("first.stdin")).unwrap()).unwrap();
    assert_eq!((&stdin["name"], &stdin["ipam"]), (&json!("data"), &json!({"type": "first", "subnet": "192.0.2.0/24"})));
    assert_eq!(bench.calls(), ["first ADD c1 net1", "second ADD c1 net1"]);
    bench.call("DEL", "c1", &chained("multi-eni")).done();
    assert_eq!(bench.calls(), ["second DEL c1 net1", "first DEL c1 net1"]);
}

#[test]
fn a_member_that_fails_has_all_that_were_asked_released() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.plugin("first", GOOD);
    bench.plugin("second", BAD);
    bench.call("ADD", "c1", &chained("ipvlan")).failed(142, &["range is full", "of fake"]);
    let expected = ["first ADD c1 net1", "second ADD c1 net1", "second DEL c1 net1", "first DEL c1 net1"];
    assert_eq!(bench.calls(), expected);
    assert!(bench.store.address_uses().unwrap().is_empty(), "no pod had it, so it needs no rest");
}

#[test]
fn a_failing_repetition_leaves_what_the_first_add_gave() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.call("ADD", "c1", &config("ipvlan", &json!({})));
    bench.plugin("first", BAD);
    bench.call("ADD", "c1", &chained("ipvlan")).failed(142, &[]);
    assert_eq!(bench.store.address_uses().unwrap()[0].state, AddressState::Used);
}

#[test]
fn a_del_tries_all_and_reports_all() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.call("ADD", "c1", &config("ipvlan", &json!({})));
    bench.plugin("first", BAD);
    bench.call("DEL", "c1", &chained("ipvlan")).failed(7, &["second", "CNI_PATH", "range is full"]);
    assert_eq!(bench.calls(), ["first DEL c1 net1"]);
    assert!(matches!(bench.store.address_uses().unwrap()[0].state, AddressState::Cooling { .. }));
}

#[test]
fn check_asks_the_chain() {
    let bench = Bench::with(&[eni(0, "exclusive")]);
    bench.store.write_record(&record("c1", Some(ENI))).unwrap();
    bench.plugin("first", GOOD);
    bench.plugin("second", BAD);
    let mut checked = chained("multi-eni");
    checked["prevResult"] = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.0.3.10/24"}]});
    bench.call("CHECK", "c1", &checked).failed(142, &["range is full"]);
    assert_eq!(bench.calls(), ["first CHECK c1 net1", "second CHECK c1 net1"]);
}

#[test]
fn lea_5_gc_releases_one_by_one_what_the_chain_cannot_collect() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.plugin("first", GOOD);
    bench.plugin("second", OLD);
    bench.call("ADD", "c1", &chained("ipvlan"));
    bench.store.write_record(&record("c2", Some(ENI))).unwrap();
    bench.calls();
    let mut valid = chained("ipvlan");
    valid["cni.dev/valid-attachments"] = json!([{"containerID": "c2", "ifname": "net1"}]);
    bench.call("GC", "", &valid).done();
    let calls: Vec<String> = bench.calls().iter().map(|call| call.trim().to_string()).collect();
    let expected = ["second DEL c1 net1", "second GC", "first DEL c1 net1", "first GC"];
    for (call, expected) in calls.iter().zip(expected) {
        assert!(call.starts_with(expected), "{calls:?}");
    }
    assert_eq!(calls.len(), expected.len());
    valid["cni.dev/valid-attachments"] = json!([]);
    bench.plugin("first", BAD);
    bench.call("GC", "", &valid).failed(142, &["range is full"]);
    assert!(bench.calls().contains(&"second DEL c2 net1".to_string()), "what multi-eni has on record is stale too");
}

#[test]
fn status_asks_the_chain() {
    let bench = Bench::with(&[]);
    bench.plugin("first", GOOD);
    bench.plugin("second", OLD);
    bench.call("STATUS", "", &chained("multi-eni")).done();
    bench.plugin("second", BAD);
    bench.call("STATUS", "", &chained("multi-eni")).failed(142, &[]);
}

#[test]
fn a_chain_that_hangs_is_ended() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.plugin("first", r#"[ "$CNI_COMMAND" != ADD ] || exec sleep 1000"#);
    let mut short = config("ipvlan", &json!({"chain": [{"type": "first"}]}));
    short["timeoutSeconds"] = json!(1);
    bench.call("ADD", "c1", &short).failed(11, &["did not end in 1s"]);
    assert!(bench.store.address_uses().unwrap().is_empty());
}

/// The use of the only pod, if there is one on record.
fn usage(bench: &Bench) -> Option<AddressUse> {
    bench.store.address_uses().unwrap().pop()
}

fn without_pods() -> Value {
    let mut config = chained("ipvlan");
    config["cni.dev/valid-attachments"] = json!([]);
    config
}

#[test]
fn a_member_that_does_not_release_during_gc_is_asked_again_when_the_rest_is_over() {
    let bench = Bench::with_link(&[eni(1, "shared")]);
    bench.plugin("first", GOOD);
    bench.plugin("second", OLD);
    bench.call("ADD", "c1", &chained("ipvlan"));
    bench.plugin("first", BAD);
    bench.call("GC", "", &without_pods()).failed(142, &["range is full"]);
    let resting = usage(&bench).unwrap();
    assert!(matches!(resting.state, AddressState::Cooling { .. }) && resting.owes_chain, "{resting:?}");
    // The rest is over, and another pod has the address by now.
    bench.store.write_address_use(&AddressUse { state: AddressState::Cooling { until: 0 }, ..resting }).unwrap();
    bench.plugin("first", GOOD);
    assert_eq!(bench.call("ADD", "c2", &config("ipvlan", &json!({}))).ips().len(), 1);
    bench.call("DEL", "c2", &config("ipvlan", &json!({}))).done();
    bench.calls();
    bench.call("GC", "", &without_pods()).done();
    assert!(bench.calls().contains(&"first DEL c1 net1".to_string()));
    bench.call("GC", "", &without_pods()).done();
    assert!(!bench.calls().contains(&"first DEL c1 net1".to_string()), "that is done");
}

#[test]
fn what_the_chain_of_a_del_still_has_is_gcs_to_ask_for() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    bench.plugin("first", GOOD);
    bench.plugin("second", OLD);
    bench.call("ADD", "c1", &chained("ipvlan"));
    bench.plugin("first", BAD);
    bench.call("DEL", "c1", &chained("ipvlan")).failed(142, &["range is full"]);
    assert!(usage(&bench).unwrap().owes_chain);
    bench.plugin("first", GOOD);
    bench.calls();
    bench.call("GC", "", &without_pods()).done();
    assert!(bench.calls().contains(&"first DEL c1 net1".to_string()));
    assert!(!usage(&bench).unwrap().owes_chain);
}

#[test]
fn a_del_whose_chain_releases_owes_nothing() {
    let mut entry = eni(2, "shared");
    entry.pool.as_mut().unwrap().cooldown_seconds = 0;
    let bench = Bench::with_link(&[entry]);
    bench.plugin("first", GOOD);
    bench.plugin("second", OLD);
    bench.call("ADD", "c1", &chained("ipvlan"));
    bench.plugin("first", BAD);
    bench.call("DEL", "c1", &chained("ipvlan")).failed(142, &["range is full"]);
    assert!(usage(&bench).unwrap().owes_chain, "without a rest, too");
    bench.plugin("first", GOOD);
    bench.call("DEL", "c1", &chained("ipvlan")).done();
    assert_eq!(usage(&bench), None);
}

#[test]
fn a_member_that_does_not_listen_to_the_end_is_killed_before_it_is_asked_to_release() {
    let bench = Bench::with_link(&[eni(2, "shared")]);
    let order = bench.path("order");
    let obstinate = format!("trap '' TERM; touch {0}; while :; do sleep 0.01; echo lives > {0}; done", order.display());
    bench.plugin(
        "first",
        &format!("if [ $CNI_COMMAND = ADD ]; then {obstinate}; fi; echo released > {}", order.display()),
    );
    let child = bench.start("ADD", "c1", &config("ipvlan", &json!({"chain": [{"type": "first"}]})), "");
    while !order.exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    Bench::end(child).failed(11, &["stopped by SIGTERM"]);
    assert_eq!(bench.calls(), ["first ADD c1 net1", "first DEL c1 net1"]);
    assert_eq!(fs::read_to_string(order).unwrap(), "released\n");
    assert!(bench.store.address_uses().unwrap().is_empty());
}
