//! What a network configuration may say, on a node where it would be done.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "a configuration is written where it is used")]

use std::collections::BTreeSet;

use e2e::lab::{POOL, of_pool};
use e2e::{Answer, FakeIpam, Invocation, Lab, Outcome, PodNetns, Snapshot};
use node::inventory::Entry;
use serde_json::{Value, json};

/// A node and a pod as they are before calls that have to change nothing.
struct Untouched {
    lab: Lab,
    pod: PodNetns,
    fake: FakeIpam,
    before: (Snapshot, Snapshot),
}

impl Untouched {
    fn new(enis: u8) -> Self {
        let lab = Lab::with_enis(enis);
        lab.host.command("ip").args(["link", "set", "eth1", "up", "mtu", "1450"]).run();
        let pod = lab.host.netns("pod1");
        let fake = FakeIpam::install(lab.host.folder().join("fake"));
        fake.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24", "2001:db8:0:1::11/64"])]);
        let before = Self::look(&lab, &pod);
        Self { lab, pod, fake, before }
    }

    /// The network, and all that the node has on record. Locks are files that stay.
    fn look(lab: &Lab, pod: &PodNetns) -> (Snapshot, Snapshot) {
        let records = ["inventory", "attachments", "addresses", "agent.json"].map(|name| lab.state_dir().join(name));
        let folders = records.into_iter().chain([lab.log_dir(), lab.host.folder().join("devinfo")]);
        let folders: Vec<String> = folders.map(|path| path.display().to_string()).collect();
        (lab.host.snapshot(&folders.iter().map(String::as_str).collect::<Vec<_>>()), pod.snapshot())
    }

    fn call(&self, config: Value) -> Invocation {
        self.lab.call(&self.pod, "c1", &config).search(self.fake.folder())
    }

    fn assert_untouched(&self) {
        let now = Self::look(&self.lab, &self.pod);
        self.before.0.assert_same(&now.0);
        self.before.1.assert_same(&now.1);
    }

    /// The refusal in words.
    fn refused(&self, call: &Invocation, codes: &[u32]) -> String {
        let outcome: Outcome = call.run(&self.lab.host);
        let error = outcome.error();
        assert!(codes.contains(&error.code), "{error:?}\n{}", outcome.output);
        assert!(!error.msg.contains('\n') && error.msg.len() <= 200, "{error:?}");
        self.assert_untouched();
        format!("{} {}", error.msg, error.details)
    }
}

#[test]
fn cfg_2_no_ipam_is_layer_2_only_whichever_way_it_is_not_there() {
    let scene = Untouched::new(1);
    for ipam in [json!({}), json!({"ipam": {}}), json!({"ipam": null})] {
        let call = scene.call(of_pool(ipam.clone()));
        let result = call.run(&scene.lab.host).result();
        assert_eq!((&result["ips"], &result["interfaces"][0]["name"]), (&json!([]), &json!("net1")), "{ipam}");
        assert_eq!(scene.pod.snapshot().about("link net1 up ").len(), 1);
        call.verb("DEL").run(&scene.lab.host).empty();
    }
    assert!(scene.fake.calls().is_empty());
}

#[test]
fn cfg_2_an_ipam_plugin_without_a_name_or_a_program_is_refused_before_anything_moves() {
    let scene = Untouched::new(1);
    for ipam in
        [json!({"type": ""}), json!({"type": 7}), json!({"type": "../fake-ipam"}), json!({"type": "a/b"}), json!([])]
    {
        scene.refused(&scene.call(of_pool(json!({"ipam": ipam}))), &[7]);
    }
    let missing =
        scene.call(of_pool(json!({"ipam": {"type": "no-such-ipam"}}))).env("CNI_PATH", "/opt/nowhere:/opt/else");
    let said = scene.refused(&missing, &[7]);
    for part in ["no-such-ipam", "/opt/nowhere", "/opt/else"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(scene.fake.calls().is_empty());
}

#[test]
fn cfg_3_a_value_that_is_no_address_or_name_is_refused_with_its_key() {
    let scene = Untouched::new(1);
    let long = "a".repeat(300);
    let own = |more: Value| {
        let mut ipam = json!({"type": "multi-eni-ipam"});
        ipam.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"ipam": ipam})
    };
    let bad = [
        ("pool", json!({"pool": "../data"})),
        ("pool", json!({"pool": "data\n"})),
        ("pool", json!({"pool": long})),
        ("pool", json!({"pool": [POOL]})),
        ("eni", json!({"eni": "eni-0/../x"})),
        ("eni", json!({"eni": "null"})),
        ("eni", json!({"eni": 5})),
        ("mac", json!({"mac": "02:00:00:00:00"})),
        ("mac", json!({"mac": "02:00:00:00:00:0g"})),
        ("mac", json!({"mac": "00:00:00:00:00:00"})),
        ("mac", json!({"mac": "ff:ff:ff:ff:ff:ff"})),
        ("mac", json!({"mac": "01:00:5e:00:00:01"})),
        ("mac", json!({"runtimeConfig": {"mac": "null"}})),
        ("deviceID", json!({"deviceID": "0000:00:06.8"})),
        ("deviceID", json!({"deviceID": "0000:00:20.0"})),
        ("deviceID", json!({"deviceID": "../../0000:00:06.0"})),
        ("deviceID", json!({"deviceID": ""})),
        ("pciBusID", json!({"pciBusID": "eth1"})),
        ("deviceID", json!({"runtimeConfig": {"deviceID": ["0000:00:06.0"]}})),
        ("device", json!({"device": ["eth1"]})),
        ("device", json!({"device": ""})),
        ("interfaceName", json!({"interfaceName": ""})),
        ("interfaceName", json!({"interfaceName": "."})),
        ("interfaceName", json!({"interfaceName": "all"})),
        ("interfaceName", json!({"interfaceName": "default"})),
        ("interfaceName", json!({"interfaceName": "\u{e0}"})),
        ("interfaceName", json!({"interfaceName": "a\tb"})),
        ("interfaceName", json!({"interfaceName": "eth\u{0}"})),
        ("interfaceName", json!({"interfaceName": "0123456789abcdef"})),
        ("interfaceName", json!({"interfaceName": 1})),
        ("mtu", json!({"mtu": 67})),
        ("mtu", json!({"mtu": -1500})),
        ("mtu", json!({"mtu": 1e30})),
        ("mtu", json!({"mtu": 4_294_967_296_u64})),
        ("mtu", json!({"mtu": true})),
        ("rpFilter", json!({"rpFilter": -1})),
        ("rpFilter", json!({"rpFilter": 256})),
        ("mode", json!({"mode": "NETDEV"})),
        ("mode", json!({"mode": ""})),
        ("mode", json!({"mode": "vfio-pci"})),
        ("vfioGroupOwner", json!({"vfioGroupOwner": "0:0"})),
        ("timeoutSeconds", json!({"timeoutSeconds": 3601})),
        ("timeoutSeconds", json!({"timeoutSeconds": "60"})),
        ("logFile", json!({"logFile": "/etc/multi-eni.log"})),
        ("logFile", json!({"logFile": "a/../../b"})),
        ("logLevel", json!({"logLevel": "INFO"})),
        ("sourceRouting", json!({"sourceRouting": "true"})),
        ("blockInstanceMetadata", json!({"blockInstanceMetadata": 1})),
        ("keepDown", json!({"keepDown": "no"})),
        ("keepDown", json!({"keepDown": true, "dad": true})),
        ("CNIDeviceInfoFile", json!({"runtimeConfig": {"CNIDeviceInfoFile": "/run/x.json"}})),
        ("CNIDeviceInfoFile", json!({"runtimeConfig": {"CNIDeviceInfoFile": "x.json"}})),
        ("ips", json!({"runtimeConfig": {"ips": ["null/32"]}, "ipam": {"type": "multi-eni-ipam"}})),
        ("ips", json!({"runtimeConfig": {"ips": "10.0.1.11"}, "ipam": {"type": "multi-eni-ipam"}})),
        ("ips", json!({"args": {"cni": {"ips": ["10.0.1.256"]}}, "ipam": {"type": "multi-eni-ipam"}})),
        ("addresses", own(json!({"addresses": -1}))),
        ("addresses", own(json!({"addresses": 0}))),
        ("addresses", own(json!({"addresses": "2"}))),
        ("families", own(json!({"families": []}))),
        ("families", own(json!({"families": ["ipx"]}))),
        ("routes", own(json!({"routes": [{"dst": "10.0.0.0/33"}]}))),
        ("routes", own(json!({"routes": [{"dst": "null"}]}))),
        ("routes", own(json!({"routes": [{"dst": "10.7.0.0/16", "gw": "10.0.1"}]}))),
        ("dns", json!({"dns": {"nameservers": "10.96.0.10"}})),
        ("prevResult", json!({"prevResult": {"cniVersion": "1.0.0", "ips": [{"address": "null/32"}]}})),
        ("name", json!({"name": ""})),
        ("name", json!({"name": "a/b"})),
    ];
    for (key, config) in bad {
        let said = scene.refused(&scene.call(of_pool(config.clone())), &[4, 6, 7]);
        assert!(said.contains(key), "{config}: {said}");
    }
}

#[test]
fn cfg_3_an_answer_of_ipam_that_is_no_address_is_refused_and_undone() {
    let scene = Untouched::new(1);
    for answer in [
        json!({"ips": [{"address": "null/32"}]}),
        json!({"ips": [{"address": "10.0.1.11"}]}),
        json!({"ips": [{"address": "10.0.1.11/33"}]}),
        json!({"ips": [{"address": "10.0.1.11/24", "gateway": "null"}]}),
        json!({"ips": [{"address": "10.0.1.11/24"}], "routes": [{"dst": "null"}]}),
        json!({"ips": [{"address": null}]}),
        json!({"ips": []}),
        json!({}),
    ] {
        let mut answer = answer;
        answer["cniVersion"] = json!("1.0.0");
        scene.fake.answers("ADD", &[Answer::Print(answer.to_string())]);
        let freed = scene.fake.calls_of("DEL").len();
        scene.refused(&scene.call(of_pool(json!({"ipam": {"type": "fake-ipam"}}))), &[6, 7]);
        assert_eq!(scene.fake.calls_of("DEL").len(), freed + 1, "{answer}");
    }
}

#[test]
fn cfg_3_what_is_no_configuration_at_all_is_refused() {
    let scene = Untouched::new(1);
    for stdin in ["", " ", "{", "null", "[]", "7", r#"{"cniVersion": 1}"#, "{\"name\": \"\u{feff}\"}", "\u{0}"] {
        scene.refused(&scene.call(json!({})).stdin(stdin), &[1, 6, 7]);
    }
    for (name, value) in [
        ("CNI_IFNAME", "sixteen-bytes-xy"),
        ("CNI_IFNAME", ".."),
        ("CNI_CONTAINERID", ""),
        ("CNI_CONTAINERID", "../c1"),
        ("CNI_COMMAND", "add"),
        ("CNI_ARGS", "K8S_POD_NAME"),
    ] {
        let said = scene.refused(&scene.call(of_pool(json!({}))).env(name, value), &[4]);
        assert!(said.contains(name), "{said}");
    }
    for name in ["CNI_IFNAME", "CNI_CONTAINERID", "CNI_NETNS"] {
        let said = scene.refused(&scene.call(of_pool(json!({}))).without(name), &[4]);
        assert!(said.contains(name), "{said}");
    }
    for path in ["/run/netns/none", "/proc/self/ns/net", "/etc/passwd", "pod1"] {
        scene.refused(&scene.call(of_pool(json!({}))).env("CNI_NETNS", path), &[3, 4, 8]);
    }
}

#[test]
fn a_key_that_is_nearly_one_of_ours_is_refused_with_ours_and_any_other_is_left_alone() {
    let scene = Untouched::new(1);
    for (key, meant) in [("sourceRoutin", "sourceRouting"), ("MTU", "mtu"), ("keepdown", "keepDown"), ("pol", "pool")] {
        let mut config = of_pool(json!({}));
        config[key] = json!(true);
        let said = scene.refused(&scene.call(config), &[2]);
        assert!(said.contains(key) && said.contains(meant), "{said}");
    }
    let near = scene.call(of_pool(json!({"ipam": {"type": "multi-eni-ipam", "defaultRout": true}})));
    assert!(scene.refused(&near, &[2]).contains("defaultRoute"));
    let call = scene.call(of_pool(json!({"vendor.example/hint": {"a": 1}, "somebodyElse": [1]})));
    drop(call.run(&scene.lab.host).result());
    call.verb("DEL").run(&scene.lab.host).empty();
}

/// A node whose first ENI sits at 0000:00:06.0 and whose second at 0000:00:07.0.
fn at_pci() -> Untouched {
    let scene = Untouched::new(2);
    for (index, pci) in ["0000:00:06.0", "0000:00:07.0"].into_iter().enumerate() {
        scene.lab.write_entry(&Entry { pci_address: Some(pci.parse().unwrap()), ..scene.lab.entry(index) });
    }
    let before = Untouched::look(&scene.lab, &scene.pod);
    Untouched { before, ..scene }
}

#[test]
fn mul_1_every_spelling_of_a_device_is_the_same_device() {
    let scene = at_pci();
    let pci = "0000:00:07.0";
    let mut macs = BTreeSet::new();
    for config in [
        json!({"deviceID": pci}),
        json!({"deviceID": "00:07.0"}),
        json!({"pciBusID": pci}),
        json!({"runtimeConfig": {"deviceID": pci}}),
        json!({"deviceID": pci, "pciBusID": "00:07.0"}),
        json!({"deviceID": pci, "pciBusID": pci, "runtimeConfig": {"deviceID": "00:07.0"}, "pool": POOL, "device": "eth2"}),
    ] {
        let call = scene.call(config.clone());
        let result = call.run(&scene.lab.host).result();
        macs.insert(result["interfaces"][0]["mac"].as_str().unwrap().to_string());
        call.verb("DEL").run(&scene.lab.host).empty();
    }
    assert_eq!(macs, BTreeSet::from([scene.lab.enis[1].mac().to_string()]));
}

#[test]
fn mul_1_spellings_that_mean_different_devices_are_refused() {
    let scene = at_pci();
    let (one, other) = ("0000:00:06.0", "0000:00:07.0");
    let [first, second] = [0, 1].map(|index| (scene.lab.enis[index].id().to_string(), scene.lab.enis[index].mac()));
    for config in [
        json!({"deviceID": one, "pciBusID": other}),
        json!({"deviceID": one, "runtimeConfig": {"deviceID": other}}),
        json!({"pciBusID": one, "runtimeConfig": {"deviceID": other}}),
        json!({"deviceID": one, "eni": second.0}),
        json!({"deviceID": other, "mac": first.1.to_string()}),
        json!({"eni": first.0, "device": "eth2"}),
        json!({"mac": first.1.to_string(), "runtimeConfig": {"mac": second.1.to_string()}}),
        json!({"deviceID": "0000:00:09.0"}),
        json!({}),
    ] {
        scene.refused(&scene.call(config), &[7]);
    }
}

#[test]
fn mtu_2_an_mtu_that_the_link_cannot_do_moves_nothing() {
    let scene = Untouched::new(1);
    let said = scene.refused(&scene.call(of_pool(json!({"mtu": 70000, "ipam": {"type": "fake-ipam"}}))), &[7]);
    assert!(said.contains("70000") && said.contains("65535"), "{said}");
    assert!(scene.fake.calls().is_empty(), "IPAM is not asked for what cannot be");
}

#[test]
fn mtu_2_unset_is_what_the_link_has_and_set_is_undone_by_del() {
    let scene = Untouched::new(1);
    for (mtu, expected) in [(Value::Null, 1450), (json!(1400), 1400), (json!(9001), 9001), (json!(1450), 1450)] {
        let call = scene.call(of_pool(json!({"cniVersion": "1.1.0", "mtu": mtu, "ipam": {"type": "fake-ipam"}})));
        assert_eq!(call.run(&scene.lab.host).result()["interfaces"][0]["mtu"], expected);
        assert!(scene.pod.snapshot().about("link net1 up ")[0].contains(&format!(" mtu {expected}")));
        call.verb("DEL").run(&scene.lab.host).empty();
        assert!(scene.lab.host.snapshot(&[]).about("link eth1 down ")[0].ends_with(" mtu 1450"));
    }
}

#[test]
fn mtu_2_less_than_ipv6_needs_goes_with_ipv4_alone() {
    let scene = Untouched::new(1);
    let small = of_pool(json!({"mtu": 1000, "ipam": {"type": "fake-ipam"}}));
    let said = scene.refused(&scene.call(small.clone()), &[7]);
    assert!(said.contains("1280"), "{said}");
    assert_eq!((scene.fake.calls_of("ADD").len(), scene.fake.calls_of("DEL").len()), (1, 1));
    scene.fake.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24"])]);
    drop(scene.call(small).run(&scene.lab.host).result());
    assert!(scene.pod.snapshot().about("link net1 up ")[0].contains(" mtu 1000"));
}

#[test]
fn mtu_2_a_small_mtu_of_the_host_is_as_good_a_reason_against_ipv6() {
    let scene = Untouched::new(1);
    scene.lab.host.command("ip").args(["link", "set", "eth1", "mtu", "1000"]).run();
    let before = Untouched::look(&scene.lab, &scene.pod);
    let scene = Untouched { before, ..scene };
    scene.refused(&scene.call(of_pool(json!({"ipam": {"type": "fake-ipam"}}))), &[7]);
    let call = scene.call(of_pool(json!({"mtu": 1280, "ipam": {"type": "fake-ipam"}})));
    drop(call.run(&scene.lab.host).result());
    assert_eq!(scene.pod.snapshot().about("address net1 2001:db8:0:1::11").len(), 1);
    call.verb("DEL").run(&scene.lab.host).empty();
    assert!(scene.lab.host.snapshot(&[]).about("link eth1 down ")[0].ends_with(" mtu 1000"));
}

fn ipv6(pod: &PodNetns) -> String {
    pod.command("ip").args(["-6", "address", "show", "dev", "net1", "scope", "global"]).run()
}

#[test]
fn ip6_1_an_address_is_usable_when_add_returns() {
    for (dad, disabled) in [(false, "0"), (true, "0"), (false, "1")] {
        let scene = Untouched::new(1);
        // A pod whose runtime leaves IPv6 off for new links.
        let disable = format!("echo {disabled} > /proc/sys/net/ipv6/conf/default/disable_ipv6");
        scene.pod.sh(&disable);
        let config = of_pool(json!({"dad": dad, "ipam": {"type": "multi-eni-ipam"}}));
        drop(scene.call(config).run(&scene.lab.host).result());
        let has = ipv6(&scene.pod);
        assert!(
            has.contains("2001:db8:0:1::11/64") && !has.contains("tentative") && !has.contains("dadfailed"),
            "{has}"
        );
        // A bind fails on an address that is tentative.
        scene.pod.run(|| std::net::UdpSocket::bind("[2001:db8:0:1::11]:0").map(drop)).unwrap();
    }
}

#[test]
fn ip6_1_a_duplicate_is_found_with_dad_only_and_undone() {
    let scene = Untouched::new(2);
    let other = scene.lab.host.netns("pod2");
    let own = json!({"eni": scene.lab.enis[1].id().to_string(), "ipam": {"type": "multi-eni-ipam"}});
    drop(scene.lab.call(&other, "c2", &own).run(&scene.lab.host).result());
    let before = Untouched::look(&scene.lab, &scene.pod);
    let scene = Untouched { before, ..scene };
    scene.fake.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24", "2001:db8:0:1::12/64"])]);
    let config = |dad: Value| of_pool(json!({"dad": dad, "ipam": {"type": "fake-ipam"}}));
    let said = scene.refused(&scene.call(config(json!(true))), &[999]);
    assert!(said.contains("2001:db8:0:1::12"), "{said}");
    assert_eq!(scene.fake.calls_of("DEL").len(), 1);
    drop(scene.call(config(json!(false))).run(&scene.lab.host).result());
    assert!(ipv6(&scene.pod).contains("2001:db8:0:1::12"));
}

#[test]
fn keep_down_gives_addresses_to_a_link_that_stays_down_and_takes_no_routes() {
    let scene = Untouched::new(1);
    let config = of_pool(json!({"keepDown": true, "ipam": {"type": "fake-ipam"}}));
    let call = scene.call(config.clone());
    let result = call.run(&scene.lab.host).result();
    let inside = scene.pod.snapshot();
    assert_eq!(inside.about("link net1 down ").len(), 1, "{inside:?}");
    assert_eq!(inside.about("address net1 ").len(), 2, "{inside:?}");
    let mut checked = config.clone();
    checked["prevResult"] = result;
    scene.call(checked).verb("CHECK").run(&scene.lab.host).empty();
    call.verb("DEL").run(&scene.lab.host).empty();
    let own = |more: Value| {
        let mut config = json!({"keepDown": true, "ipam": {"type": "multi-eni-ipam"}});
        config["ipam"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.call(of_pool(config))
    };
    let home = Untouched::look(&scene.lab, &scene.pod);
    let error = own(json!({})).run(&scene.lab.host).error();
    assert!(error.code == 7 && error.msg.contains("vpcRoutes"), "{error:?}");
    home.0.assert_same(&Untouched::look(&scene.lab, &scene.pod).0);
    drop(own(json!({"vpcRoutes": false})).run(&scene.lab.host).result());
}
