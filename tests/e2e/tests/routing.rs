//! Routes and rules: what a host daemon left, what the pod has, and what several ENIs in one pod need.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "a configuration is written where it is used")]

use e2e::lab::of_pool;
use e2e::{Answer, FakeIpam, Invocation, Lab, PodNetns, binaries};
use serde_json::{Value, json};

const OWN: &str = "multi-eni-ipam";

/// The pod's primary network, in both families.
fn give_primary(pod: &PodNetns) {
    pod.sh("ip link add eth0 type bridge; ip link set eth0 up
         ip addr add 10.244.0.5/24 dev eth0; ip addr add fd00:244::5/64 dev eth0 nodad
         ip route add default via 10.244.0.1 dev eth0; ip route add default via fd00:244::1 dev eth0");
}

fn with_fake(lab: &Lab, answer: Value) -> FakeIpam {
    let fake = FakeIpam::install(lab.host.folder().join("fake"));
    fake.answers("ADD", &[Answer::Print(answer.to_string())]);
    fake
}

fn refused(lab: &Lab, pod: &PodNetns, call: &Invocation, code: u32) -> String {
    let (before, own) = (lab.host.snapshot(&[]), pod.snapshot());
    let error = call.run(&lab.host).error();
    assert_eq!(error.code, code, "{error:?}");
    before.assert_same(&lab.host.snapshot(&[]));
    own.assert_same(&pod.snapshot());
    assert!(lab.store().records().unwrap().is_empty());
    error.msg
}

#[test]
fn rou_1_what_a_daemon_put_on_an_eni_in_both_families_is_gone_and_the_hosts_own_stays() {
    let lab = Lab::with_enis(2);
    lab.host.sh("ip link add uplink type bridge; ip link set uplink up
         ip addr add 10.9.0.2/24 dev uplink; ip addr add fd09::2/64 dev uplink nodad
         ip route add default via 10.9.0.1 dev uplink metric 100; ip route add default via fd09::1 dev uplink metric 100",
    );
    let before = lab.host.snapshot(&[]);
    let grab = |link: &str, v4: &str, v6: &str| {
        lab.host.sh(&format!(
            "ip link set {link} up; ip addr add {v4}/24 dev {link}; ip addr add {v6}/64 dev {link} nodad
                 ip route add default via 10.0.1.1 dev {link} metric 512 proto dhcp
                 ip route add default via fe80:ec2::1 dev {link} metric 512 proto ra
                 ip route add 10.0.0.0/16 via 10.0.1.1 dev {link} table 10001
                 ip route add default via 10.0.1.1 dev {link} table 10001
                 ip rule add from {v4} lookup 10001 priority 10001; ip rule add to {v4}/32 lookup 10001 priority 10002
                 ip -6 rule add from {v6} lookup 10001 priority 10001",
        ));
    };
    let pod = lab.host.netns("pod1");
    let eni = lab.enis[0].id().to_string();
    let call = lab.call(&pod, "c1", &json!({"eni": eni, "ipam": {"type": OWN}}));
    for _ in 0..2 {
        grab("eth1", "10.0.1.11", "2001:db8:0:1::11");
        drop(call.run(&lab.host).result());
        let changes = before.changes_to(&lab.host.snapshot(&[]));
        assert_eq!(changes.lines().count(), 1, "{changes}");
        assert!(changes.starts_with("- link eth1 "), "{changes}");
        pod.command("ping").args(["-c1", "-W5", "10.0.1.1"]).run();
        call.clone().verb("DEL").run(&lab.host).empty();
        before.assert_same(&lab.host.snapshot(&[]));
    }
    // What is there for the other ENI is nobody's business here.
    grab("eth2", "10.0.1.12", "2001:db8:0:1::12");
    let grabbed = lab.host.snapshot(&[]);
    drop(call.run(&lab.host).result());
    call.verb("DEL").run(&lab.host).empty();
    grabbed.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn rou_1_an_eni_of_the_pool_that_became_the_hosts_only_way_out_is_left_alone() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    lab.host.sh(
        "ip link set eth1 up; ip addr add 10.0.1.11/24 dev eth1; ip route add default via 10.0.1.1 dev eth1 metric 512",
    );
    let named = json!({"eni": lab.enis[0].id().to_string()});
    assert!(refused(&lab, &pod, &lab.call(&pod, "c1", &named), 106).contains("default route"));
    refused(&lab, &pod, &lab.call(&pod, "c1", &of_pool(json!({}))), 11);
}

#[test]
fn rou_3_the_pods_default_routes_stay_in_both_families() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    give_primary(&pod);
    let before = pod.snapshot();
    let answer = json!({
        "cniVersion": "1.0.0",
        "ips": [
            {"address": "10.0.1.11/24", "gateway": "10.0.1.1"}, {"address": "2001:db8:0:1::11/64", "gateway": "fe80:ec2::1"},
        ],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.7.0.0/16"}],
    });
    let fake = with_fake(&lab, answer);
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": "fake-ipam"}}))).search(fake.folder());
    let result = call.run(&lab.host).result();
    assert_eq!(result["routes"], json!([{"dst": "10.7.0.0/16"}]));
    let now = pod.snapshot();
    for family in ["inet", "inet6"] {
        let prefix = format!("route {family} table main type unicast dst default ");
        assert_eq!(now.about(&prefix), before.about(&prefix));
    }
    assert!(pod.sh("ip route get 10.7.0.1").contains("via 10.0.1.1 dev net1"));
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&pod.snapshot());
}

#[test]
fn rou_3_a_default_route_that_is_asked_for_beside_another_is_refused_and_alone_it_is_made() {
    let lab = Lab::with_enis(1);
    let config = of_pool(json!({"ipam": {"type": OWN, "defaultRoute": true}}));
    let pod = lab.host.netns("pod1");
    give_primary(&pod);
    let said = refused(&lab, &pod, &lab.call(&pod, "c1", &config), 7);
    assert!(said.contains("defaultRoute"), "{said}");
    let alone = lab.host.netns("pod2");
    let before = alone.snapshot();
    let call = lab.call(&alone, "c2", &config);
    drop(call.run(&lab.host).result());
    assert!(alone.sh("ip route get 8.8.8.8").contains("via 10.0.1.1 dev net1"));
    assert!(alone.sh("ip route get 2600::1").contains("via fe80:ec2::1 dev net1"));
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&alone.snapshot());
}

#[test]
fn rou_3_a_route_that_is_given_twice_is_one() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let answer = json!({
        "cniVersion": "1.0.0", "ips": [{"address": "10.0.1.11/24", "gateway": "10.0.1.1"}],
        "routes": [{"dst": "10.7.0.0/16"}, {"dst": "10.7.0.0/16"}, {"dst": "10.8.0.9/16", "gw": "10.0.1.1"}, {"dst": "10.0.1.0/24"}],
    });
    let fake = with_fake(&lab, answer);
    let before = pod.snapshot();
    let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": "fake-ipam"}}))).search(fake.folder());
    drop(call.run(&lab.host).result());
    assert!(pod.sh("ip route get 10.8.0.1").contains("via 10.0.1.1 dev net1"));
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&pod.snapshot());
}

#[test]
fn rou_3_two_enis_of_one_subnet_have_each_a_table_with_its_gateway() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    give_primary(&pod);
    let before = pod.snapshot();
    let config = of_pool(json!({"sourceRouting": true, "rpFilter": 2, "ipam": {"type": OWN, "addresses": "all"}}));
    let calls = ["net1", "net2"].map(|name| lab.call(&pod, "c1", &config).ifname(name));
    for call in &calls {
        drop(call.run(&lab.host).result());
    }
    for (link, v4, v6) in [
        ("net1", ["10.0.1.11", "10.0.1.101"], "2001:db8:0:1::11"),
        ("net2", ["10.0.1.12", "10.0.1.102"], "2001:db8:0:1::12"),
    ] {
        for source in v4 {
            let out = pod.sh(&format!("ip route get 8.8.8.8 from {source}"));
            assert!(out.contains(&format!("via 10.0.1.1 dev {link}")), "{out}");
            let near = pod.sh(&format!("ip route get 10.0.1.1 from {source}"));
            assert!(near.contains(&format!("dev {link}")), "{near}");
            pod.command("ping").args(["-c1", "-W5", "-I", source, "10.0.1.1"]).run();
        }
        let out = pod.sh(&format!("ip route get 2600::1 from {v6}"));
        assert!(out.contains(&format!("via fe80:ec2::1 dev {link}")), "{out}");
    }
    // What has no source of an ENI goes where it went.
    assert!(pod.sh("ip route get 8.8.8.8").contains("via 10.244.0.1 dev eth0"));
    let rules = |pod: &PodNetns| pod.snapshot().about("rule ").len() - before.about("rule ").len();
    assert_eq!(rules(&pod), 6);
    // One leaves, the other goes on.
    let [first, second] = calls;
    first.verb("DEL").run(&lab.host).empty();
    assert_eq!(rules(&pod), 3);
    pod.command("ping").args(["-c1", "-W5", "-I", "10.0.1.102", "10.0.1.1"]).run();
    second.verb("DEL").run(&lab.host).empty();
    before.assert_same(&pod.snapshot());
}

/// `multi-eni`, then Debian's `sbr`: a rule for each address, and in its table the way by the gateway.
#[test]
fn rou_4_sbr_after_it_has_a_rule_for_each_address_and_a_default_route_by_the_gateway() {
    for ipam in [
        json!({"type": OWN, "families": ["ipv4"]}),
        json!({"type": OWN, "families": ["ipv6"]}),
        json!({"type": OWN, "addresses": "all"}),
    ] {
        let lab = Lab::with_enis(1);
        let pod = lab.host.netns("pod1");
        give_primary(&pod);
        let before = pod.snapshot();
        let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": ipam})));
        let result = call.run(&lab.host).result();
        let chained = json!({"cniVersion": "1.0.0", "name": "net", "type": "sbr", "prevResult": result});
        let sbr = Invocation::new(binaries::reference("sbr"))
            .container("c1")
            .ifname("net1")
            .netns(pod.path())
            .config(&chained);
        drop(sbr.run(&lab.host).result());
        for ip in result["ips"].as_array().unwrap() {
            let source = ip["address"].as_str().unwrap().split('/').next().unwrap();
            let (family, far, gateway) =
                if source.contains(':') { ("-6", "2600::1", "fe80:ec2::1") } else { ("-4", "8.8.8.8", "10.0.1.1") };
            let rules = pod.sh(&format!("ip {family} rule"));
            assert_eq!(rules.matches(&format!("from {source} lookup")).count(), 1, "{rules}");
            let out = pod.sh(&format!("ip {family} route get {far} from {source}"));
            assert!(out.contains(&format!("via {gateway} dev net1")), "{out}");
        }
        sbr.verb("DEL").run(&lab.host).empty();
        call.verb("DEL").run(&lab.host).empty();
        before.assert_same(&pod.snapshot());
    }
}

#[test]
fn rou_5_rp_filter_is_loose_on_the_pods_link_and_nothing_else_changes() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    give_primary(&pod);
    pod.sh("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter");
    let read = "grep . /proc/sys/net/ipv4/conf/*/rp_filter";
    let (on_host, in_pod) = (lab.host.sh(read), pod.sh(read));
    // The kernel goes by the greater one of the link's and that of `all` (IN_DEV_RPFILTER), so 2 is loose here.
    for value in [2, 0, 1] {
        let call = lab.call(&pod, "c1", &of_pool(json!({"rpFilter": value})));
        drop(call.run(&lab.host).result());
        let now = pod.sh(read);
        let rest: String =
            now.lines().filter(|line| !line.contains("/net1/")).map(|line| line.to_string() + "\n").collect();
        assert_eq!(rest, in_pod);
        assert!(now.contains(&format!("/net1/rp_filter:{value}")), "{now}");
        call.verb("DEL").run(&lab.host).empty();
        let home = lab.host.sh(read);
        let others =
            |text: &str| text.lines().filter(|line| !line.contains("/eth1/")).map(String::from).collect::<Vec<_>>();
        assert_eq!(others(&home), others(&on_host));
    }
}

#[test]
fn instance_metadata_is_blocked_on_every_way_and_the_pods_own_block_outlives_the_device() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    give_primary(&pod);
    let metadata = ["169.254.169.254", "fd00:ec2::254"];
    let is_blocked = |address: &str| !pod.command("ip").args(["route", "get", address]).output().status.success();
    let config = of_pool(json!({"sourceRouting": true, "blockInstanceMetadata": true, "ipam": {"type": OWN}}));
    let call = lab.call(&pod, "c1", &config);
    for standing in ["", "ip route add blackhole 169.254.169.254/32"] {
        pod.sh(&format!("true; {standing}"));
        let before = pod.snapshot();
        drop(call.run(&lab.host).result());
        assert!(metadata.into_iter().all(is_blocked));
        for (address, source) in metadata.iter().zip(["10.0.1.11", "2001:db8:0:1::11"]) {
            let output = pod.command("ip").args(["route", "get", address, "from", source]).output();
            assert!(!output.status.success(), "{address} from {source}");
        }
        call.clone().verb("DEL").run(&lab.host).empty();
        before.assert_same(&pod.snapshot());
        assert!(!is_blocked(metadata[1]), "the block is gone with the device");
    }
}

#[test]
fn the_vpcs_other_networks_are_routed_unless_that_is_not_wanted() {
    let lab = Lab::with_enis(1);
    let mut entry = lab.entry(0);
    entry.vpc.ipv4_cidrs.push("100.64.0.0/16".parse().unwrap());
    lab.write_entry(&entry);
    let pod = lab.host.netns("pod1");
    let before = pod.snapshot();
    let goes = |to: &str| {
        let output = pod.command("ip").args(["route", "get", to]).output();
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("dev net1")
    };
    for wanted in [true, false] {
        let call = lab.call(&pod, "c1", &of_pool(json!({"ipam": {"type": OWN, "vpcRoutes": wanted}})));
        drop(call.run(&lab.host).result());
        assert!(goes("10.0.1.200") && !goes("8.8.8.8"));
        for far in ["10.0.2.1", "100.64.3.4", "2001:db8:0:2::1"] {
            assert_eq!(goes(far), wanted, "{far}");
        }
        call.verb("DEL").run(&lab.host).empty();
        before.assert_same(&pod.snapshot());
    }
}
