use super::*;
use cni::{Code, Version};
use node::inventory::Mode;
use proptest::prelude::*;
use serde_json::{Map, json};

/// The configuration of these keys, for an interface `net1`.
pub(crate) fn read(keys: Map<String, Value>) -> Result<Config, cni::Error> {
    let config = NetworkConfig {
        version: Version::LATEST,
        name: "net".parse().unwrap(),
        plugin_type: None,
        ipam_type: None,
        dns: None,
        prev_result: None,
        raw: keys,
    };
    Config::read(&config, Some("net1"))
}

fn of(keys: Value) -> Result<Config, cni::Error> {
    match keys {
        Value::Object(keys) => read(keys),
        _ => read(Map::new()),
    }
}

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = of(json!({"pool": "data"})).unwrap();
    assert_eq!(config.interface_name.as_str(), "net1");
    assert_eq!(config.timeout, Duration::from_secs(60));
    assert_eq!((config.mtu, config.mode, config.rp_filter), (None, None, None));
    let switches = [config.source_routing, config.block_instance_metadata, config.dad, config.keep_down];
    assert_eq!(switches, [false; 4]);
}

#[test]
fn mul_1_every_spelling_of_a_device_is_the_same_and_two_that_differ_are_refused() {
    for keys in [
        json!({"deviceID": "0000:00:06.0"}),
        json!({"deviceID": "00:06.0"}),
        json!({"pciBusID": "0000:00:06.0"}),
        json!({"runtimeConfig": {"deviceID": "0000:00:06.0"}}),
        json!({"deviceID": "0000:00:06.0", "pciBusID": "00:06.0"}),
        json!({"deviceID": "00:06.0", "pciBusID": "00:06.0", "runtimeConfig": {"deviceID": "0000:00:06.0"}}),
    ] {
        assert_eq!(of(keys.clone()).unwrap().selector.pci.unwrap().to_string(), "0000:00:06.0", "{keys}");
    }
    for keys in [
        json!({"deviceID": "0000:00:06.0", "pciBusID": "0000:00:07.0"}),
        json!({"deviceID": "0000:00:06.0", "runtimeConfig": {"deviceID": "0000:00:07.0"}}),
    ] {
        assert_eq!(of(keys.clone()).unwrap_err().code, Code::CONFIG, "{keys}");
    }
}

#[test]
fn cfg_3_values_that_become_names_or_addresses_are_checked_and_all_named_at_once() {
    let bad = json!({
        "pool": "A/B", "eni": "eni-x", "mac": "02:00", "device": "", "deviceID": "0000:00:06",
        "interfaceName": "a/b", "mtu": 1, "rpFilter": 3, "timeoutSeconds": 0, "logLevel": "loud",
        "vfioGroupMode": "0999", "vfioGroupOwner": "root:root", "mode": "dpdk", "dad": "yes",
    });
    let error = of(bad.clone()).unwrap_err();
    assert_eq!(error.code, Code::CONFIG);
    for key in bad.as_object().unwrap().keys() {
        assert!(format!("{error}").contains(key.as_str()), "{key} is not named in {error}");
    }
}

#[test]
fn keep_down_goes_with_nothing_that_needs_an_up_link() {
    for other in ["sourceRouting", "blockInstanceMetadata", "dad"] {
        assert_eq!(of(json!({"pool": "p", "keepDown": true, other: true})).unwrap_err().code, Code::CONFIG, "{other}");
    }
}

#[test]
fn vfi_6_owner_and_mode_of_the_groups_node_are_numbers() {
    let node = |owner: &str, mode: &str| {
        of(json!({"pool": "p", "mode": "vfio-pci", "vfioGroupOwner": owner, "vfioGroupMode": mode}))
    };
    let read = node("1000:2000", "0660").unwrap().group_node;
    assert_eq!((read.owner, read.mode), (Some((1000, 2000)), Some(0o660)));
    for (owner, mode) in [
        ("1000", "0660"),
        ("a:b", "0660"),
        ("1:-1", "0660"),
        ("1:4294967295", "0660"),
        ("1:1", "rw"),
        ("1:1", "0777"),
        ("1:1", "6"),
    ] {
        assert_eq!(node(owner, mode).unwrap_err().code, Code::CONFIG, "{owner} {mode}");
    }
}

#[test]
fn what_has_no_effect_on_what_user_space_has_is_refused() {
    for (key, value) in [
        ("mtu", json!(1400)),
        ("sourceRouting", json!(true)),
        ("blockInstanceMetadata", json!(true)),
        ("rpFilter", json!(0)),
        ("dad", json!(true)),
        ("keepDown", json!(true)),
    ] {
        let error = of(json!({"pool": "p", "mode": "vfio-pci", key: value})).unwrap_err();
        assert!(error.code == Code::CONFIG && format!("{error}").contains(key), "{key}: {error}");
        assert_eq!(of(json!({"pool": "p", key: value})).unwrap().without_effect(Mode::VfioPci), [key]);
    }
    let error = of(json!({"pool": "p", "mode": "netdev", "vfioGroupMode": "0660"})).unwrap_err();
    assert!(error.code == Code::CONFIG && format!("{error}").contains("vfioGroupMode"), "{error}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KEYS: [&str; 16] = [
    "pool",
    "eni",
    "mac",
    "device",
    "deviceID",
    "pciBusID",
    "mode",
    "interfaceName",
    "mtu",
    "rpFilter",
    "dad",
    "keepDown",
    "timeoutSeconds",
    "logFile",
    "runtimeConfig",
    "ipam",
];

proptest! {
    #[test]
    fn no_configuration_panics_and_every_refusal_is_of_a_configuration(
        values in prop::collection::vec((prop::sample::select(&KEYS[..]), any_value()), 0..6)
    ) {
        let keys = values.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        if let Err(error) = read(keys) {
            prop_assert!([Code::CONFIG, Code::UNSUPPORTED_FIELD].contains(&error.code));
            prop_assert!(error.msg.len() <= 200 && !error.msg.contains('\n'));
        }
    }
}
