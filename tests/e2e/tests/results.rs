//! What ADD answers, in each version of the specification, and what CHECK makes of it.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "a configuration is written where it is used")]

use e2e::lab::POOL;
use e2e::{Answer, CniError, FakeIpam, Invocation, Lab, PodNetns, binaries};
use serde_json::{Value, json};

const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

fn of_pool(version: &str, more: Value) -> Value {
    let mut config = json!({"cniVersion": version, "pool": POOL});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// Nothing stands in a result that its version does not have, and every index is of an interface of the pod's.
fn assert_well_formed(result: &Value, version: &str) {
    assert_eq!(result["cniVersion"], version, "{result:#}");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let is_new = version == "1.1.0";
    let of_interface: &[&str] =
        if is_new { &["name", "mac", "mtu", "sandbox", "socketPath", "pciID"] } else { &["name", "mac", "sandbox"] };
    let of_ip: &[&str] = if version.starts_with('0') {
        &["version", "interface", "address", "gateway"]
    } else {
        &["interface", "address", "gateway"]
    };
    let interfaces = result["interfaces"].as_array().unwrap();
    for interface in interfaces {
        assert!(keys(interface).iter().all(|key| of_interface.contains(&key.as_str())), "{result:#}");
    }
    for ip in result["ips"].as_array().unwrap() {
        assert!(keys(ip).iter().all(|key| of_ip.contains(&key.as_str())), "{result:#}");
        let interface = usize::try_from(ip["interface"].as_u64().unwrap()).unwrap();
        assert!(interfaces[interface]["sandbox"].is_string(), "{result:#}");
        let family = if ip["address"].as_str().unwrap().contains(':') { "6" } else { "4" };
        assert_eq!(ip.get("version"), version.starts_with('0').then(|| json!(family)).as_ref(), "{result:#}");
    }
}

#[test]
fn res_1_alone_the_result_has_the_one_interface_with_mac_and_sandbox() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    for version in VERSIONS {
        let call = lab.call(&pod, "c1", &of_pool(version, json!({"ipam": {"type": "multi-eni-ipam"}})));
        let result = call.run(&lab.host).result();
        assert_well_formed(&result, version);
        let mut expected = json!([{
            "name": "net1", "mac": lab.enis[0].mac().to_string(), "sandbox": pod.path().display().to_string(),
        }]);
        if version == "1.1.0" {
            expected[0]["mtu"] = json!(9001);
        }
        assert_eq!(result["interfaces"], expected);
        assert_eq!(result["ips"].as_array().unwrap().len(), 2, "{result:#}");
        call.verb("DEL").run(&lab.host).empty();
    }
}

/// What a `bridge` made before: two interfaces of the host's, and the pod's with two addresses.
fn of_a_bridge(version: &str, sandbox: &str) -> Value {
    let mut ips = json!([
        {"interface": 2, "address": "10.244.0.5/24", "gateway": "10.244.0.1"},
        {"interface": 2, "address": "fd00:244::5/64", "gateway": "fd00:244::1"},
    ]);
    if version.starts_with('0') {
        ips[0]["version"] = json!("4");
        ips[1]["version"] = json!("6");
    }
    json!({
        "cniVersion": version, "ips": ips, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd00:244::1"}],
        "interfaces": [
            {"name": "cni0", "mac": "02:11:00:00:00:01"}, {"name": "veth1", "mac": "02:11:00:00:00:02"},
            {"name": "eth0", "mac": "02:11:00:00:00:03", "sandbox": sandbox},
        ],
        "dns": {"nameservers": ["10.96.0.10"], "search": ["cluster.local"]},
    })
}

#[test]
fn res_1_behind_a_bridge_its_part_stays_as_it_was_and_ours_comes_after() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    for version in VERSIONS {
        let previous = of_a_bridge(version, &pod.path().display().to_string());
        let more = json!({"prevResult": previous, "ipam": {"type": "multi-eni-ipam"}});
        let call = lab.call(&pod, "c1", &of_pool(version, more));
        let result = call.run(&lab.host).result();
        assert_well_formed(&result, version);
        for (key, count) in [("interfaces", 3), ("ips", 2), ("routes", 2)] {
            let part = &result[key].as_array().unwrap()[..count];
            assert_eq!(json!(part), previous[key], "{result:#}");
        }
        assert_eq!(result["dns"], previous["dns"]);
        assert_eq!(result["interfaces"].as_array().unwrap().len(), 4);
        let ours: Vec<_> = result["ips"].as_array().unwrap()[2..].iter().map(|ip| &ip["interface"]).collect();
        assert_eq!(ours, [&json!(3), &json!(3)]);
        call.verb("DEL").run(&lab.host).empty();
    }
}

/// Debian's plugins read our result, and give it on with the same interfaces and addresses.
#[test]
fn res_1_tuning_sbr_and_portmap_after_it_take_the_result() {
    let lab = Lab::with_enis(1);
    // Debian's are of before 1.1.0.
    for (number, version) in VERSIONS.into_iter().filter(|version| *version != "1.1.0").enumerate() {
        let pod = lab.host.netns(&format!("pod{number}"));
        let ipam = json!({"ipam": {"type": "multi-eni-ipam", "families": ["ipv4"]}});
        let call = lab.call(&pod, "c1", &of_pool(version, ipam));
        let result = call.run(&lab.host).result();
        for (plugin, more) in [
            ("tuning", json!({"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}})),
            ("sbr", json!({})),
            ("portmap", json!({})),
        ] {
            let mut config = json!({"cniVersion": version, "name": "net", "type": plugin, "prevResult": result});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let next = Invocation::new(binaries::reference(plugin)).container("c1").ifname("net1").netns(pod.path());
            let given_on = next.config(&config).run(&lab.host).result();
            for key in ["interfaces", "ips"] {
                assert_eq!(given_on[key], result[key], "{plugin} {version}");
            }
        }
        assert_eq!(pod.command("cat").args(["/proc/sys/net/ipv4/conf/net1/arp_filter"]).run().trim(), "1");
        call.verb("DEL").run(&lab.host).empty();
    }
}

/// An answer of an IPAM plugin, as its version writes it.
fn answer(version: &str) -> Value {
    let (v4, v6) =
        (json!({"address": "10.0.1.11/24", "gateway": "10.0.1.1"}), json!({"address": "2001:db8:0:1::11/64"}));
    let mut ips = json!([v4, v6]);
    if version.starts_with('0') {
        ips[0]["version"] = json!("4");
        ips[1]["version"] = json!("6");
    }
    json!({"cniVersion": version, "ips": ips, "routes": [{"dst": "10.7.0.0/16", "gw": "10.0.1.1"}], "dns": {}})
}

#[test]
fn res_3_every_version_of_configuration_goes_with_every_version_of_ipam() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let fake = FakeIpam::install(lab.host.folder().join("fake"));
    for config in VERSIONS {
        for ipam in VERSIONS {
            fake.answers("ADD", &[Answer::Print(answer(ipam).to_string())]);
            let call = lab.call(&pod, "c1", &of_pool(config, json!({"ipam": {"type": "fake-ipam"}})));
            let call = call.search(fake.folder());
            let result = call.run(&lab.host).result();
            assert_well_formed(&result, config);
            assert_eq!(result["ips"].as_array().unwrap().len(), 2, "{config} {ipam}: {result:#}");
            assert_eq!(result["routes"], json!([{"dst": "10.7.0.0/16", "gw": "10.0.1.1"}]), "{config} {ipam}");
            assert_eq!(fake.calls_of("ADD").last().unwrap().config()["cniVersion"], config);
            call.verb("DEL").run(&lab.host).empty();
        }
    }
}

#[test]
fn res_3_an_answer_or_a_configuration_of_an_unknown_version_is_refused_and_undone() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let fake = FakeIpam::install(lab.host.folder().join("fake"));
    let before = (lab.host.snapshot(&[]), pod.snapshot());
    let same = || {
        before.0.assert_same(&lab.host.snapshot(&[]));
        before.1.assert_same(&pod.snapshot());
        assert!(lab.store().records().unwrap().is_empty());
    };
    fake.answers("ADD", &[Answer::addresses("1.9.9", &["10.0.1.11/24"])]);
    let call = lab.call(&pod, "c1", &of_pool("1.0.0", json!({"ipam": {"type": "fake-ipam"}}))).search(fake.folder());
    let error = call.run(&lab.host).error();
    assert!(error.msg.contains("1.9.9") || error.details.contains("1.9.9"), "{error:?}");
    assert_eq!(fake.calls_of("DEL").len(), 1);
    same();
    for version in ["1.9.9", "0.2.0", "0.1.0", "2.0.0"] {
        for verb in ["ADD", "DEL", "CHECK"] {
            let error = lab.call(&pod, "c1", &of_pool(version, json!({}))).verb(verb).run(&lab.host).error();
            assert_eq!(error.code, 1, "{verb} {version}: {error:?}");
            assert!(VERSIONS.iter().all(|known| format!("{error:?}").contains(known)), "{error:?}");
        }
        same();
    }
}

#[test]
fn res_3_version_is_told_whatever_version_is_asked_with() {
    let lab = Lab::with_enis(0);
    for stdin in [r#"{"cniVersion": "0.0.0"}"#, r#"{"cniVersion": "1.1.0"}"#, "", "{"] {
        let call = Invocation::new(binaries::multi_eni()).verb("VERSION").stdin(stdin);
        let told = call.run(&lab.host).result();
        assert!(VERSIONS.iter().all(|known| told["supportedVersions"].as_array().unwrap().contains(&json!(known))));
        assert!(told["cniVersion"].is_string(), "{told:#}");
    }
}

/// An attachment with the CHECK of it.
struct Attached {
    lab: Lab,
    pod: PodNetns,
    config: Value,
    result: Value,
}

impl Attached {
    fn new(more: Value) -> Self {
        let lab = Lab::with_enis(2);
        let pod = lab.host.netns("pod1");
        let config = of_pool("1.0.0", more);
        let result = lab.call(&pod, "c1", &config).run(&lab.host).result();
        Self { lab, pod, config, result }
    }

    fn check_with(&self, pod: &PodNetns, previous: &Value) -> Invocation {
        let mut config = self.config.clone();
        config["prevResult"] = previous.clone();
        self.lab.call(pod, "c1", &config).verb("CHECK")
    }

    fn check(&self) -> Invocation {
        self.check_with(&self.pod, &self.result)
    }

    fn is_fine(&self) {
        self.check().run(&self.lab.host).empty();
    }

    fn fault(&self, check: Invocation) -> CniError {
        let error = check.run(&self.lab.host).error();
        assert_eq!(error.code, 107, "{error:?}");
        error
    }

    fn inside(&self, script: &str) {
        self.pod.sh(script);
    }
}

#[test]
fn check_of_what_add_made_is_fine_also_when_a_later_plugin_changed_what_it_may() {
    let attached = Attached::new(json!({"sourceRouting": true, "ipam": {"type": "multi-eni-ipam"}}));
    attached.is_fine();
    attached.inside("ip link set net1 mtu 1400; ip route flush table 1000; ip addr add 10.0.1.101/32 dev net1");
    attached.is_fine();
}

#[test]
fn check_tells_of_a_link_or_an_address_that_is_gone_or_not_as_it_was() {
    let attached = Attached::new(json!({"ipam": {"type": "multi-eni-ipam"}}));
    for (fault, mending, word) in [
        ("ip link set net1 down", "ip link set net1 up; ip addr replace 2001:db8:0:1::11/64 dev net1 nodad", "down"),
        ("ip addr del 10.0.1.11/24 dev net1", "ip addr add 10.0.1.11/24 dev net1", "10.0.1.11"),
        (
            "ip addr del 2001:db8:0:1::11/64 dev net1",
            "ip addr add 2001:db8:0:1::11/64 dev net1 nodad",
            "2001:db8:0:1::11",
        ),
        ("ip link set net1 name other", "ip link set other name net1", "other"),
    ] {
        attached.inside(fault);
        let error = attached.fault(attached.check());
        assert!(error.msg.contains(word), "{fault}: {error:?}");
        attached.inside(mending);
        attached.is_fine();
    }
    let elsewhere = attached.lab.host.netns("pod2");
    attached.inside(&format!("ip link set net1 netns {}", elsewhere.path().display()));
    attached.fault(attached.check());
}

#[test]
fn check_minds_whose_namespace_and_whose_result_it_is_shown() {
    let attached = Attached::new(json!({"ipam": {"type": "multi-eni-ipam"}}));
    let other = attached.lab.host.netns("pod2");
    attached.fault(attached.check_with(&other, &attached.result));
    let mut strange = attached.result.clone();
    strange["interfaces"][0]["name"] = json!("net7");
    attached.fault(attached.check_with(&attached.pod, &strange));
    let mut strange = attached.result.clone();
    strange["ips"][0]["address"] = json!("10.0.1.55/24");
    attached.fault(attached.check_with(&attached.pod, &strange));
    attached.is_fine();
    attached.fault(attached.check().container("c2"));
    attached.fault(attached.check().ifname("net2"));
    attached.check().verb("DEL").run(&attached.lab.host).empty();
    attached.fault(attached.check());
}

#[test]
fn check_tells_of_an_eni_that_the_node_has_no_more() {
    let attached = Attached::new(json!({"ipam": {"type": "multi-eni-ipam"}}));
    attached.lab.store().remove_entry(&attached.lab.entry(0)).unwrap();
    let error = attached.fault(attached.check());
    assert!(error.msg.contains(attached.lab.enis[0].id().as_str()), "{error:?}");
}

#[test]
fn check_is_the_ipam_plugins_too() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let fake = FakeIpam::install(lab.host.folder().join("fake"));
    fake.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24"])]);
    fake.answers("CHECK", &[Answer::nothing(), Answer::fail(120, "the lease is gone")]);
    let mut config = of_pool("1.0.0", json!({"ipam": {"type": "fake-ipam"}}));
    config["prevResult"] = lab.call(&pod, "c1", &config).search(fake.folder()).run(&lab.host).result();
    let check = lab.call(&pod, "c1", &config).search(fake.folder()).verb("CHECK");
    check.run(&lab.host).empty();
    assert_eq!(fake.calls_of("CHECK")[0].config()["prevResult"], config["prevResult"]);
    let error = check.run(&lab.host).error();
    assert_eq!((error.code, error.msg.as_str()), (120, "the lease is gone"));
}
