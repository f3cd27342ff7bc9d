//! Under `multi-eni`.

use crate::bench::{Bench, ENI, config, eni, owner, record};
use serde_json::json;

#[test]
fn adr_1_rou_4_the_eni_on_record_is_answered_for() {
    let bench = Bench::with(&[eni(2, "exclusive")]);
    bench.store.write_record(&record("c1", Some(ENI))).unwrap();
    let outcome = bench.call("ADD", "c1", &config("multi-eni", &json!({"defaultRoute": true})));
    assert_eq!(outcome.ips(), ["10.0.3.10/24"]);
    let expected = json!({
        "cniVersion": "1.1.0", "dns": {}, "ips": [{"address": "10.0.3.10/24", "gateway": "10.0.3.1"}],
        "routes": [{"dst": "10.0.0.0/16", "gw": "10.0.3.1"}, {"dst": "0.0.0.0/0", "gw": "10.0.3.1"}],
    });
    assert_eq!(outcome.answer, expected);
}

#[test]
fn res_3_the_answer_is_of_the_configurations_version() {
    let bench = Bench::with(&[eni(0, "exclusive")]);
    bench.store.write_record(&record("c1", Some(ENI))).unwrap();
    for (version, family) in [("0.3.1", json!("4")), ("1.0.0", json!(null))] {
        let mut config = config("multi-eni", &json!({}));
        config["cniVersion"] = json!(version);
        let outcome = bench.call("ADD", "c1", &config);
        assert_eq!((&outcome.answer["cniVersion"], &outcome.answer["ips"][0]["version"]), (&json!(version), &family));
    }
}

#[test]
fn what_the_configuration_claims_gives_nothing_without_a_record() {
    let bench = Bench::with(&[eni(2, "exclusive")]);
    let mut forged = config("multi-eni", &json!({"networkInterfaceId": ENI}));
    forged["eni"] = json!(ENI);
    bench.call("ADD", "c1", &forged).failed(11, &["no ENI on record"]);
    bench.store.write_record(&record("c2", Some(ENI))).unwrap();
    bench.call("ADD", "c1", &forged).failed(11, &["no ENI on record"]);
}

#[test]
fn a_device_that_is_no_eni_of_the_inventory_needs_another_ipam() {
    let bench = Bench::with(&[eni(2, "exclusive")]);
    for unknown in [None, Some("eni-0aaaaaaaaaaaaaaaa")] {
        bench.store.write_record(&record("c1", unknown)).unwrap();
        let outcome = bench.call("ADD", "c1", &config("multi-eni", &json!({})));
        outcome.failed(7, &["knows only those", "use another ipam"]);
    }
}

#[test]
fn the_runtimes_addresses_come_first() {
    let bench = Bench::with(&[eni(4, "exclusive")]);
    bench.store.write_record(&record("c1", Some(ENI))).unwrap();
    let mut asking = config("multi-eni", &json!({}));
    assert_eq!(bench.call_with("ADD", "c1", &asking, "IP=10.0.3.11").ips(), ["10.0.3.11/24"]);
    asking["args"] = json!({"cni": {"ips": ["10.0.3.12"]}});
    assert_eq!(bench.call_with("ADD", "c1", &asking, "IP=10.0.3.11").ips(), ["10.0.3.12/24"]);
    asking["runtimeConfig"] = json!({"ips": ["10.0.3.14/32", "10.0.3.13"]});
    assert_eq!(bench.call_with("ADD", "c1", &asking, "IP=10.0.3.11").ips(), ["10.0.3.14/24", "10.0.3.13/24"]);
    asking["runtimeConfig"] = json!({"ips": ["10.0.3.99"]});
    bench.call("ADD", "c1", &asking).failed(7, &["10.0.3.99", "cannot be assigned"]);
}

#[test]
fn adr_3_check_finds_an_address_that_ec2_has_no_more() {
    let bench = Bench::with(&[eni(2, "exclusive")]);
    bench.store.write_record(&record("c1", Some(ENI))).unwrap();
    let mut checked = config("multi-eni", &json!({"addresses": "all"}));
    // The pod's primary interface is in the same subnet.
    let mut ips = vec![json!({"address": "10.0.3.200/24", "interface": 0})];
    let outcome = bench.call("ADD", "c1", &checked);
    ips.extend(outcome.ips().iter().map(|ip| json!({"address": ip, "interface": 1})));
    checked["prevResult"] = json!({
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:77"}, {"name": "net1", "mac": crate::bench::MAC}],
        "ips": ips,
    });
    bench.call("CHECK", "c1", &checked).done();
    bench.store.write_entry(&eni(1, "exclusive")).unwrap();
    bench.call("CHECK", "c1", &checked).failed(106, &["10.0.3.12", "not on"]);
}

#[test]
fn del_needs_nothing_and_is_done_twice() {
    let bench = Bench::with(&[]);
    let config = config("multi-eni", &json!({"addresses": {}, "nonsense": 1}));
    bench.call("DEL", "c1", &config).done();
    bench.store.write_record(&record("c1", None)).unwrap();
    bench.call("DEL", "c1", &config).done();
    assert!(bench.store.record(&owner("c1")).unwrap().is_some(), "the record is the main plugin's");
}
