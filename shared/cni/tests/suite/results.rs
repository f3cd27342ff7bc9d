//! Results of each version, against each other and against a decoder that somebody else wrote.

use cni::{CniResult, DecodeError, Dns, Interface, IpConfig, Route, Version};
use rscni_types::types::CNIResultWithVersion;
use serde_json::{Value, json};

use crate::call::{Asked, Call, Recorder};

/// A result that has everything.
pub(crate) fn full() -> CniResult {
    CniResult {
        interfaces: vec![
            Interface { name: "veth0".to_owned(), mac: Some("02:00:00:00:00:01".to_owned()), ..Interface::default() },
            Interface {
                name: "net1".to_owned(),
                mac: Some("02:00:00:00:00:02".to_owned()),
                mtu: Some(9001),
                sandbox: Some("/run/netns/blue".to_owned()),
                socket_path: Some("/run/vhost.sock".to_owned()),
                pci_id: Some("0000:00:06.0".to_owned()),
            },
        ],
        ips: vec![
            IpConfig {
                interface: Some(1),
                address: "10.0.3.7/24".parse().unwrap(),
                gateway: Some("10.0.3.1".parse().unwrap()),
            },
            IpConfig { interface: Some(1), address: "2001:db8::7/64".parse().unwrap(), gateway: None },
        ],
        routes: vec![
            Route::new("0.0.0.0/0".parse().unwrap(), None),
            Route {
                dst: "10.9.0.0/16".parse().unwrap(),
                gw: Some("10.0.3.2".parse().unwrap()),
                mtu: Some(1500),
                advmss: Some(1460),
                priority: Some(0),
                table: Some(100),
                scope: Some(253),
            },
        ],
        dns: Dns {
            nameservers: vec!["10.0.0.2".to_owned()],
            domain: Some("a.b".to_owned()),
            search: vec!["b".to_owned()],
            options: vec!["ndots:1".to_owned()],
        },
    }
}

/// What a version before 1.1.0 can say of a result.
pub(crate) fn before_1_1_0(mut result: CniResult) -> CniResult {
    for interface in &mut result.interfaces {
        (interface.mtu, interface.socket_path, interface.pci_id) = (None, None, None);
    }
    for route in &mut result.routes {
        *route = Route::new(route.dst, route.gw);
    }
    result
}

#[test]
fn res_3_each_version_is_answered_in_its_own() {
    for config in Version::ALL {
        for given in Version::ALL {
            let recorder = Recorder::default();
            let prev_result = full().encode(given);
            let call = Call::of("ADD").config("cniVersion", json!(config.as_str())).config("prevResult", prev_result);
            let answer = call.run(&recorder).success();
            assert_eq!(answer["cniVersion"], config.as_str());
            for ip in answer["ips"].as_array().unwrap() {
                assert_eq!(ip.get("version").is_some(), config < Version::V1_0_0, "{ip}");
            }
            assert_eq!(answer["interfaces"][2].get("mtu").is_some(), config == Version::V1_1_0);
            let Asked::Add(request) = recorder.only() else { panic!("not an ADD") };
            let expected = if given < Version::V1_1_0 { before_1_1_0(full()) } else { full() };
            assert_eq!(request.config.prev_result, Some(expected), "{config} was given a {given} result");
        }
    }
}

#[test]
fn res_3_the_shape_of_each_version_is_as_specified() {
    let of = |version| full().encode(version);
    assert_eq!(of(Version::V0_4_0)["ips"][0]["version"], "4");
    assert_eq!(of(Version::V0_3_0)["ips"][1]["version"], "6");
    assert_eq!(
        of(Version::V1_0_0)["interfaces"][1],
        json!({"name": "net1", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/blue"})
    );
    assert_eq!(of(Version::V1_0_0)["routes"][1], json!({"dst": "10.9.0.0/16", "gw": "10.0.3.2"}));
    assert_eq!(of(Version::V1_1_0)["interfaces"][1]["pciID"], "0000:00:06.0");
    assert_eq!(of(Version::V1_1_0)["routes"][1]["priority"], 0);
    let empty = CniResult::default().encode(Version::V0_4_0);
    assert_eq!(empty, json!({"cniVersion": "0.4.0", "ips": [], "routes": [], "dns": {}}));
}

#[test]
fn res_3_a_result_is_read_by_its_own_version() {
    let old = json!({
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.0.3.7/24", "gateway": "10.0.3.1", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.0.3.2"}]},
        "ip6": {"ip": "2001:db8::7/64"},
        "dns": {"nameservers": ["10.0.0.2"]},
    });
    let read = CniResult::decode(&old, Version::V1_1_0).unwrap();
    let addresses: Vec<_> = read.ips.iter().map(|ip| (ip.address.to_string(), ip.interface)).collect();
    assert_eq!(addresses, [("10.0.3.7/24".to_owned(), None), ("2001:db8::7/64".to_owned(), None)]);
    assert_eq!((read.routes.len(), read.dns.nameservers.len()), (2, 1));
    // 0.1.0 had no cniVersion.
    let mut older = old.clone();
    older.as_object_mut().unwrap().remove("cniVersion");
    assert_eq!(CniResult::decode(&older, Version::V0_4_0).unwrap(), read);
    let mut future = old;
    future["cniVersion"] = json!("1.9.9");
    assert!(CniResult::decode(&future, Version::V1_1_0).is_err());
}

#[test]
fn nothing_and_null_and_empty_are_alike() {
    let nulls = json!({"cniVersion": null, "interfaces": null, "ips": null, "routes": null, "dns": null});
    assert_eq!(CniResult::decode(&nulls, Version::V1_0_0).unwrap(), CniResult::default());
    assert_eq!(CniResult::decode(&json!({}), Version::V1_0_0).unwrap(), CniResult::default());
    let sparse = json!({
        "interfaces": [{"name": "a", "mac": "", "mtu": 0, "sandbox": "", "socketPath": null, "pciID": "", "new": {}}],
        "ips": [{"address": "10.0.0.5/24", "gateway": "", "interface": null, "version": "4"}],
        "routes": [{"dst": "::/0", "gw": "", "mtu": 0, "advmss": null}],
        "dns": {"nameservers": null, "domain": "", "search": []},
    });
    let read = CniResult::decode(&sparse, Version::V1_1_0).unwrap();
    assert_eq!(read.interfaces, [Interface { name: "a".to_owned(), ..Interface::default() }]);
    assert_eq!(read.ips, [IpConfig { interface: None, address: "10.0.0.5/24".parse().unwrap(), gateway: None }]);
    assert_eq!(read.routes, [Route::new("::/0".parse().unwrap(), None)]);
    assert!(read.dns.is_empty());
}

#[test]
fn an_address_of_an_interface_that_is_not_listed_is_refused() {
    let with = |interface: Value| json!({"interfaces": [{"name": "a"}], "ips": [{"address": "10.0.0.5/24", "interface": interface}]});
    assert!(CniResult::decode(&with(json!(0)), Version::V1_1_0).is_ok());
    let error = CniResult::decode(&with(json!(1)), Version::V1_1_0).unwrap_err();
    assert_eq!(error, DecodeError::Interface { ip: 0, interface: 1, interfaces: 1 });
    for index in [json!(-1), json!(0.5), json!("0"), json!(u64::MAX)] {
        assert!(CniResult::decode(&with(index), Version::V1_1_0).is_err());
    }
}

#[test]
fn cfg_3_bad_values_are_named_with_their_place() {
    for (bad, place) in [
        (json!({"ips": [{}]}), "ips[0].address"),
        (json!({"ips": [{"address": "10.0.0.5/24"}, {"address": "10.0.0.5"}]}), "ips[1].address"),
        (json!({"ips": [{"address": null}]}), "ips[0].address"),
        (json!({"ips": [{"address": "null/32"}]}), "ips[0].address"),
        (json!({"ips": [{"address": "10.0.0.5/24", "gateway": "10.0.0.1/24"}]}), "ips[0].gateway"),
        (json!({"ips": {}}), "ips"),
        (json!({"routes": [{"gw": "10.0.0.1"}]}), "routes[0].dst"),
        (json!({"routes": [{"dst": "default"}]}), "routes[0].dst"),
        (json!({"routes": [{"dst": "::/0", "table": -1}]}), "routes[0].table"),
        (json!({"routes": [{"dst": "::/0", "mtu": 4_294_967_296_u64}]}), "routes[0].mtu"),
        (json!({"interfaces": [7]}), "interfaces[0]"),
        (json!({"interfaces": [{"name": 7}]}), "interfaces[0].name"),
        (json!({"dns": {"search": "a"}}), "dns.search"),
        (json!({"cniVersion": 1}), "cniVersion"),
        (json!({"cniVersion": "0.2.0", "ip4": {}}), "ip4.ip"),
        (json!({"cniVersion": "0.2.0", "ip4": {"ip": "::1/128"}}), "ip4.ip"),
        (json!({"cniVersion": "0.2.0", "ip6": {"ip": "::1/128", "routes": [{}]}}), "ip6.routes[0].dst"),
    ] {
        let error = CniResult::decode(&bad, Version::V1_1_0).unwrap_err().to_string();
        assert!(error.contains(&format!("\"{place}\"")), "{bad}: {error}");
    }
}

#[test]
fn res_3_another_decoder_reads_what_we_write() {
    for version in Version::ALL {
        let written = full().encode(version);
        let read: CNIResultWithVersion = serde_json::from_value(written).unwrap();
        assert_eq!(read.cni_version().to_string(), version.as_str());
        let again = serde_json::to_value(&read).unwrap();
        let expected = if version < Version::V1_1_0 { before_1_1_0(full()) } else { full() };
        assert_eq!(CniResult::decode(&again, Version::LATEST).unwrap(), expected);
    }
}

#[test]
fn res_3_we_read_what_another_encoder_writes() {
    let theirs: CNIResultWithVersion = serde_json::from_value(full().encode(Version::V1_1_0)).unwrap();
    for version in ["0.3.0", "0.3.1", "0.4.0"] {
        let legacy = rscni_types::legacy::CNIResult::new(version.parse().unwrap(), theirs.result().clone());
        let mut read = CniResult::decode(&serde_json::to_value(legacy).unwrap(), Version::LATEST).unwrap();
        // It keeps the extras of routes, as the Go library does.
        assert_eq!(read.routes, full().routes);
        read.routes = before_1_1_0(full()).routes;
        assert_eq!(read, before_1_1_0(full()));
    }
    let read = CniResult::decode(&serde_json::to_value(theirs.result()).unwrap(), Version::V1_1_0).unwrap();
    assert_eq!(read, full());
}
