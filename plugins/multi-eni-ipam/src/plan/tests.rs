use super::*;
use crate::config::Config;
use cni::{CniResult, NetworkConfig};
use node::addresses::{AddressState, AddressUse};
use node::inventory::Entry;
use node::record::{Call, Owner};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An ENI of subnet 10.0.3.0/24 in a VPC of two CIDRs and one of IPv6.
fn eni(ipv4: usize, ipv6: usize) -> Entry {
    let of = |count: usize, prefix: &str, primary: bool| -> Vec<Value> {
        (0..count).map(|n| json!({"address": format!("{prefix}{}", n + 10), "primary": primary && n == 0})).collect()
    };
    serde_json::from_value(json!({
        "networkInterfaceId": "eni-0123456789abcdef0", "macAddress": "02:00:00:00:00:01",
        "subnet": {"id": "subnet-1", "ipv4Cidr": "10.0.3.0/24", "ipv6Cidrs": ["2600:1f:0:3::/64"]},
        "vpc": {"ipv4Cidrs": ["10.0.0.0/16", "100.64.0.0/16"], "ipv6Cidrs": ["2600:1f::/56"]},
        "ipv4Addresses": of(ipv4, "10.0.3.", true), "ipv6Addresses": of(ipv6, "2600:1f:0:3::", false),
        "pool": {"name": "data", "sharing": "shared", "cooldownSeconds": 30},
        "deviceIndex": 1, "networkCardIndex": 0, "hostName": "ens6", "state": "ready",
    }))
    .unwrap()
}

fn config(ipam: &Value) -> Config {
    config_of(ipam).unwrap()
}

fn config_of(ipam: &Value) -> Result<Config, cni::Error> {
    let raw = json!({"cniVersion": "1.1.0", "name": "n", "type": "multi-eni", "ipam": ipam});
    let network = NetworkConfig {
        version: cni::Version::V1_1_0,
        name: "n".parse().unwrap(),
        plugin_type: Some("multi-eni".to_string()),
        ipam_type: None,
        dns: None,
        prev_result: None,
        raw: raw.as_object().unwrap().clone(),
    };
    Config::of(&network)
}

fn wish<'a>(config: &'a Config, requested: &'a [IpAddr]) -> Wish<'a> {
    Wish { selection: config.addresses, families: config.families.as_deref(), requested }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn whole(entry: &Entry, ipam: &Value, requested: &[&str]) -> Result<CniResult, Error> {
    let (config, requested) = (config(ipam), addresses(requested));
    answer(entry, &exclusive(entry, &wish(&config, &requested))?, &config)
}

fn ips(result: &CniResult) -> Vec<String> {
    result.ips.iter().map(|ip| ip.address.to_string()).collect()
}

fn routes(result: &CniResult) -> Vec<String> {
    result.routes.iter().map(|route| format!("{} {}", route.dst, route.gw.unwrap())).collect()
}

#[test]
fn adr_1_rou_4_the_primary_addresses_come_with_gateway_and_routes_to_the_vpc() {
    let result = whole(&eni(3, 2), &json!({}), &[]).unwrap();
    assert_eq!(ips(&result), ["10.0.3.10/24", "2600:1f:0:3::10/64"]);
    let gateways: Vec<String> = result.ips.iter().map(|ip| ip.gateway.unwrap().to_string()).collect();
    assert_eq!(gateways, ["10.0.3.1", "fe80:ec2::1"]);
    assert!(result.interfaces.is_empty() && result.ips.iter().all(|ip| ip.interface.is_none()));
    let expected = ["10.0.0.0/16 10.0.3.1", "100.64.0.0/16 10.0.3.1", "2600:1f::/56 fe80:ec2::1"];
    assert_eq!(routes(&result), expected);
}

#[test]
fn addresses_are_counted_by_family_with_the_primary_one_first() {
    let mut entry = eni(3, 3);
    entry.ipv4_addresses.rotate_left(1);
    let two = whole(&entry, &json!({"addresses": 2}), &[]).unwrap();
    assert_eq!(ips(&two)[..2], ["10.0.3.10/24", "10.0.3.11/24"]);
    assert_eq!(whole(&entry, &json!({"addresses": "all"}), &[]).unwrap().ips.len(), 6);
    assert_eq!(whole(&entry, &json!({"addresses": 1}), &[]).unwrap().ips.len(), 2);
    let error = whole(&entry, &json!({"addresses": 4}), &[]).unwrap_err();
    assert!(matches!(error, Error::TooMany { family: Family::Ipv4, wanted: 4, has: 3, .. }), "{error}");
}

#[test]
fn the_primary_ipv6_address_comes_first_where_there_is_one() {
    let mut entry = eni(1, 3);
    entry.ipv6_addresses[2].primary = true;
    assert_eq!(ips(&whole(&entry, &json!({}), &[]).unwrap())[1], "2600:1f:0:3::12/64");
}

#[test]
fn families_are_those_of_the_eni_unless_named() {
    assert_eq!(ips(&whole(&eni(1, 0), &json!({}), &[]).unwrap()), ["10.0.3.10/24"]);
    let both = json!({"families": ["ipv6", "ipv4"]});
    assert_eq!(ips(&whole(&eni(1, 1), &both, &[]).unwrap()), ["2600:1f:0:3::10/64", "10.0.3.10/24"]);
    let error = whole(&eni(1, 0), &both, &[]).unwrap_err();
    assert_eq!(error.to_string(), "eni-0123456789abcdef0 has no ipv6 address");
    assert!(matches!(whole(&eni(0, 0), &json!({}), &[]), Err(Error::NoAddresses { .. })));
}

#[test]
fn requested_addresses_replace_the_selection_of_their_family_only() {
    let entry = eni(3, 2);
    let result = whole(&entry, &json!({"addresses": "all"}), &["10.0.3.12", "10.0.3.11"]).unwrap();
    assert_eq!(ips(&result), ["10.0.3.12/24", "10.0.3.11/24", "2600:1f:0:3::10/64", "2600:1f:0:3::11/64"]);
    let error = whole(&entry, &json!({"families": ["ipv4"]}), &["2600:1f:0:3::11"]).unwrap_err();
    assert!(matches!(error, Error::FamilyNotWanted { .. }), "{error}");
    let error = cni::Error::from(whole(&entry, &json!({}), &["10.0.3.99"]).unwrap_err());
    assert_eq!(error.code, cni::Code::CONFIG);
    assert!(error.msg.contains("cannot be assigned"), "{error}");
}

#[test]
fn what_is_within_the_subnet_needs_no_route() {
    let mut entry = eni(1, 0);
    entry.vpc.ipv4_cidrs = ["10.0.3.0/24", "10.0.3.128/25", "10.0.4.0/24"].map(|cidr| cidr.parse().unwrap()).to_vec();
    assert_eq!(routes(&whole(&entry, &json!({}), &[]).unwrap()), ["10.0.4.0/24 10.0.3.1"]);
    assert!(whole(&entry, &json!({"vpcRoutes": false}), &[]).unwrap().routes.is_empty());
}

#[test]
fn default_routes_are_for_the_families_answered() {
    let bare = |ipam: &mut Value| ipam["vpcRoutes"] = json!(false);
    let mut ipam = json!({"defaultRoute": true});
    bare(&mut ipam);
    let expected = ["0.0.0.0/0 10.0.3.1", "::/0 fe80:ec2::1"];
    assert_eq!(routes(&whole(&eni(1, 1), &ipam, &[]).unwrap()), expected);
    assert_eq!(routes(&whole(&eni(1, 0), &ipam, &[]).unwrap()), expected[..1]);
}

#[test]
fn written_routes_have_the_familys_gateway_and_replace_made_ones() {
    let ipam = json!({"defaultRoute": true, "vpcRoutes": false, "routes": [
        {"dst": "0.0.0.0/0", "priority": 50},
        {"dst": "192.0.2.0/24", "gw": "10.0.3.7", "mtu": 1400, "table": 100},
        {"dst": "198.51.100.0/24", "scope": 253},
    ]});
    let result = whole(&eni(1, 0), &ipam, &[]).unwrap();
    assert_eq!(result.routes.len(), 3);
    assert_eq!((result.routes[0].gw, result.routes[0].priority), (Some("10.0.3.1".parse().unwrap()), Some(50)));
    assert_eq!((result.routes[1].mtu, result.routes[1].table), (Some(1400), Some(100)));
    assert_eq!(result.routes[2].gw, None);
    let error = whole(&eni(1, 0), &json!({"routes": [{"dst": "2001:db8::/32"}]}), &[]).unwrap_err();
    assert!(matches!(error, Error::RouteWithoutAddress { .. }), "{error}");
}

fn owner(n: usize) -> Owner {
    Owner { network: "n".to_string(), container_id: format!("c{n}"), ifname: "net1".to_string() }
}

fn usage(n: usize, addresses: &[&str], state: AddressState) -> AddressUse {
    let call = Call { config: serde_json::Map::new(), path: String::new(), args: String::new() };
    AddressUse {
        owner: owner(n),
        network_interface_id: "eni-0123456789abcdef0".parse().unwrap(),
        addresses: self::addresses(addresses),
        state,
        namespace: None,
        call,
        owes_chain: false,
    }
}

fn give(entry: &Entry, n: usize, uses: &[AddressUse], now: u64) -> Result<Vec<String>, Error> {
    give_requested(entry, n, uses, now, &[])
}

fn give_requested(
    entry: &Entry,
    n: usize,
    uses: &[AddressUse],
    now: u64,
    requested: &[&str],
) -> Result<Vec<String>, Error> {
    let (config, requested, owner) = (config(&json!({})), addresses(requested), owner(n));
    let given = shared(entry, &wish(&config, &requested), &Occupancy { uses, owner: &owner, now })?;
    Ok(given.iter().map(ToString::to_string).collect())
}

const COOLING: AddressState = AddressState::Cooling { until: 100 };

#[test]
fn a_shared_eni_gives_its_lowest_free_secondary_address_of_each_family() {
    assert_eq!(give(&eni(3, 2), 1, &[], 0).unwrap(), ["10.0.3.11", "2600:1f:0:3::10"]);
    let used = [usage(2, &["10.0.3.11", "2600:1f:0:3::10"], AddressState::Used)];
    assert_eq!(give(&eni(3, 2), 1, &used, 0).unwrap(), ["10.0.3.12", "2600:1f:0:3::11"]);
    // The only IPv4 address is the host's.
    assert_eq!(give(&eni(1, 1), 1, &[], 0).unwrap(), ["2600:1f:0:3::10"]);
    assert!(matches!(give(&eni(1, 0), 1, &[], 0), Err(Error::NoAddresses { .. })));
}

#[test]
fn a_cooling_address_is_given_again_when_its_rest_is_over_and_last() {
    let uses = [usage(2, &["10.0.3.11"], COOLING)];
    assert_eq!(give(&eni(3, 0), 1, &uses, 99).unwrap(), ["10.0.3.12"]);
    // Never used before rested.
    assert_eq!(give(&eni(3, 0), 1, &uses, 100).unwrap(), ["10.0.3.12"]);
    let rested = [usage(2, &["10.0.3.11"], COOLING), usage(3, &["10.0.3.12"], AddressState::Cooling { until: 50 })];
    assert_eq!(give(&eni(3, 0), 1, &rested, 100).unwrap(), ["10.0.3.12"]);
}

#[test]
fn without_a_free_address_the_counts_are_named() {
    let uses = [usage(2, &["10.0.3.11"], COOLING), usage(3, &["10.0.3.12"], AddressState::Used)];
    let error = cni::Error::from(give(&eni(3, 0), 1, &uses, 99).unwrap_err());
    assert_eq!(error.code, cni::Code::TRY_AGAIN);
    assert!(error.msg.contains("eni-0123456789abcdef0 is free: 1 are used and 1 are cooling"), "{error}");
}

#[test]
fn the_same_owner_gets_the_same_address_while_used_and_while_cooling() {
    for state in [AddressState::Used, COOLING] {
        assert_eq!(give(&eni(4, 0), 1, &[usage(1, &["10.0.3.12"], state)], 0).unwrap(), ["10.0.3.12"]);
    }
}

#[test]
fn adr_3_an_address_that_left_the_inventory_is_not_given_again() {
    let mut entry = eni(4, 0);
    entry.ipv4_addresses.remove(2);
    assert_eq!(give(&entry, 1, &[usage(1, &["10.0.3.12"], AddressState::Used)], 0).unwrap(), ["10.0.3.11"]);
    assert!(matches!(give_requested(&entry, 1, &[], 0, &["10.0.3.12"]), Err(Error::NotOnEni { .. })));
}

#[test]
fn an_owner_does_not_lose_what_it_has_by_asking_for_something_else() {
    let uses = [usage(1, &["10.0.3.12"], AddressState::Used)];
    assert!(matches!(give_requested(&eni(4, 0), 1, &uses, 0, &["10.0.3.11"]), Err(Error::HasOthers { .. })));
    let elsewhere = [AddressUse { network_interface_id: "eni-0aaaaaaaaaaaaaaaa".parse().unwrap(), ..uses[0].clone() }];
    assert!(matches!(give(&eni(4, 0), 1, &elsewhere, 0), Err(Error::HasOthers { .. })));
}

#[test]
fn a_requested_address_is_given_or_its_holder_named() {
    let entry = eni(4, 2);
    assert_eq!(give_requested(&entry, 1, &[], 0, &["10.0.3.13"]).unwrap(), ["10.0.3.13", "2600:1f:0:3::10"]);
    for state in [AddressState::Used, COOLING] {
        let error = give_requested(&entry, 1, &[usage(2, &["10.0.3.13"], state)], 0, &["10.0.3.13"]).unwrap_err();
        let error = cni::Error::from(error);
        assert_eq!(error.code, cni::Code::TRY_AGAIN);
        assert!(error.msg.contains("container c2"), "{error}");
    }
    assert!(matches!(give_requested(&entry, 1, &[], 0, &["10.0.3.10"]), Err(Error::PrimaryOfShared { .. })));
    let two = give_requested(&entry, 1, &[], 0, &["10.0.3.11", "10.0.3.12"]);
    assert!(matches!(two, Err(Error::OnePerFamily { count: 2, .. })));
}

#[test]
fn a_shared_eni_gives_one_address_whatever_addresses_says() {
    let (entry, owner) = (eni(4, 0), owner(1));
    let occupancy = Occupancy { uses: &[], owner: &owner, now: 0 };
    for (ipam, good) in [
        (json!({"addresses": "primary"}), true),
        (json!({"addresses": 1}), true),
        (json!({"addresses": 2}), false),
        (json!({"addresses": "all"}), false),
    ] {
        let config = config(&ipam);
        assert_eq!(shared(&entry, &wish(&config, &[]), &occupancy).is_ok(), good, "{ipam}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Add(usize),
    Del(usize),
    Wait(u64),
    Lose(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0usize..12).prop_map(Event::Add),
        (0usize..12).prop_map(Event::Del),
        (0u64..40).prop_map(Event::Wait),
        (11u8..19).prop_map(Event::Lose),
    ]
}

proptest! {
    /// Whatever comes in which order: no address has two users, none is given before its rest is over, none is given
    /// that EC2 does not have, and the same look gives the same answer.
    #[test]
    fn adr_3_no_address_is_given_twice_or_too_early(events in proptest::collection::vec(event(), 1..60)) {
        let (mut entry, mut uses, mut now) = (eni(9, 0), Vec::<AddressUse>::new(), 0);
        for event in events {
            match event {
                Event::Wait(seconds) => now += seconds,
                Event::Lose(last) => entry.ipv4_addresses.retain(|one| one.address.octets()[3] != last),
                Event::Del(n) => for usage in &mut uses {
                    if usage.owner == owner(n) && usage.state == AddressState::Used {
                        usage.state = AddressState::Cooling { until: now + 30 };
                    }
                },
                Event::Add(n) => {
                    let given = give(&entry, n, &uses, now);
                    prop_assert_eq!(format!("{given:?}"), format!("{:?}", give(&entry, n, &uses, now)));
                    let Ok(given) = given else { continue };
                    let address: IpAddr = given[0].parse().unwrap();
                    let others = || uses.iter().filter(|usage| usage.owner != owner(n) && usage.addresses == [address]);
                    prop_assert!(!others().any(|usage| usage.holds_at(now)));
                    prop_assert!(entry.ipv4_addresses.iter().any(|one| one.address == address && !one.primary));
                    uses.retain(|usage| usage.owner != owner(n) && usage.holds_at(now));
                    uses.push(usage(n, &[&given[0]], AddressState::Used));
                }
            }
        }
        let used = uses.iter().filter(|usage| usage.state == AddressState::Used);
        let used: Vec<_> = used.flat_map(|usage| &usage.addresses).collect();
        prop_assert_eq!(used.iter().collect::<BTreeSet<_>>().len(), used.len());
    }

    /// Every address answered is the ENI's, has a gateway, and every route a next hop of its family.
    #[test]
    fn rou_4_every_address_has_a_gateway_and_every_route_a_next_hop(
        ipv4 in 0usize..20, ipv6 in 0usize..9, count in 1usize..10, default_route: bool, vpc_routes: bool,
    ) {
        let entry = eni(ipv4, ipv6);
        let ipam = json!({"addresses": count, "defaultRoute": default_route, "vpcRoutes": vpc_routes});
        match whole(&entry, &ipam, &[]) {
            Err(_) => prop_assert!((1..count).contains(&ipv4) || (1..count).contains(&ipv6) || ipv4 + ipv6 == 0),
            Ok(result) => {
                for ip in &result.ips {
                    prop_assert!(entry.addresses().any(|assigned| assigned == ip.address.ip()));
                    prop_assert!(ip.gateway.is_some_and(|gateway| gateway.is_ipv4() == ip.address.is_ipv4()));
                }
                for route in &result.routes {
                    prop_assert!(route.gw.is_some_and(|gw| gw.is_ipv4() == route.dst.is_ipv4()));
                }
            }
        }
    }

    #[test]
    fn any_ipam_object_is_read_or_refused(text in "[a-z0-9\"{}:,\\[\\] ]{0,40}") {
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(&text) {
            drop(config_of(&value));
        }
        for key in ["addresses", "families", "routes", "chain", "defaultRoute"] {
            drop(config_of(&json!({ key: text })));
        }
    }
}
