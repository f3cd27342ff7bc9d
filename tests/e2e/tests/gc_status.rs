//! GC and STATUS of `multi-eni`.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use e2e::lab::{POOL, Stage};
use e2e::{Answer, Invocation, Outcome, PodNetns, binaries};
use serde_json::{Value, json};

/// A node on which networks of several names give addresses.
struct Networks(Stage);

impl Networks {
    fn new(enis: u8) -> Self {
        Self(Stage::giving(enis, "1.1.0"))
    }

    fn config(network: &str) -> Value {
        json!({"cniVersion": "1.1.0", "name": network, "pool": POOL, "ipam": {"type": "fake-ipam"}})
    }

    fn call(&self, network: &str, pod: &PodNetns, container: &str) -> Invocation {
        self.0.call(pod, container, &Self::config(network))
    }

    fn add(&self, network: &str, pod: &PodNetns, container: &str) {
        drop(self.call(network, pod, container).run(&self.0.lab.host).result());
    }

    /// A verb that is of no container, with these keys more in the configuration.
    fn of_network(&self, verb: &str, network: &str, more: &Value) -> Invocation {
        let mut config = Self::config(network);
        config["type"] = json!("multi-eni");
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Invocation::new(binaries::multi_eni())
            .verb(verb)
            .without("CNI_CONTAINERID")
            .without("CNI_IFNAME")
            .search(self.0.ipam.folder())
            .env("MULTI_ENI_NODE_TOML", self.0.lab.settings().display().to_string())
            .config(&config)
    }

    fn collect(&self, network: &str, valid: &Value) -> Outcome {
        self.of_network("GC", network, &json!({"cni.dev/valid-attachments": valid})).run(&self.0.lab.host)
    }

    fn holders(&self) -> BTreeSet<String> {
        self.0
            .records()
            .into_iter()
            .map(|record| format!("{}/{}", record.owner.network, record.owner.container_id))
            .collect()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn lea_5_gc_frees_what_is_not_valid_of_its_own_network_only() {
    let networks = Networks::new(3);
    let host = &networks.0.lab.host;
    let before = host.snapshot(&[]);
    let pods = ["pod1", "pod2", "pod3"].map(|name| host.netns(name));
    let empty = pods[0].snapshot();
    networks.add("a", &pods[0], "c1");
    networks.add("b", &pods[1], "c2");
    networks.add("a", &pods[2], "c3");
    let kept = pods[1].snapshot();

    networks.collect("a", &json!([{"containerID": "c3", "ifname": "net1"}])).empty();
    assert_eq!(networks.holders(), names(&["b/c2", "a/c3"]));
    for _ in 0..2 {
        networks.collect("a", &json!([])).empty();
        assert_eq!(networks.holders(), names(&["b/c2"]));
    }
    empty.assert_same(&pods[0].snapshot());
    empty.assert_same(&pods[2].snapshot());
    kept.assert_same(&pods[1].snapshot());
    let freed: Vec<_> =
        networks.0.ipam.calls_of("DEL").iter().map(|call| call.environment["CNI_CONTAINERID"].clone()).collect();
    assert_eq!(freed, ["c1", "c3"], "each is released once");

    networks.call("a", &pods[0], "c1").verb("DEL").run(host).empty();
    networks.call("b", &pods[1], "c2").verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
}

#[test]
fn lea_5_another_interface_of_a_valid_container_is_stale() {
    let networks = Networks::new(2);
    let pod = networks.0.lab.host.netns("pod1");
    networks.add("a", &pod, "c1");
    drop(networks.call("a", &pod, "c1").ifname("net2").run(&networks.0.lab.host).result());
    networks.collect("a", &json!([{"containerID": "c1", "ifname": "net2"}])).empty();
    let [left] = networks.0.records().try_into().unwrap();
    assert_eq!(left.owner.ifname, "net2");
}

#[test]
fn lea_5_gc_without_the_key_frees_nothing() {
    let networks = Networks::new(1);
    let pod = networks.0.lab.host.netns("pod1");
    networks.add("a", &pod, "c1");
    let error = networks.of_network("GC", "a", &json!({})).run(&networks.0.lab.host).error();
    assert_eq!(error.code, 7, "{error:?}");
    assert_eq!(networks.holders(), names(&["a/c1"]));
    assert!(networks.0.ipam.calls_of("GC").is_empty() && networks.0.ipam.calls_of("DEL").is_empty());
}

#[test]
fn lea_5_gc_is_the_ipam_plugins_too() {
    let networks = Networks::new(1);
    let valid = json!([{"containerID": "c9", "ifname": "net1"}]);
    networks.collect("a", &valid).empty();
    let [call] = networks.0.ipam.calls_of("GC").try_into().unwrap();
    assert_eq!(call.config()["cni.dev/valid-attachments"], valid);
    assert_eq!(call.config()["name"], "a");
}

#[test]
fn lea_5_an_error_of_the_ipam_plugin_is_told_and_the_device_is_freed() {
    let networks = Networks::new(1);
    let before = networks.0.lab.host.snapshot(&[]);
    let pod = networks.0.lab.host.netns("pod1");
    networks.add("a", &pod, "c1");
    networks.0.ipam.answers("GC", &[Answer::fail(143, "no list"), Answer::fail(4, "GC is unknown here")]);
    let error = networks.collect("a", &json!([])).error();
    assert_eq!(error.code, 143, "{error:?}");
    assert!(networks.holders().is_empty());
    before.assert_same(&networks.0.lab.host.snapshot(&[]));
    networks.collect("a", &json!([])).empty();
}

#[test]
fn lea_5_an_attachment_that_is_being_made_is_left_alone() {
    let networks = Networks::new(1);
    let pod = networks.0.lab.host.netns("pod1");
    let then = Box::new(Answer::addresses("1.1.0", &["10.0.1.11/24"]));
    networks.0.ipam.answers("ADD", &[Answer::HoldUntil { released: "go".into(), then }]);
    let adding = networks.call("a", &pod, "c1").spawn(&networks.0.lab.host);
    networks.0.ipam.wait_for_calls("ADD", 1);
    networks.collect("a", &json!([])).empty();
    networks.0.ipam.release("go");
    drop(Outcome::of(adding).result());
    assert_eq!(networks.holders(), names(&["a/c1"]));
    assert_eq!(pod.snapshot().about("address net1 10.0.1.11/24").len(), 1);
    networks.collect("a", &json!([])).empty();
    assert!(networks.holders().is_empty());
}

#[test]
fn lea_5_a_stale_attachment_whose_namespace_is_gone_is_freed() {
    let networks = Networks::new(1);
    networks.0.lab.fabric.keep().unwrap();
    let before = networks.0.lab.host.snapshot(&[]);
    let pod = networks.0.lab.host.netns("pod1");
    networks.add("a", &pod, "c1");
    pod.destroy();
    networks.0.lab.enis[0].await_return(1, e2e::LIMIT).unwrap();
    networks.collect("a", &json!([])).empty();
    assert!(networks.holders().is_empty());
    before.assert_same(&networks.0.lab.host.snapshot(&[]));
}

#[test]
fn upg_3_adds_before_there_are_enis() {
    let networks = Networks::new(1);
    let host = &networks.0.lab.host;
    let pod = host.netns("pod1");
    let entry = networks.0.lab.entry(0);
    networks.0.lab.store().remove_entry(&entry).unwrap();
    fs::remove_file(networks.0.lab.state_dir().join("agent.json")).unwrap();
    let status = networks.of_network("STATUS", "a", &json!({}));
    // A long timeout of ADD is no reason to make the runtime wait for an agent that may never come.
    let add = networks.call("a", &pod, "c1").limit(Duration::from_secs(20));

    let error = status.run(host).error();
    assert_eq!(error.code, 50, "{error:?}");
    assert!(error.msg.contains("agent"), "{error:?}");
    let error = add.run(host).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains(POOL) && error.msg.contains("agent"), "{error:?}");
    assert!(networks.0.ipam.calls_of("ADD").is_empty() && networks.holders().is_empty());

    networks.0.lab.write_entry(&entry);
    networks.0.lab.note_agent_pass();
    status.run(host).empty();
    drop(add.run(host).result());
}

#[test]
fn upg_3_a_device_that_is_named_may_still_come_before_the_agents_first_pass() {
    let networks = Networks::new(1);
    let host = &networks.0.lab.host;
    let pod = host.netns("pod1");
    let call = networks.0.lab.call(&pod, "c1", &json!({"eni": "eni-0aaaaaaaaaaaaaaaa"}));
    assert_eq!(call.run(host).error().code, 7);
    fs::remove_file(networks.0.lab.state_dir().join("agent.json")).unwrap();
    assert_eq!(call.run(host).error().code, 11);
}

#[test]
fn status_minds_an_exhausted_pool_only_if_asked_to() {
    let networks = Networks::new(1);
    let host = &networks.0.lab.host;
    let pod = host.netns("pod1");
    let minding = networks.of_network("STATUS", "a", &json!({"statusOnExhaustion": true}));
    let other = networks.of_network("STATUS", "a", &json!({"statusOnExhaustion": true, "pool": "other"}));
    minding.run(host).empty();
    assert_eq!(other.run(host).error().code, 50);
    networks.add("a", &pod, "c1");
    let error = minding.run(host).error();
    assert_eq!(error.code, 50, "{error:?}");
    assert!(error.msg.contains(POOL), "{error:?}");
    networks.of_network("STATUS", "a", &json!({})).run(host).empty();
    networks.call("a", &pod, "c1").verb("DEL").run(host).empty();
    minding.run(host).empty();
}

#[test]
fn status_is_the_ipam_plugins_too() {
    let networks = Networks::new(1);
    let status = networks.of_network("STATUS", "a", &json!({}));
    networks
        .0
        .ipam
        .answers("STATUS", &[Answer::fail(51, "no address is left"), Answer::fail(4, "STATUS is unknown here")]);
    let error = status.run(&networks.0.lab.host).error();
    assert_eq!(error.code, 51);
    assert!(error.msg.contains("no address is left"), "{error:?}");
    status.run(&networks.0.lab.host).empty();
    assert_eq!(networks.0.ipam.calls_of("STATUS").len(), 2);
}

#[test]
fn status_with_records_that_cannot_be_opened_is_50() {
    let networks = Networks::new(1);
    fs::remove_dir_all(networks.0.lab.state_dir()).unwrap();
    fs::write(networks.0.lab.state_dir(), "no folder").unwrap();
    let error = networks.of_network("STATUS", "a", &json!({})).run(&networks.0.lab.host).error();
    assert_eq!(error.code, 50, "{error:?}");
}

#[test]
fn upg_3_verbs_of_1_1_0_are_none_of_a_1_0_0_configuration() {
    let networks = Networks::new(1);
    let host = &networks.0.lab.host;
    let pod = host.netns("pod1");
    networks.add("a", &pod, "c1");
    for version in ["1.0.0", "0.4.0"] {
        let more = json!({"cniVersion": version, "cni.dev/valid-attachments": []});
        for verb in ["GC", "STATUS"] {
            let error = networks.of_network(verb, "a", &more).run(host).error();
            assert_eq!((error.code, error.cni_version.as_str()), (1, version), "{verb}: {error:?}");
        }
    }
    assert_eq!(networks.holders(), names(&["a/c1"]));
    assert!(networks.0.ipam.calls_of("GC").is_empty() && networks.0.ipam.calls_of("STATUS").is_empty());
}
