//! What ADD and DEL do to the kernel: names, addresses, routes, MTU, and what they refuse to touch.

#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "a configuration is written where it is used")]

use e2e::lab::POOL;
use e2e::{Answer, FakeIpam, Invocation, Lab, PodNetns};
use serde_json::{Value, json};

const OWN: &str = "multi-eni-ipam";

fn of_pool(more: Value) -> Value {
    let mut config = json!({"pool": POOL});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn ip(pod: &PodNetns, arguments: &str) -> String {
    pod.command("ip").args(arguments.split(' ')).run()
}

/// A refusal with this code that changes nothing on the node or in the pod.
fn refused(lab: &Lab, pod: &PodNetns, call: &Invocation, code: u64) -> String {
    // Lock files stay, on purpose.
    let records =
        ["inventory", "attachments", "addresses"].map(|name| lab.state_dir().join(name).display().to_string());
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let (before, inside) = (lab.host.snapshot(&records), pod.snapshot());
    let error = call.run(&lab.host).error();
    assert_eq!(u64::from(error.code), code, "{error:?}");
    before.assert_same(&lab.host.snapshot(&records));
    inside.assert_same(&pod.snapshot());
    format!("{} {}", error.msg, error.details)
}

#[test]
fn nam_3_a_name_that_is_taken_in_the_pod_is_in_nobodys_way_but_its_own() {
    let lab = Lab::with_enis(1);
    lab.host.command("ip").args(["link", "set", "eth1", "up"]).run();
    let pod = lab.host.netns("pod1");
    ip(&pod, "link add eth1 type bridge");
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": OWN}})));
    assert_eq!(call.run(&lab.host).result()["interfaces"][0]["name"], "net1");
    call.verb("DEL").run(&lab.host).empty();
    assert!(lab.host.command("ip").args(["link", "show", "eth1"]).run().contains("eth1"));
}

#[test]
fn nam_3_a_taken_ifname_is_refused_and_the_link_stays_up_under_its_name() {
    let lab = Lab::with_enis(1);
    lab.host.command("ip").args(["link", "set", "eth1", "up", "mtu", "1400"]).run();
    let pod = lab.host.netns("pod1");
    ip(&pod, "link add other type bridge");
    ip(&pod, "link property add dev other altname net1");
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": OWN}})));
    let text = refused(&lab, &pod, &call, 7);
    assert!(text.contains("interfaceName"), "{text}");
}

#[test]
fn nam_3_an_add_that_fails_late_puts_the_link_back_up_with_its_mtu_and_frees_the_address() {
    let lab = Lab::with_enis(1);
    lab.host.command("ip").args(["link", "set", "eth1", "up", "mtu", "1400"]).run();
    let fake = FakeIpam::install(lab.host.folder().join("ipam"));
    fake.answers("ADD", &[Answer::addresses("1.0.0", &["2001:db8:0:1::11/64"])]);
    let pod = lab.host.netns("pod1");
    let config = of_pool(json!({"mtu": 1000, "ipam": {"type": "fake-ipam"}}));
    let call = lab.call(&pod, "c1", &config).search(fake.folder());
    let text = refused(&lab, &pod, &call, 7);
    assert!(text.contains("1280"), "{text}");
    assert_eq!(fake.calls_of("DEL").len(), 1);
}

#[test]
fn nam_4_a_link_without_addresses_is_up_in_the_pod_and_down_at_home() {
    let lab = Lab::with_enis(1);
    lab.host.command("ip").args(["link", "set", "eth1", "up"]).run();
    let pod = lab.host.netns("pod1");
    let call = lab.call(&pod, "c1", &of_pool(json!({})));
    drop(call.run(&lab.host).result());
    assert!(ip(&pod, "link show net1").contains(",UP"), "up in the pod");
    call.verb("DEL").run(&lab.host).empty();
    assert!(!lab.host.command("ip").args(["link", "show", "eth1"]).run().contains(",UP"), "down at home");
}

#[test]
fn nam_4_altnames_go_along_and_come_back() {
    let lab = Lab::with_enis(1);
    lab.host
        .command("ip")
        .args(["link", "property", "add", "dev", "eth1", "altname", "enp0s6", "altname", "net1"])
        .run();
    let pod = lab.host.netns("pod1");
    let before = lab.host.snapshot(&[]);
    let call = lab.call(&pod, "c1", &of_pool(json!({})));
    drop(call.run(&lab.host).result());
    ip(&pod, "link set net1 mtu 1300");
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn rou_1_what_a_host_daemon_put_on_an_eni_is_cleaned_and_a_second_grab_too() {
    let lab = Lab::with_enis(1);
    let host = |script: &str| lab.host.command("sh").args(["-ec", script]).run();
    host(
        "ip link add uplink type bridge; ip addr add 10.9.0.2/24 dev uplink; ip link set uplink up; ip route add default via 10.9.0.1 dev uplink",
    );
    let pod = lab.host.netns("pod1");
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": OWN}})));
    for _ in 0..2 {
        host(
            "ip link set eth1 up; ip addr add 10.0.1.11/24 dev eth1; ip route add default via 10.0.1.1 dev eth1 metric 512
             ip route add default via 10.0.1.1 dev eth1 table 10001; ip rule add from 10.0.1.11 lookup 10001 priority 100
             ip rule add to 10.0.1.101 lookup 10001 priority 101; ip rule add from 10.9.0.2 lookup 7 priority 102",
        );
        drop(call.run(&lab.host).result());
        let rules = host("ip rule");
        assert!(!rules.contains("10.0.1.1") && rules.contains("10.9.0.2"), "{rules}");
        let routes = host("ip route show table all");
        assert!(!routes.contains("eth1") && routes.contains("default via 10.9.0.1 dev uplink"), "{routes}");
        pod.command("ping").args(["-c1", "-W5", "10.0.1.1"]).run();
        call.clone().verb("DEL").run(&lab.host).empty();
        host("ip rule del from 10.9.0.2");
    }
}

#[test]
fn rou_3_the_pods_default_route_stays_where_it_is() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    ip(&pod, "link add eth0 type bridge");
    ip(&pod, "addr add 10.244.0.5/24 dev eth0");
    ip(&pod, "link set eth0 up");
    ip(&pod, "route add default via 10.244.0.1 dev eth0");
    let fake = FakeIpam::install(lab.host.folder().join("ipam"));
    let answer = json!({
        "cniVersion": "1.0.0", "ips": [{"address": "10.0.1.11/24", "gateway": "10.0.1.1"}], "routes": [{"dst": "0.0.0.0/0"}],
    });
    fake.answers("ADD", &[Answer::Print(answer.to_string())]);
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": "fake-ipam"}}))).search(fake.folder());
    assert_eq!(call.run(&lab.host).result()["routes"], json!([]));
    assert_eq!(ip(&pod, "route show default").trim(), "default via 10.244.0.1 dev eth0");
    call.verb("DEL").run(&lab.host).empty();
    let asked = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": OWN, "defaultRoute": true}})));
    assert!(refused(&lab, &pod, &asked, 7).contains("defaultRoute"));
}

#[test]
fn rou_3_two_enis_of_one_subnet_answer_each_by_its_own_link_and_leave_no_rule() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    let inside = pod.snapshot();
    let config = of_pool(json!({"sourceRouting": true, "blockInstanceMetadata": true, "ipam": {"type": OWN}}));
    let calls = ["net1", "net2"].map(|name| lab.call(&pod, "c1", &config).ifname(name));
    for call in &calls {
        drop(call.run(&lab.host).result());
    }
    for (source, link) in [("10.0.1.11", "net1"), ("10.0.1.12", "net2"), ("2001:db8:0:1::12", "net2")] {
        let target = if source.contains(':') { "2001:db8:0:2::1" } else { "10.0.2.1" };
        let route = ip(&pod, &format!("route get {target} from {source}"));
        assert!(route.contains(&format!("dev {link}")), "{route}");
        let metadata = if source.contains(':') { "fd00:ec2::254" } else { "169.254.169.254" };
        let output = pod.command("ip").args(["route", "get", metadata, "from", source]).output();
        assert!(!output.status.success(), "{metadata} is blocked");
    }
    for call in calls {
        call.verb("DEL").run(&lab.host).empty();
    }
    inside.assert_same(&pod.snapshot());
}

#[test]
fn rou_5_rp_filter_is_set_on_the_pods_link_only() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    pod.command("sh").args(["-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"]).run();
    let read = "cat /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/conf/default/rp_filter";
    let before = lab.host.command("sh").args(["-c", read]).run();
    drop(lab.call(&pod, "c1", &of_pool(json!({"rpFilter": 2}))).run(&lab.host).result());
    assert_eq!(pod.command("cat").args(["/proc/sys/net/ipv4/conf/net1/rp_filter"]).run().trim(), "2");
    assert_eq!(pod.command("cat").args(["/proc/sys/net/ipv4/conf/all/rp_filter"]).run().trim(), "1");
    assert_eq!(lab.host.command("sh").args(["-c", read]).run(), before);
}

#[test]
fn mtu_2_an_mtu_is_applied_and_restored_or_refused_before_anything_moves() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let before = lab.host.snapshot(&[]);
    for (mtu, expected) in [(json!(1400), 1400), (Value::Null, 9001)] {
        let call = lab.call(&pod, "c1", &of_pool(json!({"cniVersion": "1.1.0", "mtu": mtu})));
        assert_eq!(call.run(&lab.host).result()["interfaces"][0]["mtu"], expected);
        assert!(ip(&pod, "link show net1").contains(&format!("mtu {expected}")));
        call.verb("DEL").run(&lab.host).empty();
        before.assert_same(&lab.host.snapshot(&[]));
    }
    for bad in [json!(70000), json!(1), json!("1500"), json!(-1)] {
        let call = lab.call(&pod, "c1", &of_pool(json!({"mtu": bad})));
        assert!(refused(&lab, &pod, &call, 7).contains("mtu"));
    }
}

#[test]
fn ip6_1_no_address_is_tentative_when_add_returns() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    pod.command("sh").args(["-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"]).run();
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": OWN, "families": ["ipv6"]}})));
    drop(call.run(&lab.host).result());
    let addresses = ip(&pod, "-6 addr show dev net1");
    assert!(addresses.contains("2001:db8:0:1::11/64") && !addresses.contains("tentative"), "{addresses}");
}

#[test]
fn ip6_1_detection_is_waited_for_and_a_duplicate_is_refused() {
    let lab = Lab::with_enis(2);
    let pods = ["c1", "c2"].map(|name| lab.host.netns(name));
    let config = of_pool(json!({"dad": true, "ipam": {"type": OWN, "families": ["ipv6"]}}));
    drop(lab.call(&pods[0], "c1", &config).run(&lab.host).result());
    assert!(!ip(&pods[0], "-6 addr show dev net1 scope global").contains("tentative"));
    let fake = FakeIpam::install(lab.host.folder().join("ipam"));
    fake.answers("ADD", &[Answer::addresses("1.0.0", &["2001:db8:0:1::11/64"])]);
    let config = of_pool(json!({"dad": true, "ipam": {"type": "fake-ipam"}}));
    let duplicate = lab.call(&pods[1], "c2", &config).search(fake.folder());
    let text = refused(&lab, &pods[1], &duplicate, 999);
    assert!(text.contains("2001:db8:0:1::11/64 is in use by another host"), "{text}");
}

#[test]
fn res_1_the_result_is_added_to_that_of_the_plugins_before() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let sandbox = pod.path().display().to_string();
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let mut address = json!({"interface": 2, "address": "10.244.0.5/24", "gateway": "10.244.0.1"});
        if version.starts_with('0') {
            address["version"] = json!("4");
        }
        let previous = json!({
            "cniVersion": version, "interfaces": [{"name": "br0"}, {"name": "veth1"}, {"name": "net1", "sandbox": sandbox}],
            "ips": [address], "routes": [{"dst": "0.0.0.0/0"}], "dns": {"nameservers": ["10.96.0.10"]},
        });
        let config = json!({
            "cniVersion": version, "pool": POOL, "interfaceName": "data0", "prevResult": previous,
            "ipam": {"type": OWN, "families": ["ipv4"]},
        });
        let call = lab.call(&pod, "c1", &config);
        let result = call.run(&lab.host).result();
        assert_eq!(result["cniVersion"], version);
        assert_eq!(result["interfaces"].as_array().unwrap().len(), 4, "{result:#}");
        assert_eq!(result["interfaces"][3]["name"], "data0");
        assert_eq!(result["interfaces"][3]["sandbox"], json!(sandbox));
        assert_eq!(result["interfaces"][3]["mac"], json!(lab.entry(0).mac_address.to_string()));
        assert_eq!(result["interfaces"][3].get("mtu").is_some(), version == "1.1.0");
        assert_eq!((&result["ips"][0]["interface"], &result["ips"][1]["interface"]), (&json!(2), &json!(3)));
        assert_eq!(result["ips"][1].get("version").is_some(), version.starts_with('0'));
        assert_eq!(result["dns"]["nameservers"][0], "10.96.0.10");
        call.verb("DEL").run(&lab.host).empty();
        let mut without_name = config.clone();
        without_name.as_object_mut().unwrap().remove("interfaceName");
        let refusal = refused(&lab, &pod, &lab.call(&pod, "c1", &without_name), 7);
        assert!(refusal.contains("interfaceName"), "{refusal}");
    }
}

#[test]
fn res_3_an_answer_of_ipam_is_read_in_its_own_version() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let fake = FakeIpam::install(lab.host.folder().join("ipam"));
    for config in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        for ipam in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
            fake.answers("ADD", &[Answer::addresses(ipam, &["10.0.1.11/24"])]);
            let call = lab.call(&pod, "c1", &of_pool(json!({"cniVersion": config, "ipam": {"type": "fake-ipam"}})));
            let call = call.search(fake.folder());
            let result = call.run(&lab.host).result();
            assert_eq!((&result["cniVersion"], &result["ips"][0]["address"]), (&json!(config), &json!("10.0.1.11/24")));
            call.verb("DEL").run(&lab.host).empty();
        }
    }
    let unknown = lab.call(&pod, "c1", &of_pool(json!({"cniVersion": "1.9.9"})));
    assert!(refused(&lab, &pod, &unknown, 1).contains("1.1.0"));
}

#[test]
fn cfg_2_an_absent_ipam_is_layer_2_only_and_a_broken_one_is_refused() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    for ipam in [json!({}), json!({"ipam": {}}), json!({"ipam": null})] {
        let call = lab.call(&pod, "c1", &of_pool(ipam));
        assert_eq!(call.run(&lab.host).result()["ips"], json!([]));
        call.verb("DEL").run(&lab.host).empty();
    }
    for ipam in ["", "nowhere", "../multi-eni-ipam"] {
        let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": ipam}})));
        let text = refused(&lab, &pod, &call, 7);
        assert!(ipam != "nowhere" || (text.contains("nowhere") && text.contains("CNI_PATH")), "{text}");
    }
}

#[test]
fn cfg_3_bad_values_are_refused_and_change_nothing() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let bad = json!([
        {"pool": "A/B"}, {"pool": ""}, {"pool": 7}, {"pool": "../x"}, {"eni": "eni-"}, {"eni": "eni-XYZ45678"},
        {"eni": null, "pool": null}, {"mac": "02:00"}, {"mac": "01:00:5e:00:00:01"}, {"mac": "null"}, {"device": ""},
        {"device": "eth7"}, {"deviceID": "0000:00:06"}, {"deviceID": "null"}, {"deviceID": "0000:00:06.0/../x"},
        {"interfaceName": "a/b"}, {"interfaceName": ".."}, {"interfaceName": "sixteen-bytes-xy"}, {"interfaceName": "a b"},
        {"interfaceName": "eth%d"}, {"interfaceName": "a:b"}, {"mtu": "null"}, {"mtu": 1.5}, {"rpFilter": 3},
        {"rpFilter": "1"}, {"mode": "dpdk"}, {"mode": "vfio-pci"}, {"timeoutSeconds": 0}, {"timeoutSeconds": -1},
        {"logFile": "/etc/passwd"}, {"logFile": "../x"}, {"logLevel": "loud"}, {"dad": 1}, {"keepDown": true, "dad": true},
        {"vfioGroupOwner": "0:0"}, {"runtimeConfig": {"deviceID": 6}}, {"runtimeConfig": {"CNIDeviceInfoFile": "/etc/x"}},
        {"ipam": {"type": "multi-eni-ipam", "addresses": 0}}, {"ipam": {"type": "multi-eni-ipam", "families": ["ipx"]}},
        {"runtimeConfig": {"ips": ["10.0.1.11/33"]}, "ipam": {"type": "multi-eni-ipam"}},
        {"runtimeConfig": {"ips": ["10.0.1.200"]}, "ipam": {"type": "multi-eni-ipam"}},
    ]);
    for config in bad.as_array().unwrap() {
        refused(&lab, &pod, &lab.call(&pod, "c1", &of_pool(config.clone())), 7);
    }
    for (name, value) in
        [("CNI_IFNAME", "a/b"), ("CNI_IFNAME", ""), ("CNI_CONTAINERID", "-x"), ("CNI_CONTAINERID", "a/b")]
    {
        let call = lab.call(&pod, "c1", &of_pool(json!({}))).env(name, value);
        assert!(refused(&lab, &pod, &call, 4).contains(name));
    }
    let near = lab.call(&pod, "c1", &of_pool(json!({"sourceRoutin": true})));
    assert!(refused(&lab, &pod, &near, 2).contains("sourceRouting"));
}

#[test]
fn sec_1_what_is_written_is_private_and_no_secret_is_logged() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let config =
        of_pool(json!({"token": "S3CR3T", "logFile": "plugin.log", "logLevel": "trace", "ipam": {"type": OWN}}));
    let call = lab.call(&pod, "c1", &config);
    lab.host.run(|| nix::sys::stat::umask(nix::sys::stat::Mode::empty()));
    let outcome = call.run(&lab.host);
    drop(outcome.result());
    assert!(!format!("{outcome:?}").contains("S3CR3T"));
    let log = std::fs::read_to_string(lab.log_dir().join("plugin.log")).unwrap();
    assert!(log.contains("\"containerId\":\"c1\"") && !log.contains("S3CR3T"), "{log}");
    let find = "find \"$0\" \"$1\" -type d ! -perm 700 -o -type f ! -perm 600";
    let (state, logs) = (lab.state_dir().display().to_string(), lab.log_dir().display().to_string());
    assert_eq!(lab.host.command("sh").args(["-c", find, &state, &logs]).run(), "");
}

#[test]
fn sec_3_a_configuration_cannot_reach_what_the_node_does_not_give() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let script = "ip link add eth0 type veth peer name eth0p; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip link set eth0p up
                  ip route add default via 10.9.0.1; ip link add spare type veth peer name sparep";
    lab.host.command("sh").args(["-ec", script]).run();
    for config in [
        json!({"device": "eth0"}),
        json!({"device": "spare"}),
        json!({"device": "eth0p"}),
        json!({"device": "spare", "stateDir": "/tmp", "sysfsRoot": "/tmp"}),
        json!({"device": "eth1", "pool": "other"}),
    ] {
        refused(&lab, &pod, &lab.call(&pod, "c1", &config), 106);
    }
    let link = lab.host.command("ip").args(["-o", "link", "show", "spare"]).run();
    let mac = link.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_string();
    lab.write_settings(&format!("[allow]\nmac_addresses = [\"{mac}\"]"));
    let call = lab.call(&pod, "c1", &json!({"device": "spare"}));
    let before = lab.host.snapshot(&[]);
    drop(call.run(&lab.host).result());
    call.clone().verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
    lab.host.command("ip").args(["addr", "add", "10.8.0.1/24", "dev", "spare"]).run();
    refused(&lab, &pod, &call, 106);
    refused(&lab, &pod, &lab.call(&pod, "c1", &json!({"device": "eth0"})), 106);
}

#[test]
fn sec_3_a_pods_own_link_with_the_enis_mac_does_not_come_home_in_its_place() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let call = lab.call(&pod, "c1", &of_pool(json!({})));
    let before = lab.host.snapshot(&[]);
    drop(call.run(&lab.host).result());
    let mac = lab.entry(0).mac_address;
    ip(&pod, &format!("link add aaa address {mac} link net1 type macvlan"));
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn check_tells_what_is_not_as_add_made_it() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let config = of_pool(json!({"ipam": {"type": OWN, "families": ["ipv4"]}}));
    let result = lab.call(&pod, "c1", &config).run(&lab.host).result();
    let mut checked = config;
    checked["prevResult"] = result;
    let check = lab.call(&pod, "c1", &checked).verb("CHECK");
    check.run(&lab.host).empty();
    for (break_it, mend_it) in [
        ("ip link set net1 down", "ip link set net1 up"),
        ("ip addr del 10.0.1.11/24 dev net1", "ip addr add 10.0.1.11/24 dev net1"),
        (
            "ip link set net1 down; ip link set net1 name x",
            "ip link set x name net1; ip link set net1 up; ip addr replace 10.0.1.11/24 dev net1",
        ),
    ] {
        pod.command("sh").args(["-ec", break_it]).run();
        assert_eq!(u64::from(check.run(&lab.host).error().code), 107, "{break_it}");
        pod.command("sh").args(["-ec", mend_it]).run();
        check.run(&lab.host).empty();
    }
    ip(&pod, "link set net1 mtu 1400");
    check.run(&lab.host).empty();
}
