//! A moved ENI has the addresses that EC2 has on it, and no others without a word.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "a configuration is written where it is used")]

use e2e::lab::POOL;
use e2e::{Answer, FakeIpam, Invocation, Lab, PodNetns};
use serde_json::{Value, json};

fn call(lab: &Lab, pod: &PodNetns, ipam: Value, more: Value) -> Invocation {
    let mut config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    config["ipam"].as_object_mut().unwrap().extend(ipam.as_object().unwrap().clone());
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    lab.call(pod, "c1", &config)
}

fn addresses(result: &Value) -> Vec<&str> {
    result["ips"].as_array().unwrap().iter().map(|ip| ip["address"].as_str().unwrap()).collect()
}

/// What the kernel has on `net1`, in the order of the addresses asked for.
fn are_in_the_kernel(pod: &PodNetns, expected: &[&str]) {
    let snapshot = pod.snapshot();
    let mut found: Vec<&str> =
        snapshot.about("address net1 ").iter().map(|fact| fact.split(' ').nth(2).unwrap()).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn adr_1_the_enis_own_addresses_with_the_subnets_gateway() {
    let lab = Lab::with_enis(1);
    lab.enis[0].assign("10.0.1.201").unwrap();
    lab.write_entry(&lab.entry(0));
    let pod = lab.host.netns("pod1");
    let all = ["10.0.1.11/24", "10.0.1.101/24", "10.0.1.201/24", "2001:db8:0:1::11/64"];
    for (ipam, expected) in [
        (json!({}), vec![all[0], all[3]]),
        (json!({"addresses": "primary"}), vec![all[0], all[3]]),
        (json!({"addresses": "all"}), all.to_vec()),
        (json!({"addresses": 1}), vec![all[0], all[3]]),
        (json!({"addresses": 2, "families": ["ipv4"]}), vec![all[0], all[1]]),
        (json!({"addresses": "all", "families": ["ipv6"]}), vec![all[3]]),
    ] {
        let add = call(&lab, &pod, ipam.clone(), json!({}));
        let result = add.run(&lab.host).result();
        assert_eq!(addresses(&result), expected, "{ipam}");
        for ip in result["ips"].as_array().unwrap() {
            let gateway = if ip["address"].as_str().unwrap().contains(':') { "fe80:ec2::1" } else { "10.0.1.1" };
            assert_eq!((&ip["gateway"], &ip["interface"]), (&json!(gateway), &json!(0)), "{ipam}");
        }
        are_in_the_kernel(&pod, &expected);
        for address in expected.iter().filter(|address| !address.contains(':')) {
            let source = address.split('/').next().unwrap();
            pod.command("ping").args(["-c1", "-W5", "-I", source, "10.0.1.1"]).run();
        }
        add.verb("DEL").run(&lab.host).empty();
    }
}

#[test]
fn adr_1_more_addresses_than_the_eni_has_are_refused() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let (before, inside) = (lab.host.snapshot(&[]), pod.snapshot());
    let error = call(&lab, &pod, json!({"addresses": 3, "families": ["ipv4"]}), json!({})).run(&lab.host).error();
    assert!(format!("{error:?}").contains(&lab.enis[0].id().to_string()), "{error:?}");
    before.assert_same(&lab.host.snapshot(&[]));
    inside.assert_same(&pod.snapshot());
}

#[test]
fn adr_1_the_addresses_are_those_of_the_device_that_is_attached() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    let by_mac = json!({"mac": lab.enis[1].mac().to_string()});
    let result = call(&lab, &pod, json!({"families": ["ipv4"]}), by_mac).run(&lab.host).result();
    assert_eq!(addresses(&result), ["10.0.1.12/24"]);
    assert_eq!(result["interfaces"][0]["mac"], json!(lab.enis[1].mac().to_string()));
}

#[test]
fn adr_1_a_foreign_ipam_plugin_is_told_of_the_eni_and_its_strange_address_is_reported() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let fake = FakeIpam::install(lab.host.folder().join("fake"));
    let add = lab.call(&pod, "c1", &json!({"pool": POOL, "ipam": {"type": "fake-ipam"}})).search(fake.folder());
    for (address, is_strange) in [("10.9.0.2/24", true), ("10.0.1.101/24", false)] {
        fake.answers("ADD", &[Answer::addresses("1.0.0", &[address])]);
        let outcome = add.run(&lab.host);
        assert_eq!(addresses(&outcome.result()), [address]);
        let bare = address.split('/').next().unwrap();
        let warns = |line: &str| line.contains("warn") && line.contains(bare) && line.contains("EC2");
        assert_eq!(outcome.output.stderr.lines().any(warns), is_strange, "{}", outcome.output);
        add.clone().verb("DEL").run(&lab.host).empty();
    }
    let asked = fake.calls_of("ADD")[0].config();
    let facts = &asked["networkInterface"];
    assert_eq!(facts["macAddress"], json!(lab.enis[0].mac().to_string()), "{asked:#}");
    assert_eq!(facts["ipv4Addresses"][0]["address"], "10.0.1.11", "{asked:#}");
    assert_eq!(facts["subnet"]["ipv4Cidr"], "10.0.1.0/24", "{asked:#}");
}

#[test]
fn adr_1_addresses_that_the_runtime_asks_for_are_given_in_their_order_of_rank() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let ways = [
        (json!({"runtimeConfig": {"ips": ["10.0.1.101/24"]}, "args": {"cni": {"ips": ["10.0.1.11"]}}}), ""),
        (json!({"args": {"cni": {"ips": ["10.0.1.101"]}}}), "IP=10.0.1.11"),
        (json!({}), "IgnoreUnknown=1;IP=10.0.1.101/24"),
    ];
    for (more, args) in ways {
        let add = call(&lab, &pod, json!({"families": ["ipv4"]}), more.clone()).args(args);
        assert_eq!(addresses(&add.run(&lab.host).result()), ["10.0.1.101/24"], "{more} {args}");
        are_in_the_kernel(&pod, &["10.0.1.101/24"]);
        add.verb("DEL").run(&lab.host).empty();
    }
}

#[test]
fn adr_1_an_asked_for_address_that_ec2_has_not_on_the_eni_is_refused_whoever_asks() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    let (before, inside) = (lab.host.snapshot(&[]), pod.snapshot());
    let eni = json!(lab.enis[0].id().to_string());
    // The second is the other ENI's.
    for address in ["10.0.1.200", "10.0.1.12", "10.9.0.2", "2001:db8:0:1::12"] {
        for (more, args) in [
            (json!({"eni": eni, "runtimeConfig": {"ips": [address]}}), String::new()),
            (json!({"eni": eni, "args": {"cni": {"ips": [address]}}}), String::new()),
            (json!({"eni": eni}), format!("IP={address}")),
        ] {
            let error = call(&lab, &pod, json!({}), more).args(&args).run(&lab.host).error();
            assert!(format!("{error:?}").contains(address), "{error:?}");
            before.assert_same(&lab.host.snapshot(&[]));
            inside.assert_same(&pod.snapshot());
        }
    }
}
