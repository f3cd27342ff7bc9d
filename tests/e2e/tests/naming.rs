//! The names of a device: at home, in the pod, and on the way between them.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use e2e::lab::{POOL, Stage};
use e2e::{Answer, Invocation, LIMIT, Lab, Outcome, PodNetns, until};
use serde_json::{Value, json};

fn own() -> Value {
    json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}})
}

fn of(lab: &Lab, index: usize) -> Value {
    json!({"eni": lab.enis[index].id().to_string(), "ipam": {"type": "multi-eni-ipam"}})
}

/// Two NICs are both `net1` in their pods, and both pods die at once: the kernel gives the one back as `net1`, and the
/// other under a name of its own.
struct Orphans {
    lab: Lab,
    calls: [Invocation; 2],
    before: e2e::Snapshot,
}

impl Orphans {
    fn new() -> Self {
        let lab = Lab::with_enis(2);
        lab.fabric.keep().unwrap();
        let before = lab.host.snapshot(&[]);
        let pods = ["pod1", "pod2"].map(|name| lab.host.netns(name));
        let calls = [0, 1].map(|index| lab.call(&pods[index], &format!("c{index}"), &of(&lab, index)));
        for (index, call) in calls.iter().enumerate() {
            drop(call.run(&lab.host).result());
            lab.enis[index].returns_as("net1").unwrap();
        }
        pods.iter().for_each(PodNetns::destroy);
        let mut names: Vec<String> = lab.enis.iter().map(|eni| eni.await_return(1, LIMIT).unwrap()).collect();
        names.sort();
        assert_eq!(names, ["dev0", "net1"]);
        Self { lab, calls, before }
    }

    fn each_works(&self) {
        for index in [0, 1] {
            let pod = self.lab.host.netns(&format!("new{index}"));
            let call = self.lab.call(&pod, &format!("n{index}"), &of(&self.lab, index));
            let result = call.run(&self.lab.host).result();
            assert_eq!(result["interfaces"][0]["mac"], json!(self.lab.enis[index].mac().to_string()), "{result:#}");
            pod.command("ping").args(["-c1", "-W5", "10.0.1.1"]).run();
            call.verb("DEL").run(&self.lab.host).empty();
        }
        self.before.assert_same(&self.lab.host.snapshot(&[]));
        assert!(self.lab.store().records().unwrap().is_empty());
    }
}

#[test]
fn nam_1_two_nics_that_came_back_under_the_pods_name_get_their_own_by_del() {
    let orphans = Orphans::new();
    for call in &orphans.calls {
        call.clone().verb("DEL").run(&orphans.lab.host).empty();
    }
    orphans.before.assert_same(&orphans.lab.host.snapshot(&[]));
    orphans.each_works();
}

#[test]
fn nam_1_two_nics_that_came_back_under_the_pods_name_are_told_apart_by_the_next_adds() {
    // The ADDs take over what the dead pods hold; the DELs that come late change nothing.
    let orphans = Orphans::new();
    orphans.each_works();
    for call in &orphans.calls {
        call.clone().verb("DEL").run(&orphans.lab.host).empty();
    }
    orphans.before.assert_same(&orphans.lab.host.snapshot(&[]));
}

#[test]
fn nam_1_names_that_changed_places_on_the_host_get_their_own_again() {
    let orphans = Orphans::new();
    // The worst of names: each has the other's.
    let [first, second] = [0, 1].map(|index| orphans.lab.enis[index].await_return(1, LIMIT).unwrap());
    orphans
        .lab
        .host
        .sh(&format!("ip link set {first} name x; ip link set {second} name eth1; ip link set x name eth2"));
    for _ in 0..2 {
        for call in &orphans.calls {
            call.clone().verb("DEL").run(&orphans.lab.host).empty();
        }
    }
    let names = |index: usize| {
        let snapshot = orphans.lab.host.snapshot(&[]);
        let mac = format!(" mac {} ", orphans.lab.enis[index].mac());
        let links = snapshot.about("link ");
        links.iter().find(|link| link.contains(&mac)).unwrap().split(' ').nth(1).unwrap().to_string()
    };
    // DEL of the first finds its name taken by the second, and the wish stays on record; the next calls fulfil it.
    assert_eq!(names(1), "eth2");
    assert_eq!(names(0), "eth1");
    orphans.each_works();
}

#[test]
fn nam_3_the_pods_own_link_of_the_host_name_keeps_it() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    pod.sh("ip link add eth1 type bridge; ip link property add dev eth1 altname enp0s6");
    lab.host.sh("ip link property add dev eth1 altname enp0s6");
    let (before, own_before) = (lab.host.snapshot(&[]), pod.snapshot());
    let call = lab.call(&pod, "c1", &own());
    assert_eq!(call.run(&lab.host).result()["interfaces"][0]["name"], "net1");
    assert_eq!(pod.snapshot().about("link eth1 "), own_before.about("link eth1 "));
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
    own_before.assert_same(&pod.snapshot());
}

/// An ADD is refused since the pod has its name; the link keeps name, MTU and state, and no address stays taken.
fn refused_for_a_taken_name(taking: &str) {
    let stage = Stage::giving(1, "1.0.0");
    let (lab, fake) = (&stage.lab, &stage.ipam);
    lab.host.sh("ip link set eth1 mtu 1400; ip link set eth1 up");
    let pod = lab.host.netns("pod1");
    pod.sh(taking);
    let (before, own_before) = (lab.host.snapshot(&[]), pod.snapshot());
    let call = stage.call(&pod, "c1", &json!({"pool": POOL, "mtu": 1300, "ipam": {"type": "fake-ipam"}}));
    let error = call.run(&lab.host).error();
    assert_eq!(error.code, 7, "{error:?}");
    assert!(error.msg.contains("net1"), "{error:?}");
    assert!(before.about("link eth1 up ")[0].contains("mtu 1400"));
    before.assert_same(&lab.host.snapshot(&[]));
    own_before.assert_same(&pod.snapshot());
    assert!(lab.store().records().unwrap().is_empty());
    assert_eq!(fake.calls_of("ADD").len(), fake.calls_of("DEL").len());
}

#[test]
fn nam_3_a_name_that_the_pod_has_is_refused() {
    refused_for_a_taken_name("ip link add net1 type bridge");
}

#[test]
fn nam_3_an_alternative_name_that_the_pod_has_is_refused() {
    refused_for_a_taken_name("ip link add other type bridge; ip link property add dev other altname net1");
}

/// The name becomes taken when the ADD has already seen that it is free. The kernel then moves the link and fails.
fn taken_under_way(taking: &str) {
    let stage = Stage::giving(1, "1.0.0");
    let (lab, fake) = (&stage.lab, &stage.ipam);
    lab.host.sh("ip link set eth1 mtu 1400; ip link set eth1 up; ip link property add dev eth1 altname enp0s6");
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let store = lab.store();
    let lock = store.try_device_lock(&lab.entry(0).device().lock_name()).unwrap().unwrap();
    let config = json!({"pool": POOL, "mtu": 1300, "ipam": {"type": "fake-ipam"}});
    let add = stage.call(&pod, "c1", &config).spawn(&lab.host);
    until("the ADD has claimed", || !store.records().unwrap().is_empty());
    pod.sh(taking);
    let own_before = pod.snapshot();
    drop(lock);
    let error = Outcome::of(add).error();
    assert!(format!("{error:?}").contains("net1"), "{error:?}");
    before.assert_same(&lab.host.snapshot(&[]));
    own_before.assert_same(&pod.snapshot());
    assert!(store.records().unwrap().is_empty());
    assert_eq!(fake.calls_of("DEL").len(), 1);
}

#[test]
fn nam_3_a_name_that_is_taken_under_way_puts_the_link_back() {
    taken_under_way("ip link add net1 type bridge");
}

#[test]
fn nam_3_an_alternative_name_that_is_taken_under_way_puts_the_link_back() {
    taken_under_way("ip link add other type bridge; ip link property add dev other altname net1");
}

#[test]
fn nam_3_an_alternative_name_of_the_link_itself_that_is_taken_under_way_puts_the_link_back() {
    taken_under_way("ip link add other type bridge; ip link property add dev other altname enp0s6");
}

#[test]
fn nam_3_the_name_in_the_pod_is_the_configurations_and_the_attachment_the_runtimes() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    let before = lab.host.snapshot(&[]);
    let named = |name: &str| {
        let mut config = own();
        config["interfaceName"] = json!(name);
        config
    };
    // 15 bytes are the most that Linux takes.
    let long = "fifteen-bytes-x";
    let calls = [("eth0", "data0"), ("eth1", long)].map(|(ifname, name)| {
        let call = lab.call(&pod, "c1", &named(name)).ifname(ifname);
        assert_eq!(call.run(&lab.host).result()["interfaces"][0]["name"], name);
        call
    });
    let again = lab.call(&pod, "c1", &named(long)).ifname("net9").run(&lab.host).error();
    assert_eq!(again.code, 7, "{again:?}");
    for call in calls {
        call.verb("DEL").run(&lab.host).empty();
    }
    before.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn nam_3_a_name_that_an_earlier_plugin_of_the_list_gave_is_refused_and_another_is_not() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let mut config = own();
    config["prevResult"] = json!({
        "cniVersion": "1.0.0", "interfaces": [{"name": "net1", "sandbox": pod.path().display().to_string()}],
    });
    let before = lab.host.snapshot(&[]);
    let error = lab.call(&pod, "c1", &config).run(&lab.host).error();
    assert!(error.code == 7 && error.msg.contains("set interfaceName"), "{error:?}");
    before.assert_same(&lab.host.snapshot(&[]));
    config["interfaceName"] = json!("data0");
    assert_eq!(lab.call(&pod, "c1", &config).run(&lab.host).result()["interfaces"][1]["name"], "data0");
}

#[test]
fn nam_4_an_alternative_name_that_is_the_name_in_the_pod_comes_back() {
    let lab = Lab::with_enis(1);
    lab.host.sh("ip link property add dev eth1 altname enp0s6 altname net1");
    let pod = lab.host.netns("pod1");
    let before = lab.host.snapshot(&[]);
    let call = lab.call(&pod, "c1", &json!({"pool": POOL}));
    drop(call.run(&lab.host).result());
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn nam_4_without_ipam_the_link_is_up_in_the_pod_and_down_at_home_whatever_it_was() {
    for state in ["down", "up"] {
        let lab = Lab::with_enis(1);
        let pod = lab.host.netns("pod1");
        lab.host.sh(&format!("ip link set eth1 {state}"));
        let call = lab.call(&pod, "c1", &json!({"pool": POOL}));
        assert_eq!(call.run(&lab.host).result()["ips"], json!([]));
        assert_eq!(pod.snapshot().about("link net1 up ").len(), 1, "{state}");
        assert!(pod.snapshot().about("address net1 ").is_empty());
        call.verb("DEL").run(&lab.host).empty();
        assert_eq!(lab.host.snapshot(&[]).about("link eth1 down ").len(), 1, "{state}");
        assert!(pod.snapshot().about("link net1 ").is_empty());
    }
}

#[test]
fn nam_4_an_add_that_fails_leaves_the_link_as_up_as_it_was() {
    for state in ["down", "up"] {
        let stage = Stage::new(1);
        stage.ipam.answers("ADD", &[Answer::fail(101, "no address")]);
        let lab = &stage.lab;
        let pod = lab.host.netns("pod1");
        lab.host.sh(&format!("ip link set eth1 {state}"));
        let before = lab.host.snapshot(&[]);
        let call = stage.call(&pod, "c1", &json!({"pool": POOL, "ipam": {"type": "fake-ipam"}}));
        assert_eq!(call.run(&lab.host).error().code, 101);
        before.assert_same(&lab.host.snapshot(&[]));
    }
}
