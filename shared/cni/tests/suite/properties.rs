//! No input makes anything but one document, and no result is lost on its way.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use cni::{Cidr, CniArgs, CniResult, Dns, IfName, Interface, IpConfig, PluginType, Route, Version};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use rscni_types::types::CNIResultWithVersion;
use serde_json::Value;

use crate::call::{Call, Outcome, Recorder};
use crate::results::before_1_1_0;

fn cidr() -> impl Strategy<Value = Cidr> {
    let v4 = (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(ip, prefix)| Cidr::new(ip.into(), prefix).unwrap());
    let v6 = (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(ip, prefix)| Cidr::new(ip.into(), prefix).unwrap());
    prop_oneof![v4, v6]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{1,12}"
}

fn interface() -> impl Strategy<Value = Interface> {
    let extras = (of(1..=u32::MAX), of(text()), of(text()), of(text()));
    (text(), of(text()), extras).prop_map(|(name, mac, (mtu, sandbox, socket_path, pci_id))| Interface {
        name,
        mac,
        mtu,
        sandbox,
        socket_path,
        pci_id,
    })
}

fn route() -> impl Strategy<Value = Route> {
    let extras = (of(1..=u32::MAX), of(1..=u32::MAX), of(any::<u32>()), of(any::<u32>()), of(any::<u32>()));
    (cidr(), of(any::<std::net::IpAddr>()), extras).prop_map(|(dst, gw, (mtu, advmss, priority, table, scope))| Route {
        dst,
        gw,
        mtu,
        advmss,
        priority,
        table,
        scope,
    })
}

fn result() -> impl Strategy<Value = CniResult> {
    let ip = (of(any::<prop::sample::Index>()), cidr(), of(any::<std::net::IpAddr>()));
    let dns = (vec(text(), 0..3), of(text()), vec(text(), 0..3), vec(text(), 0..3));
    (vec(interface(), 0..4), vec(ip, 0..4), vec(route(), 0..4), dns).prop_map(|(interfaces, ips, routes, dns)| {
        let (nameservers, domain, search, options) = dns;
        let count = interfaces.len();
        let ip = |(index, address, gateway): (Option<prop::sample::Index>, _, _)| IpConfig {
            interface: index.filter(|_| count > 0).map(|index| index.index(count)),
            address,
            gateway,
        };
        let ips = ips.into_iter().map(ip).collect();
        CniResult { interfaces, ips, routes, dns: Dns { nameservers, domain, search, options } }
    })
}

/// Any JSON, with the protocol's keys and half-right values more often than chance has them.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..3_u32).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "0.2.0",
            "0.4.0",
            "1.1.0",
            "9.9.9",
            "10.0.0.5/24",
            "::1/128",
            "10.0.0.1",
            "net1"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(key(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let known = vec![
        "cniVersion",
        "name",
        "type",
        "ipam",
        "dns",
        "prevResult",
        "runtimeConfig",
        "args",
        "cni",
        "interfaces",
        "ips",
        "routes",
        "ip4",
        "ip6",
        "ip",
        "address",
        "gateway",
        "interface",
        "version",
        "dst",
        "gw",
        "mtu",
        "mac",
        "sandbox",
        "cni.dev/valid-attachments",
        "cni.dev/attachments",
        "containerID",
        "ifname",
        "nameservers",
        "domain",
        "search",
    ];
    prop_oneof![9 => prop::sample::select(known).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn verb() -> impl Strategy<Value = String> {
    let verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", ""].map(str::to_owned);
    prop_oneof![9 => prop::sample::select(verbs.to_vec()), 1 => "\\PC{0,6}"]
}

/// Exactly one document, or the silence of a success, and an exit status that fits.
pub(crate) fn well_formed(call: &Call) -> Result<Outcome, TestCaseError> {
    let outcome = call.run(&Recorder::default());
    if outcome.stdout.is_empty() {
        prop_assert_eq!(outcome.status, 0);
        return Ok(outcome);
    }
    let document: Value = serde_json::from_str(&outcome.stdout)
        .map_err(|error| TestCaseError::fail(format!("not one document: {error}: {}", outcome.stdout)))?;
    let keys: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    if outcome.status == 1 {
        prop_assert_eq!(keys, ["cniVersion", "code", "details", "msg"]);
        let message = document["msg"].as_str().unwrap();
        prop_assert!(!message.is_empty() && message.len() <= 200 && !message.contains(char::is_control));
        prop_assert_ne!(document["code"].as_u64(), Some(999), "{}", document);
    } else {
        prop_assert_eq!(outcome.status, 0);
        prop_assert!(keys.contains(&"cniVersion"));
    }
    Ok(outcome)
}

proptest! {
    #[test]
    fn res_3_results_round_trip_in_each_version(result in result()) {
        for version in Version::ALL {
            let written = result.encode(version);
            let expected = if version < Version::V1_1_0 { before_1_1_0(result.clone()) } else { result.clone() };
            prop_assert_eq!(CniResult::decode(&written, Version::LATEST).unwrap(), expected);
            let theirs: CNIResultWithVersion = serde_json::from_value(written).unwrap();
            prop_assert_eq!(theirs.result().ips.len(), result.ips.len());
            let again = serde_json::to_value(&theirs).unwrap();
            prop_assert_eq!(CniResult::decode(&again, version).unwrap().encode(version), result.encode(version));
        }
    }

    #[test]
    fn any_bytes_on_stdin_end_in_one_document(verb in verb(), stdin in vec(any::<u8>(), 0..200)) {
        well_formed(&Call::of(&verb).stdin(stdin))?;
    }

    #[test]
    fn any_json_on_stdin_ends_in_one_document(verb in verb(), config in json()) {
        well_formed(&Call::of(&verb).stdin(config.to_string()))?;
    }

    #[test]
    fn any_value_of_a_key_ends_in_one_document(verb in verb(), key in key(), value in json()) {
        well_formed(&Call::of(&verb).config(&key, value))?;
    }

    #[test]
    fn any_environment_ends_in_one_document(
        verb in verb(),
        variable in prop::sample::select(vec!["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"]),
        value in vec(any::<u8>(), 0..40),
    ) {
        well_formed(&Call::of(&verb).env(variable, OsString::from_vec(value)))?;
    }

    #[test]
    fn any_arguments_are_read_or_refused(text in "[A-Za-z0-9_=; ]{0,40}|\\PC{0,40}") {
        if let Ok(args) = CniArgs::parse(&text) {
            let _pod = args.pod();
        }
    }

    #[test]
    fn any_previous_result_or_answer_is_read_or_refused(value in json()) {
        for version in Version::ALL {
            if let Ok(result) = CniResult::decode(&value, version) {
                prop_assert_eq!(CniResult::decode(&result.encode(Version::LATEST), version), Ok(result));
            }
        }
    }

    #[test]
    fn an_address_that_is_read_is_written_alike(text in "[0-9a-f.:/+ ]{0,24}", cidr in cidr()) {
        if let Ok(read) = text.parse::<Cidr>() {
            prop_assert_eq!(read.to_string().parse::<Cidr>(), Ok(read));
        }
        prop_assert_eq!(cidr.to_string().parse::<Cidr>(), Ok(cidr));
        prop_assert!(cidr.contains(cidr.ip()) && cidr.network().contains(cidr.ip()));
        prop_assert_eq!(cidr.network().network(), cidr.network());
    }

    #[test]
    fn a_name_that_is_taken_is_safe_in_a_path(text in "\\PC{0,20}|[./a]{0,4}") {
        if let Ok(name) = text.parse::<IfName>() {
            prop_assert!(name.as_str().len() <= 15 && !name.as_str().contains(['/', ':', ' ', '%']));
        }
        if let Ok(name) = text.parse::<PluginType>() {
            let joined = std::path::Path::new("/opt/cni/bin").join(name.as_str());
            prop_assert_eq!(joined.parent(), Some(std::path::Path::new("/opt/cni/bin")));
        }
    }
}
