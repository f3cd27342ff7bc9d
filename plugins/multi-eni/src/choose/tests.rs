use super::*;
use node::host::View;
use node::netlink::{Address, Gateway, Route, Rule};
use node::pci::{DriverOverride, Function};
use serde_json::{Value, json};

fn entry(number: u8, more: &Value) -> Entry {
    let mut entry = json!({
        "networkInterfaceId": format!("eni-0123456789abcde{number:02x}"), "macAddress": format!("02:00:00:00:00:{number:02x}"),
        "pciAddress": format!("0000:00:{number:02x}.0"),
        "subnet": {"id": "subnet-1", "ipv4Cidr": "10.0.1.0/24"}, "vpc": {},
        "ipv4Addresses": [{"address": format!("10.0.1.{number}"), "primary": true}], "pool": {"name": "data"},
        "deviceIndex": number, "networkCardIndex": 0, "hostName": format!("eth{number}"), "state": "ready",
    });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(entry).unwrap()
}

fn link(number: u8) -> Link {
    let mac = Some(format!("02:00:00:00:00:{number:02x}").parse().unwrap());
    Link { index: u32::from(number), name: format!("eth{number}"), mac, mtu: 9001, ..Link::default() }
}

/// eth0 is the host's; eth1 and eth2 are ENIs of the pool; eth9 is nobody's.
fn world() -> World {
    let default = Route {
        gateway: Some(Gateway { address: "10.0.0.1".parse().unwrap(), onlink: false }),
        ..Route::to("0.0.0.0/0".parse().unwrap(), 20)
    };
    let eth0 = Link { index: 20, name: "eth0".to_string(), ..link(0x20) };
    World {
        host: View { links: vec![eth0, link(1), link(2), link(9)], routes: vec![default], ..View::default() },
        inventory: vec![entry(2, &json!({})), entry(1, &json!({}))],
        records: Vec::new(),
        functions: Vec::new(),
        unfit: Vec::new(),
        agent_was_here: true,
    }
}

fn by(keys: &Value) -> Selector {
    let text = |key: &str| keys.get(key).and_then(Value::as_str);
    Selector {
        pool: text("pool").map(|text| text.parse().unwrap()),
        eni: text("eni").map(|text| text.parse().unwrap()),
        mac: text("mac").map(|text| text.parse().unwrap()),
        device: text("device").map(ToString::to_string),
        pci: text("pci").map(|text| text.parse().unwrap()),
    }
}

fn chosen(world: &World, keys: &Value, allow: Option<&Allow>) -> Result<String, String> {
    let owner = Owner { network: "net".to_string(), container_id: "c1".to_string(), ifname: "net1".to_string() };
    let mode = keys.get("mode").map(|mode| serde_json::from_value(mode.clone()).unwrap());
    match choose(world, &by(keys), allow, Asker { owner: &owner, pod: None, mode }) {
        Ok(Choice::Take(taken)) => Ok(taken.link.map_or("none".to_string(), |link| link.name)),
        Ok(Choice::IfDead(_, refusal)) | Err(refusal) => Err(format!("{} {refusal}", refusal.code())),
    }
}

#[test]
fn the_lowest_free_index_of_a_pool_is_taken() {
    assert_eq!(chosen(&world(), &json!({"pool": "data"}), None).unwrap(), "eth1");
}

#[test]
fn every_way_of_naming_means_the_same_device() {
    let ways =
        json!({"eni": "eni-0123456789abcde02", "mac": "02:00:00:00:00:02", "device": "eth2", "pci": "0000:00:02.0"});
    for (key, value) in ways.as_object().unwrap() {
        assert_eq!(chosen(&world(), &json!({ key: value }), None).unwrap(), "eth2", "{key}");
    }
    assert_eq!(chosen(&world(), &ways, None).unwrap(), "eth2");
    let error = chosen(&world(), &json!({"device": "eth1", "pci": "0000:00:02.0"}), None).unwrap_err();
    assert!(error.starts_with("7 ") && error.contains("different devices"), "{error}");
    let error = chosen(&world(), &json!({"device": "eth2", "pool": "other"}), None).unwrap_err();
    assert!(error.starts_with("106 "), "{error}");
    assert!(chosen(&world(), &json!({}), None).unwrap_err().starts_with("7 "));
    assert!(chosen(&world(), &json!({"device": "eth7"}), None).unwrap_err().starts_with("7 "));
}

#[test]
fn sec_3_what_is_bound_to_the_host_is_refused_by_every_way_of_naming_it() {
    let mut world = world();
    let bridge = Link { index: 30, name: "br0".to_string(), kind: Some("bridge".to_string()), ..link(0x30) };
    let vlan =
        Link { index: 31, name: "eth2.5".to_string(), lower: Some(2), kind: Some("vlan".to_string()), ..link(2) };
    world.host.links[1].master = Some(30);
    world.host.links.extend([bridge, vlan]);
    let everything = Allow {
        mac_addresses: vec!["02:00:00:00:00:00-02:00:00:00:00:ff".to_string().try_into().unwrap()],
        ..Allow::default()
    };
    for (keys, why) in [
        (json!({"device": "eth0"}), "default route"),
        (json!({"mac": "02:00:00:00:00:20"}), "default route"),
        (json!({"device": "eth1"}), "belongs to br0"),
        (json!({"eni": "eni-0123456789abcde01"}), "belongs to br0"),
        (json!({"eni": "eni-0123456789abcde02"}), "eth2: eth2.5 is on top of it"),
    ] {
        let error = chosen(&world, &keys, Some(&everything)).unwrap_err();
        assert!(error.starts_with("106 ") && error.contains(why), "{keys}: {error}");
    }
    let primary = World { inventory: vec![entry(1, &json!({"deviceIndex": 0}))], ..self::world() };
    for keys in [json!({"device": "eth1"}), json!({"pool": "data"}), json!({"pci": "00:01.0"})] {
        assert!(chosen(&primary, &keys, Some(&everything)).unwrap_err().contains("primary"), "{keys}");
    }
}

#[test]
fn sec_3_what_is_of_no_pool_needs_leave_of_the_node_and_nothing_of_the_hosts_on_it() {
    let mut world = world();
    let keys = json!({"device": "eth9"});
    assert!(chosen(&world, &keys, None).unwrap_err().contains("node.toml does not allow it"));
    let allow = Allow { mac_addresses: vec!["02:00:00:00:00:09".to_string().try_into().unwrap()], ..Allow::default() };
    assert_eq!(chosen(&world, &keys, Some(&allow)).unwrap(), "eth9");
    let address = |text: &str, link_local| Address {
        link: 9,
        network: text.parse().unwrap(),
        link_local,
        tentative: false,
        duplicate: false,
    };
    world.host.addresses = vec![address("fe80::1/64", true)];
    assert_eq!(chosen(&world, &keys, Some(&allow)).unwrap(), "eth9");
    world.host.addresses = vec![address("10.0.1.9/24", false)];
    assert!(chosen(&world, &keys, Some(&allow)).unwrap_err().contains("the host's address 10.0.1.9"));
    world.host.addresses.clear();
    world.host.routes.push(Route { table: 77, ..Route::to("10.5.0.0/16".parse().unwrap(), 9) });
    assert!(chosen(&world, &keys, Some(&allow)).unwrap_err().contains("the host's route"));
    world.host.routes.pop();
    let rule = Rule { iif: Some("eth9".to_string()), ..Rule::from_source("0.0.0.0/0".parse().unwrap(), 7, 7) };
    world.host.rules = vec![rule];
    assert!(chosen(&world, &keys, Some(&allow)).unwrap_err().contains("the host's rule"));
}

#[test]
fn rou_1_a_default_route_of_a_daemon_does_not_make_an_eni_the_hosts() {
    let mut world = world();
    world.host.routes.push(Route { priority: 512, ..Route::to("0.0.0.0/0".parse().unwrap(), 1) });
    assert_eq!(chosen(&world, &json!({"eni": "eni-0123456789abcde01"}), None).unwrap(), "eth1");
}

#[test]
fn states_and_absence_are_reasons_to_try_again_or_to_look_elsewhere() {
    let mut world = world();
    world.inventory[1].state = State::Cooling;
    assert_eq!(chosen(&world, &json!({"pool": "data"}), None).unwrap(), "eth2");
    assert!(chosen(&world, &json!({"device": "eth1"}), None).unwrap_err().starts_with("11 "));
    world.host.links.retain(|link| link.name != "eth2");
    let error = chosen(&world, &json!({"pool": "data"}), None).unwrap_err();
    assert!(error.starts_with("11 ") && error.contains("1 not ready, 1 refused"), "{error}");
    assert!(chosen(&world, &json!({"pool": "none"}), None).unwrap_err().starts_with("11 "));
    assert!(chosen(&world, &json!({"pci": "00:02.0"}), None).unwrap_err().starts_with("103 "));
}

fn function(number: u8, driver: Option<&str>) -> Function {
    Function {
        address: format!("0000:00:{number:02x}.0").parse().unwrap(),
        vendor: 0x1d0f,
        device: 0xec20,
        class: 0x02_0000,
        driver: driver.map(ToString::to_string),
        driver_override: DriverOverride::Unread,
        group: None,
        companions: Vec::new(),
        numa_node: None,
        links: Vec::new(),
    }
}

/// The first ENI of a world has no link, and this driver; its pool is of this mode.
fn without_link(driver: Option<&str>, mode: &str) -> World {
    let mut world = world();
    world.host.links.retain(|link| link.name != "eth1");
    world.inventory = vec![entry(1, &json!({"pool": {"name": "data", "mode": mode}}))];
    world.functions = vec![function(1, driver)];
    world
}

#[test]
fn a_device_without_a_link_is_free_for_user_space_if_user_space_or_nobody_has_it() {
    let by_pci = json!({"pci": "00:01.0"});
    for (driver, taken) in [(Some("vfio-pci"), true), (Some("igb_uio"), true), (None, true), (Some("ena"), false)] {
        for keys in [&by_pci, &json!({"pool": "data"})] {
            let chosen = chosen(&without_link(driver, "vfio-pci"), keys, None);
            // Which driver that is nobody else may say than who names the device.
            let taken = taken && (keys == &by_pci || driver != Some("igb_uio"));
            assert_eq!(chosen.is_ok(), taken, "{driver:?}: {chosen:?}");
        }
    }
    let error = chosen(&without_link(Some("ena"), "vfio-pci"), &by_pci, None).unwrap_err();
    assert!(error.starts_with("103 ") && error.contains("no record says"), "{error}");
}

#[test]
fn what_user_space_has_is_no_network_device_but_for_who_says_so() {
    let world = without_link(Some("vfio-pci"), "netdev");
    let error = chosen(&world, &json!({"pci": "00:01.0"}), None).unwrap_err();
    assert!(error.starts_with("103 ") && error.contains("vfio-pci and has no link"), "{error}");
    assert_eq!(chosen(&world, &json!({"pci": "00:01.0", "mode": "vfio-pci"}), None).unwrap(), "none");
}

#[test]
fn what_the_agent_never_saw_and_has_no_link_is_refused() {
    let world = World { inventory: Vec::new(), ..without_link(Some("vfio-pci"), "netdev") };
    let error = chosen(&world, &json!({"pci": "00:01.0", "mode": "vfio-pci"}), None).unwrap_err();
    assert!(error.starts_with("106 ") && error.contains("0000:00:01.0"), "{error}");
}

#[test]
fn dev_4_what_the_kubelet_gives_out_is_taken_by_its_device_id_only() {
    let mut world = world();
    let pool = json!({"pool": {"name": "data", "resourceName": "example.com/data"}});
    world.inventory = vec![entry(2, &pool), entry(1, &pool)];
    for keys in [json!({"pool": "data"}), json!({"eni": "eni-0123456789abcde01"}), json!({"device": "eth1"})] {
        let error = chosen(&world, &keys, None).unwrap_err();
        let names = error.contains("pool data") && error.contains("example.com/data") && error.contains("deviceID");
        assert!(error.starts_with("7 ") && names, "{keys}: {error}");
    }
    assert_eq!(chosen(&world, &json!({"pci": "00:01.0"}), None).unwrap(), "eth1");
    assert_eq!(chosen(&world, &json!({"pci": "00:01.0", "pool": "data"}), None).unwrap(), "eth1");
    let error = chosen(&world, &json!({"pci": "00:01.0", "pool": "fast"}), None).unwrap_err();
    assert!(error.starts_with("106 ") && error.contains("pool data") && error.contains("pool fast"), "{error}");
}

#[test]
fn a_release_goes_on_with_the_next_attachment_only_where_it_is_the_devices() {
    let unfinished = |pending: &Value| {
        let mut world = world();
        world.records = vec![
            serde_json::from_value(json!({
                "owner": {"network": "net", "containerId": "c0", "ifname": "net1"}, "device": entry(1, &json!({})).device(),
                "mode": "netdev", "namespace": {"path": "/gone", "identity": {"device": 4, "inode": 7}},
                "interfaceName": "net1", "leftovers": [], "phase": "released", "pending": pending,
                "call": {"config": {}, "path": "", "args": ""},
            }))
            .unwrap(),
        ];
        let owner = Owner { network: "net".to_string(), container_id: "c1".to_string(), ifname: "net1".to_string() };
        let asker = Asker { owner: &owner, pod: None, mode: None };
        let Choice::Take(taken) = choose(&world, &by(&json!({"pool": "data"})), None, asker).unwrap() else { panic!() };
        taken.unfinished.is_some()
    };
    assert!(unfinished(&json!({"device": true, "ipam": true})));
    assert!(!unfinished(&json!({"ipam": true})));
}

#[test]
fn one_eni_that_cannot_go_to_user_space_keeps_no_pod_from_the_others() {
    let keys = json!({"pool": "data"});
    let mut world = world();
    let pool = json!({"pool": {"name": "data", "mode": "vfio-pci"}});
    world.inventory = vec![entry(2, &pool), entry(1, &pool)];
    world.host.links.retain(|link| link.name != "eth1");
    world.functions = vec![function(1, None), function(2, Some("ena"))];
    let address = |number: usize| world.functions[number - 1].address;
    let (first, second) = (address(1), address(2));
    let shared = |address| Unfit::Refused(node::pci::Refusal::NoGroup(address));
    for why in [Unfit::InUse, shared(first)] {
        world.unfit = vec![(first, why)];
        assert_eq!(chosen(&world, &keys, None).unwrap(), "eth2");
    }
    // As a network device it is as good as any.
    assert_eq!(chosen(&world, &json!({"pool": "data", "mode": "netdev"}), None).unwrap(), "eth2");
    world.unfit = vec![(first, Unfit::InUse), (second, shared(second))];
    let error = chosen(&world, &keys, None).unwrap_err();
    assert!(error.starts_with("11 ") && error.contains("1 not ready, 1 refused"), "{error}");
    world.unfit = vec![(first, shared(first)), (second, shared(second))];
    let error = chosen(&world, &keys, None).unwrap_err();
    assert!(error.starts_with("105 ") && error.contains("0000:00:01.0"), "{error}");
}
