//! STATUS, and ADD while there is nothing yet.

use crate::bench::{Bench, config, eni};
use serde_json::json;
use std::fs;

#[test]
fn upg_3_no_agent_yet_is_no_address_yet() {
    let bench = Bench::with_link(&[]);
    let config = config("ipvlan", &json!({}));
    bench.call("STATUS", "", &config).done();
    fs::remove_file(bench.path("state/agent.json")).unwrap();
    bench.call("STATUS", "", &config).failed(50, &["no agent has finished a pass"]);
    bench.call("ADD", "c1", &config).failed(11, &["no agent has finished a pass"]);
    let mut absent = config;
    absent["master"] = json!("ens9");
    bench.call("ADD", "c1", &absent).failed(11, &["no link ens9"]);
}

#[test]
fn records_that_cannot_be_read_are_an_error() {
    let bench = Bench::with(&[]);
    fs::remove_dir_all(bench.path("state")).unwrap();
    fs::write(bench.path("state"), "").unwrap();
    bench.call("STATUS", "", &config("multi-eni", &json!({}))).failed(50, &["records cannot be read"]);
}

#[test]
fn exhaustion_is_an_error_only_where_it_is_asked_for() {
    let bench = Bench::with_link(&[eni(1, "shared")]);
    let (quiet, mut asked) = (config("ipvlan", &json!({})), config("ipvlan", &json!({})));
    asked["statusOnExhaustion"] = json!(true);
    bench.call("STATUS", "", &asked).done();
    bench.call("ADD", "c1", &quiet);
    bench.call("STATUS", "", &quiet).done();
    bench.call("STATUS", "", &asked).failed(50, &["1 are used"]);
}

#[test]
fn the_log_goes_where_it_may_and_has_no_configuration_in_it() {
    let bench = Bench::with_link(&[eni(1, "shared")]);
    let mut logged = config("ipvlan", &json!({}));
    (logged["logFile"], logged["logLevel"], logged["token"]) = (json!("ipam.log"), json!("trace"), json!("secret"));
    bench.call("ADD", "c1", &logged);
    let text = fs::read_to_string(bench.path("log/ipam.log")).unwrap();
    assert!(text.contains("given to container c1") && !text.contains("secret"), "{text}");
    logged["logFile"] = json!("/etc/ipam.log");
    bench.call("ADD", "c2", &logged).failed(7, &["logFile"]);
    bench.call("DEL", "c1", &logged).done();
}
