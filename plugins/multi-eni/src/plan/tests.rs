use super::*;
use cni::Version;
use node::device::Device;
use node::netlink::Address;
use serde_json::{Value, json};

fn config(keys: &Value) -> Config {
    let mut raw = json!({"cniVersion": "1.1.0", "name": "net", "type": "multi-eni", "pool": "data"});
    raw.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    crate::config::tests::read(raw.as_object().unwrap().clone()).unwrap()
}

fn given(result: &Value) -> CniResult {
    CniResult::decode(result, Version::LATEST).unwrap()
}

fn one_address() -> Value {
    json!({
        "ips": [{"address": "10.0.1.11/24", "gateway": "10.0.1.1"}],
        "routes": [{"dst": "10.0.0.0/16"}],
    })
}

fn planned(keys: &Value, result: &Value, pod: &View) -> Result<(Vec<String>, Vec<String>), String> {
    let config = config(keys);
    let plan = Configuring { config: &config, given: given(result), mtu: 9001, pod, pod_has_ipv6: true }.plan();
    let text = |steps: Vec<Step>| steps.iter().map(ToString::to_string).collect();
    plan.map(|plan| (text(plan.steps), text(plan.leftovers))).map_err(|error| error.to_string())
}

fn default_over_eth0() -> View {
    let gateway = Gateway { address: "10.244.0.1".parse().unwrap(), onlink: false };
    let route = Route { gateway: Some(gateway), ..Route::to("0.0.0.0/0".parse().unwrap(), 2) };
    View { routes: vec![route], ..View::default() }
}

#[test]
fn addresses_come_before_the_link_is_up_and_routes_after() {
    let (steps, leftovers) = planned(&json!({}), &one_address(), &View::default()).unwrap();
    assert_eq!(steps, ["add address 10.0.1.11/24", "set link up", "add pod route 10.0.0.0/16 via 10.0.1.1"]);
    assert!(leftovers.is_empty());
}

#[test]
fn a_gateway_that_no_address_covers_is_on_the_link() {
    let result = json!({
        "ips": [{"address": "10.9.0.2/32", "gateway": "10.9.0.1"}, {"address": "2001:db8::5/64", "gateway": "fe80:ec2::1"}],
        "routes": [{"dst": "10.8.0.0/16"}, {"dst": "2001:db8::/56"}, {"dst": "10.7.0.0/16", "scope": 253}],
    });
    let (steps, _) = planned(&json!({}), &result, &View::default()).unwrap();
    assert_eq!(
        steps[4..],
        [
            "add pod route 10.8.0.0/16 via 10.9.0.1 onlink",
            "add pod route 2001:db8::/56 via fe80:ec2::1",
            "add pod route 10.7.0.0/16",
        ]
    );
}

#[test]
fn ip6_1_addresses_are_used_at_once_unless_detection_is_asked_for() {
    let result = json!({"ips": [{"address": "2001:db8::5/64"}]});
    let (steps, _) = planned(&json!({}), &result, &View::default()).unwrap();
    assert_eq!(steps, ["set sysctl disable_ipv6 0", "add address 2001:db8::5/64", "set link up"]);
    let (steps, _) = planned(&json!({"dad": true}), &result, &View::default()).unwrap();
    assert_eq!(
        steps[1..],
        ["add address 2001:db8::5/64 with detection", "set link up", "await duplicate address detection",]
    );
}

#[test]
fn rou_3_the_pods_default_route_stays_unless_a_priority_says_otherwise() {
    let result = |route: Value| json!({"ips": [{"address": "10.0.1.11/24", "gateway": "10.0.1.1"}], "routes": [route]});
    let pod = default_over_eth0();
    let (steps, _) = planned(&json!({}), &result(json!({"dst": "0.0.0.0/0"})), &pod).unwrap();
    assert!(!steps.iter().any(|step| step.contains("0.0.0.0/0")), "{steps:?}");
    let (steps, _) = planned(&json!({}), &result(json!({"dst": "0.0.0.0/0", "priority": 50})), &pod).unwrap();
    assert!(steps.contains(&"add pod route 0.0.0.0/0 via 10.0.1.1 metric 50".to_string()), "{steps:?}");
    let asked = json!({"ipam": {"type": "multi-eni-ipam", "defaultRoute": true}});
    let error = planned(&asked, &result(json!({"dst": "0.0.0.0/0"})), &pod).unwrap_err();
    assert!(error.contains("set defaultRoute to false"), "{error}");
    let (steps, _) = planned(&asked, &result(json!({"dst": "0.0.0.0/0"})), &View::default()).unwrap();
    assert!(steps.contains(&"add pod route 0.0.0.0/0 via 10.0.1.1".to_string()));
}

#[test]
fn source_routing_has_a_table_of_its_own_and_its_rules_are_undone() {
    let standing = Rule::from_source("10.0.1.99/32".parse().unwrap(), 1000, 512);
    let pod = View { rules: vec![standing], ..View::default() };
    let (steps, leftovers) = planned(&json!({"sourceRouting": true}), &one_address(), &pod).unwrap();
    assert_eq!(
        steps[3..],
        [
            "add pod route 10.0.1.0/24 table 1001",
            "add pod route 10.0.0.0/16 via 10.0.1.1 table 1001",
            "add pod route 0.0.0.0/0 via 10.0.1.1 table 1001",
            "add pod rule 512: from 10.0.1.11/32 lookup 1001",
        ]
    );
    assert_eq!(leftovers, ["delete pod rule 512: from 10.0.1.11/32 lookup 1001"]);
}

#[test]
fn blocked_metadata_is_blocked_in_every_table_and_undone_only_where_it_was_ours() {
    let keys = json!({"blockInstanceMetadata": true, "sourceRouting": true});
    let standing = Route::blackhole("169.254.169.254/32".parse().unwrap(), MAIN_TABLE);
    let pod = View { routes: vec![standing], ..View::default() };
    let (steps, leftovers) = planned(&keys, &one_address(), &pod).unwrap();
    assert_eq!(
        steps[steps.len() - 3..],
        [
            "add pod route blackhole 169.254.169.254/32 table 1000",
            "add pod route blackhole fd00:ec2::254/128",
            "add pod route blackhole fd00:ec2::254/128 table 1000",
        ]
    );
    assert_eq!(leftovers.len(), 4);
}

#[test]
fn metadata_that_another_route_reaches_first_is_refused_and_not_blocked_in_vain() {
    let keys = json!({"blockInstanceMetadata": true});
    let (ipv4, ipv6) = ("169.254.169.254/32", "fd00:ec2::254/128");
    let route = |to: &str, priority| Route { priority, ..Route::to(to.parse().unwrap(), 2) };
    let blackhole = |to: &str, priority| Route { priority, ..Route::blackhole(to.parse().unwrap(), MAIN_TABLE) };
    let with = |routes: Vec<Route>| planned(&keys, &one_address(), &View { routes, ..View::default() });
    for reachable in [
        vec![route(ipv4, 0)],
        vec![route(ipv6, 1024)],
        vec![route(ipv6, 100)],
        vec![blackhole(ipv6, 1024), route(ipv6, 100)],
    ] {
        let error = with(reachable).unwrap_err();
        assert!(error.contains("cannot block") && error.contains("blockInstanceMetadata out"), "{error}");
    }
    for (blocked, missing) in [
        (vec![route(ipv4, 100), route(ipv6, 2000), route("169.254.0.0/16", 0)], 2),
        (vec![blackhole(ipv4, 100), blackhole(ipv6, 100)], 1),
        (vec![blackhole(ipv4, 0), route(ipv4, 100), blackhole(ipv6, 1024)], 0),
        (vec![Route { table: 77, ..route(ipv4, 0) }], 2),
    ] {
        assert_eq!(with(blocked.clone()).unwrap().1.len(), missing, "{blocked:?}");
    }
    let own = json!({"ips": [{"address": "10.0.1.11/24", "gateway": "10.0.1.1"}], "routes": [{"dst": ipv4}]});
    assert!(planned(&keys, &own, &View::default()).unwrap_err().contains("169.254.169.254/32 via 10.0.1.1"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let error = planned(&json!({"keepDown": true}), &one_address(), &View::default()).unwrap_err();
    assert!(error.contains("keepDown does not go with routes"), "{error}");
    let ipv6 = json!({"ips": [{"address": "2001:db8::5/64"}]});
    let error = planned(&json!({"mtu": 1000}), &ipv6, &View::default()).unwrap_err();
    assert!(error.contains("1280"), "{error}");
    let quiet = json!({"ips": [{"address": "10.0.1.11/24"}]});
    assert_eq!(planned(&json!({"keepDown": true}), &quiet, &View::default()).unwrap().0, ["add address 10.0.1.11/24"]);
}

fn link() -> Link {
    let altnames = vec!["enp0s6".to_string(), "net1".to_string()];
    Link { index: 3, name: "eth1".to_string(), altnames, mtu: 9001, up: true, ..Link::default() }
}

fn entry() -> Entry {
    serde_json::from_value(json!({
        "networkInterfaceId": "eni-0123456789abcdef0", "macAddress": "02:00:00:00:00:01",
        "subnet": {"id": "subnet-1", "ipv4Cidr": "10.0.1.0/24"}, "vpc": {},
        "ipv4Addresses": [{"address": "10.0.1.11", "primary": true}], "pool": {"name": "data"},
        "deviceIndex": 1, "networkCardIndex": 0, "hostName": "eth1", "state": "ready",
    }))
    .unwrap()
}

#[test]
fn rou_1_what_a_host_daemon_left_is_cleaned_and_no_other_rule_is() {
    let rule = |source: &str, table| Rule::from_source(source.parse().unwrap(), table, 10_001);
    let on_link = |text: &str| Address {
        link: 3,
        network: text.parse().unwrap(),
        link_local: false,
        tentative: false,
        duplicate: false,
    };
    let host = View {
        addresses: vec![on_link("10.0.1.200/24")],
        rules: vec![rule("10.0.1.11/32", 10_001), rule("10.0.1.0/24", 7), rule("10.0.1.200/32", 10_001)],
        ..View::default()
    };
    let (config, link, entry) = (config(&json!({"mtu": 1500})), link(), entry());
    let moving = Moving { config: &config, link: &link, entry: Some(&entry), host: &host, pod_links: &[] };
    let steps: Vec<_> = moving.steps().iter().map(ToString::to_string).collect();
    assert_eq!(
        steps[..7],
        [
            "delete host rule 10001: from 10.0.1.11/32 lookup 10001",
            "delete host rule 10001: from 10.0.1.200/32 lookup 10001",
            "set link down",
            "delete alternative name net1",
            "move link to pod as net1",
            "set link alias \"eni-0123456789abcdef0\"",
            "set link mtu 1500",
        ]
    );
    let unknown = Moving { entry: None, ..moving };
    assert!(
        !unknown
            .steps()
            .iter()
            .any(|step| matches!(step, Step::DeleteRule { .. } | Step::SetLink(LinkChange::Alias(_))))
    );
    assert_eq!(Device::find(&entry.device(), &[]), None);
}
