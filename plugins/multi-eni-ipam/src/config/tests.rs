use super::*;
use cni::{Code, Version};
use serde_json::{Value, json};
use std::time::Duration;

fn network(raw: &Value, version: Version) -> NetworkConfig {
    NetworkConfig {
        version,
        name: "n".parse().unwrap(),
        plugin_type: raw["type"].as_str().map(str::to_string),
        ipam_type: None,
        dns: None,
        prev_result: None,
        raw: raw.as_object().unwrap().clone(),
    }
}

fn read(ipam: &Value) -> Result<Config, cni::Error> {
    Config::of(&network(&json!({"type": "multi-eni", "ipam": ipam}), Version::V1_1_0))
}

#[test]
fn nothing_written_is_the_defaults() {
    let config = read(&json!({"type": "multi-eni-ipam"})).unwrap();
    assert_eq!((config.addresses, &config.families), (None, &None));
    assert_eq!((config.default_route, config.vpc_routes), (false, true));
    assert!(config.routes.is_empty() && config.chain.is_empty());
    assert_eq!(config.outer.limit, Duration::from_secs(60));
    assert!(!config.outer.status_on_exhaustion);
}

#[test]
fn all_faults_are_named_at_once() {
    let error = read(&json!({
        "addresses": 0, "families": ["ipv5"], "defaultRoute": "yes", "vpcroutes": true,
        "routes": [{"dst": "10.0.0.1/8"}, {"dst": "10.0.0.0/8", "gw": "fe80::1"}], "chain": [{}, {"type": "../x"}],
    }))
    .unwrap_err();
    assert_eq!(error.code, Code::CONFIG);
    let text = error.to_string();
    for part in [
        "ipam.addresses: ",
        "ipam.families: ",
        "ipam.defaultRoute: ",
        "vpcRoutes is",
        "10.0.0.0/8 has not",
        "gw fe80::1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("[0] has no \"type\"") && text.contains("[1] "), "{text}");
}

#[test]
fn a_chain_through_ourselves_is_endless() {
    let error = read(&json!({"chain": [{"type": "multi-eni-ipam"}]})).unwrap_err();
    let text = "network configuration: ipam.chain: [0] is multi-eni-ipam itself, which would never end";
    assert_eq!(error, cni::Error::new(Code::CONFIG, text));
}

#[test]
fn res_3_what_an_older_version_cannot_carry_is_refused() {
    let raw = json!({"type": "multi-eni", "ipam": {"routes": [{"dst": "192.0.2.0/24", "table": 100}]}});
    let error = Config::of(&network(&raw, Version::V1_0_0)).unwrap_err();
    let text = "network configuration: ipam.routes: mtu, advmss, priority, table and scope need cniVersion 1.1.0, not \
                1.0.0 at [0]";
    assert_eq!(error, cni::Error::new(Code::CONFIG, text));
    assert!(Config::of(&network(&raw, Version::V1_1_0)).is_ok());
}

#[test]
fn the_main_plugins_own_keys_are_left_alone() {
    let raw =
        json!({"type": "ipvlan", "master": "ens6", "mode": "l2", "mtu": 9001, "timeoutSecond": 5, "logLevels": 3});
    let config = Config::of(&network(&raw, Version::V1_0_0)).unwrap();
    let expected =
        MainPlugin::SameMac { plugin: "ipvlan".to_string(), master: Some("ens6".to_string()), in_container: false };
    assert_eq!(config.outer.main, expected);
    let bad = json!({"type": "ipvlan", "timeoutSeconds": 0, "logLevel": "loud"});
    assert!(Config::of(&network(&bad, Version::V1_0_0)).is_err());
}

#[test]
fn only_plugins_that_keep_the_enis_mac_are_looked_at() {
    let main = |raw: &Value| Config::of(&network(raw, Version::V1_0_0)).unwrap().outer.main;
    assert!(matches!(main(&json!({"type": "macvlan", "mode": "passthru"})), MainPlugin::SameMac { master: None, .. }));
    assert_eq!(main(&json!({"type": "macvlan"})), MainPlugin::Other("macvlan in mode bridge".to_string()));
    assert_eq!(main(&json!({"type": "bridge"})), MainPlugin::Other("bridge".to_string()));
    assert_eq!(main(&json!({"type": "multi-eni"})), MainPlugin::MultiEni);
}

#[test]
fn a_release_goes_on_with_what_can_be_read() {
    let raw = json!({"type": "ipvlan", "timeoutSeconds": "x", "ipam": {"addresses": {}, "chain": [
        {"type": "host-local"}, {"type": "multi-eni-ipam"}, 7,
    ]}});
    let (outer, members) = Outer::to_release(&network(&raw, Version::V1_0_0));
    assert_eq!(outer.limit, Duration::from_secs(60));
    assert_eq!(members.iter().map(|member| member.plugin_type.as_str()).collect::<Vec<_>>(), ["host-local"]);
}
