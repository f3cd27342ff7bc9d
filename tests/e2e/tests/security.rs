//! What an author of network configurations, and a pod, cannot reach.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "a configuration is written where it is used")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use e2e::lab::{POOL, pool};
use e2e::{Answer, FakeIpam, Invocation, Lab, PodNetns, binaries};
use node::inventory::{Entry, Sharing};
use serde_json::{Value, json};

const SECRET: &str = "S3CR3T-of-an-author";

/// The MAC as the node's `ip` tells it: /sys is the machine's.
fn mac_of(lab: &Lab, link: &str) -> String {
    let words = lab.host.command("ip").args(["-o", "link", "show", link]).run();
    words.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_string()
}

/// Not of the device, nor because of the rest of the configuration: the plugin may not take it.
fn refused(lab: &Lab, pod: &PodNetns, config: Value) -> String {
    let records =
        ["inventory", "attachments", "addresses"].map(|name| lab.state_dir().join(name).display().to_string());
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let (before, inside) = (lab.host.snapshot(&records), pod.snapshot());
    let error = lab.call(pod, "c1", &config).run(&lab.host).error();
    assert_eq!(error.code, 106, "{config}: {error:?}");
    before.assert_same(&lab.host.snapshot(&records));
    inside.assert_same(&pod.snapshot());
    format!("{} {}", error.msg, error.details)
}

fn works(lab: &Lab, pod: &PodNetns, config: Value) {
    let before = lab.host.snapshot(&[]);
    let call = lab.call(pod, "c1", &config);
    drop(call.run(&lab.host).result());
    assert_eq!(pod.snapshot().about("link net1 ").len(), 1);
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
}

/// The plugin as a program that a runtime without any umask starts.
fn without_umask(lab: &Lab) -> std::path::PathBuf {
    let path = lab.host.folder().join("multi-eni");
    fs::write(&path, format!("#!/bin/sh\numask 000\nexec {} \"$@\"\n", binaries::multi_eni().display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What is not private below these folders.
fn open_to_others(lab: &Lab) -> String {
    let folders = [lab.state_dir(), lab.log_dir()].map(|folder| folder.display().to_string());
    let find = "find \"$0\" \"$1\" -type d ! -perm 700 -o ! -type d ! -perm 600";
    lab.host.command("sh").args(["-ec", find, &folders[0], &folders[1]]).run()
}

#[test]
fn sec_1_every_file_is_private_whatever_the_umask() {
    let lab = Lab::with_enis(1);
    fs::remove_dir_all(lab.state_dir().join("attachments")).unwrap();
    fs::remove_dir_all(lab.state_dir().join("lock")).unwrap();
    let pod = lab.host.netns("pod1");
    let config = json!({
        "pool": POOL, "logFile": "plugin.log", "logLevel": "trace", "sourceRouting": true, "ipam": {"type": "multi-eni-ipam"},
    });
    let call = lab.call_of(&without_umask(&lab), &pod, "c1", &config);
    let result = call.run(&lab.host).result();
    assert_eq!(fs::read_dir(lab.state_dir().join("attachments")).unwrap().count(), 1);
    assert!(lab.log_dir().join("plugin.log").exists());
    assert_eq!(open_to_others(&lab), "");
    let mut checked = config;
    checked["prevResult"] = result;
    lab.call_of(&without_umask(&lab), &pod, "c1", &checked).verb("CHECK").run(&lab.host).empty();
    call.verb("DEL").run(&lab.host).empty();
    assert_eq!(open_to_others(&lab), "");
}

#[test]
fn sec_1_a_secret_of_the_configuration_is_in_no_log_and_no_error() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let fake = FakeIpam::install(lab.host.folder().join("fake"));
    fake.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24"]), Answer::fail(120, "no")]);
    let config = json!({
        "pool": POOL, "token": SECRET, "kubernetes": {"token": SECRET}, "args": {"labels": [{"key": "t", "value": SECRET}]},
        "logFile": "plugin.log", "logLevel": "trace", "ipam": {"type": "fake-ipam", "password": SECRET},
    });
    let call = lab.call(&pod, "c1", &config).search(fake.folder()).args(&format!("IgnoreUnknown=1;TOKEN={SECRET}"));
    let says_nothing = |outcome: &e2e::Outcome| {
        let told = format!("{}{}", String::from_utf8_lossy(&outcome.output.stdout), outcome.output.stderr);
        assert!(!told.contains(SECRET), "{told}");
    };
    for verb in ["ADD", "DEL", "DEL", "ADD"] {
        says_nothing(&call.clone().verb(verb).run(&lab.host));
    }
    let mut broken = config.clone();
    broken["mtu"] = json!("no");
    says_nothing(&lab.call(&pod, "c1", &broken).search(fake.folder()).run(&lab.host));
    let cut = config.to_string();
    says_nothing(&call.clone().stdin(&cut[..cut.len() - 1]).run(&lab.host));
    let log = fs::read_to_string(lab.log_dir().join("plugin.log")).unwrap();
    assert!(log.lines().count() > 4 && !log.contains(SECRET), "{log}");
    assert!(log.lines().all(|line| line.contains(r#""containerId":"c1""#)), "{log}");
}

#[test]
fn sec_3_the_link_of_the_hosts_default_route_is_never_taken() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    lab.host.sh("ip link add eth0 type veth peer name far; ip link set eth0 up; ip link set far up
         ip addr add 10.9.0.2/24 dev eth0; ip addr add fd09::2/64 dev eth0 nodad");
    for (make, unmake) in [
        ("ip route add default via 10.9.0.1 dev eth0", "ip route del default"),
        ("ip -6 route add default via fd09::1 dev eth0", "ip -6 route del default"),
        ("ip route add default nexthop via 10.9.0.1 dev eth0 nexthop via 10.9.0.3 dev eth0", "ip route del default"),
    ] {
        lab.host.sh(make);
        lab.write_settings(&format!("[allow]\nmac_addresses = [\"{}\"]", mac_of(&lab, "eth0")));
        let said = refused(&lab, &pod, json!({"device": "eth0"}));
        assert!(said.contains("default route"), "{make}: {said}");
        lab.host.sh(unmake);
    }
}

#[test]
fn sec_3_the_primary_eni_is_never_taken_whatever_pool_it_is_of() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let primary = Entry { device_index: 0, network_card_index: 0, ..lab.entry(0) };
    lab.write_entry(&primary);
    for settings in [String::new(), format!("[allow]\nmac_addresses = [\"{}\"]", primary.mac_address)] {
        lab.write_settings(&settings);
        for config in [
            json!({"device": "eth1"}),
            json!({"eni": primary.network_interface_id}),
            json!({"mac": primary.mac_address}),
            json!({"eni": primary.network_interface_id, "pool": POOL}),
        ] {
            assert!(refused(&lab, &pod, config).contains("primary"));
        }
    }
    let error = lab.call(&pod, "c1", &json!({"pool": POOL})).run(&lab.host).error();
    assert_eq!(error.code, 11, "{error:?}");
}

#[test]
fn sec_3_a_device_of_another_pool_or_of_a_shared_one_is_not_this_ones() {
    let lab = Lab::with_enis(3);
    let pod = lab.host.netns("pod1");
    let of = |index: usize, name: &str, sharing: Sharing| {
        let pci = format!("0000:00:0{}.0", index + 6).parse().unwrap();
        lab.write_entry(&Entry { pool: Some(pool(name, sharing)), pci_address: Some(pci), ..lab.entry(index) });
    };
    of(0, POOL, Sharing::Exclusive);
    of(1, "tenant-b", Sharing::Exclusive);
    of(2, "shared", Sharing::Shared);
    for config in [
        json!({"pool": POOL, "device": "eth2"}),
        json!({"pool": POOL, "deviceID": "0000:00:07.0"}),
        json!({"pool": POOL, "runtimeConfig": {"deviceID": "0000:00:07.0"}}),
        json!({"pool": POOL, "eni": lab.enis[1].id().to_string()}),
        json!({"pool": POOL, "mac": lab.enis[1].mac().to_string()}),
    ] {
        assert!(refused(&lab, &pod, config).contains(POOL));
    }
    assert!(refused(&lab, &pod, json!({"device": "eth3"})).contains("shared"));
    works(&lab, &pod, json!({"pool": "tenant-b", "deviceID": "0000:00:07.0"}));
}

#[test]
fn sec_3_a_link_that_others_are_built_on_or_that_is_part_of_one_is_left_alone() {
    for (tie, word) in [
        ("ip link add br0 type bridge; ip link set eth1 master br0", "br0"),
        ("ip link add mv0 link eth1 type macvlan", "mv0"),
        ("ip link add mv0 link eth1 address MAC type macvlan", "mv0"),
    ] {
        let lab = Lab::with_enis(1);
        let pod = lab.host.netns("pod1");
        lab.host.sh(&tie.replace("MAC", &lab.enis[0].mac().to_string()));
        for config in [json!({"device": "eth1"}), json!({"eni": lab.enis[0].id().to_string()})] {
            assert!(refused(&lab, &pod, config).contains(word), "{tie}");
        }
        let before = lab.host.snapshot(&[]);
        let error = lab.call(&pod, "c1", &json!({"pool": POOL})).run(&lab.host).error();
        assert_eq!(error.code, 11, "{tie}: {error:?}");
        before.assert_same(&lab.host.snapshot(&[]));
        // What is built on it is no way to it either, not even where the node allows it by its MAC.
        refused(&lab, &pod, json!({"device": word}));
        lab.write_settings(&format!("[allow]\nmac_addresses = [\"{}\"]", mac_of(&lab, word)));
        refused(&lab, &pod, json!({"device": word}));
    }
}

#[test]
fn sec_3_what_no_pool_has_is_taken_only_if_the_node_allows_it() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    lab.host.sh("ip link add spare type veth peer name far");
    let spare = mac_of(&lab, "spare");
    // An ENI that the agent knows, but that is of no pool.
    let free = Entry { pool: None, ..lab.entry(1) };
    lab.write_entry(&free);
    let eni = json!({"eni": free.network_interface_id});
    let widening = json!({
        "device": "spare", "stateDir": "/tmp", "state_dir": "/tmp", "sysfsRoot": "/tmp", "nodeToml": "/tmp/x",
        "allow": {"mac_addresses": [spare]}, "runtimeConfig": {"allow": {"mac_addresses": [spare]}},
    });
    for config in [json!({"device": "spare"}), json!({"mac": spare}), eni.clone(), json!({"device": "eth2"}), widening]
    {
        assert!(refused(&lab, &pod, config).contains("node.toml"));
    }
    for (allow, config) in [
        (format!("mac_addresses = [\"{spare}\"]"), json!({"device": "spare"})),
        (format!("mac_addresses = [\"{0}-{0}\"]", free.mac_address), json!({"device": "eth2"})),
        (format!("subnet_ids = [\"{}\"]", free.subnet.id), eni.clone()),
    ] {
        lab.write_settings(&format!("[allow]\n{allow}"));
        works(&lab, &pod, config);
    }
    lab.write_settings(
        "[allow]\nmac_addresses = [\"02:99:00:00:00:00-02:99:ff:ff:ff:ff\"]\nsubnet_ids = [\"subnet-0\"]",
    );
    refused(&lab, &pod, json!({"device": "spare"}));
    refused(&lab, &pod, eni);
}

#[test]
fn sec_3_an_allowed_device_with_something_of_the_hosts_is_left_alone() {
    let lab = Lab::with_enis(0);
    let pod = lab.host.netns("pod1");
    lab.host.sh("ip link add spare type veth peer name far; ip link set spare up; ip link set far up");
    lab.write_settings(&format!("[allow]\nmac_addresses = [\"{}\"]", mac_of(&lab, "spare")));
    for (make, unmake) in [
        ("ip addr add 10.8.0.1/24 dev spare", "ip addr del 10.8.0.1/24 dev spare"),
        ("ip addr add fd08::1/64 dev spare nodad", "ip addr del fd08::1/64 dev spare"),
        ("ip route add 10.7.0.0/16 dev spare", "ip route del 10.7.0.0/16 dev spare"),
        ("ip route add 10.7.0.0/16 dev spare table 77", "ip route del 10.7.0.0/16 dev spare table 77"),
        ("ip -6 route add fd07::/64 dev spare", "ip -6 route del fd07::/64 dev spare"),
        ("ip rule add iif spare lookup 77", "ip rule del iif spare lookup 77"),
        ("ip -6 rule add oif spare lookup 77", "ip -6 rule del oif spare lookup 77"),
    ] {
        lab.host.sh(make);
        assert!(refused(&lab, &pod, json!({"device": "spare"})).contains("spare"), "{make}");
        lab.host.sh(unmake);
    }
    lab.host.sh("ip link set spare down");
    works(&lab, &pod, json!({"device": "spare"}));
}

#[test]
fn sec_3_what_a_pod_makes_to_look_like_the_eni_does_not_come_home_in_its_place() {
    for disguise in [
        "ip link add aaa address MAC link net1 type macvlan",
        "ip link add aaa address MAC type bridge; ip link set aaa alias ENI",
        "ip link set net1 down; ip link set net1 name zzz; ip link add net1 address MAC type bridge",
        "ip link set net1 address 02:66:66:66:66:66; ip link add aaa address MAC type bridge",
    ] {
        let lab = Lab::with_enis(1);
        let pod = lab.host.netns("pod1");
        let before = lab.host.snapshot(&[]);
        let entry = lab.entry(0);
        let call = lab.call(&pod, "c1", &json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}}));
        drop(call.run(&lab.host).result());
        let script =
            disguise.replace("MAC", &entry.mac_address.to_string()).replace("ENI", entry.network_interface_id.as_str());
        pod.sh(&script);
        call.verb("DEL").run(&lab.host).empty();
        let changes = before.changes_to(&lab.host.snapshot(&[]));
        assert_eq!(changes, "", "{disguise}");
    }
}

#[test]
fn sec_3_one_pods_del_takes_nothing_of_anothers() {
    let lab = Lab::with_enis(1);
    let pods = ["pod1", "pod2"].map(|name| lab.host.netns(name));
    let config = json!({"pool": POOL});
    drop(lab.call(&pods[0], "c1", &config).run(&lab.host).result());
    let held = pods[0].snapshot();
    let eni = json!({"eni": lab.enis[0].id().to_string()});
    let strange: [Invocation; 4] = [
        lab.call(&pods[0], "c2", &eni),
        lab.call(&pods[1], "c2", &config),
        lab.call(&pods[0], "c1", &config).ifname("net2"),
        lab.call(&pods[0], "c1", &json!({"name": "other-net", "pool": POOL})),
    ];
    for call in strange {
        call.verb("DEL").run(&lab.host).empty();
        held.assert_same(&pods[0].snapshot());
    }
    let error = lab.call(&pods[1], "c2", &eni).run(&lab.host).error();
    assert!(error.code == 103 && error.msg.contains("c1") && error.msg.contains("c2"), "{error:?}");
}
