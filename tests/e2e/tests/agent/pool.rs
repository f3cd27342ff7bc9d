//! Pools on a good day: what they cost in calls, and what of others is left alone.

use std::collections::BTreeMap;

use e2e::Cloud;
use e2e::cloud::brisk;
use ec2sim::{Action, EniFacts, Kind, Outcome, Timing};
use node::inventory::State;
use serde_json::json;

use crate::{POOL, add, del, fixed, link_of, only, with_pool};

/// The look-ups that are allowed: each once, but that the first regular look may come.
#[track_caller]
fn assert_few_reads(cloud: &Cloud) {
    let mut count = BTreeMap::new();
    for call in cloud.calls().into_iter().filter(|call| call.action.kind() == Kind::Read) {
        *count.entry(call.action.name()).or_insert(0) += 1;
    }
    assert!(count.values().all(|count| *count <= 1), "{count:?}\n{cloud}");
}

#[test]
fn a_pool_of_two_comes_up_from_nothing_with_no_call_too_many() {
    let cloud = with_pool(2);
    let three = ["AttachNetworkInterface", "CreateNetworkInterface", "ModifyNetworkInterfaceAttribute"];
    assert_eq!(cloud.written(), three.map(|action| (action, 2)).into(), "{cloud}");
    assert!(cloud.calls().iter().all(|call| call.outcome == Outcome::Done), "{cloud}");
    assert_few_reads(&cloud);
    let host = cloud.host.snapshot(&[]);
    let mut slots = Vec::new();
    for eni in cloud.ours() {
        let id = eni.network_interface_id.as_str();
        let lines = host.about(&format!("link {} down ", link_of(&eni)));
        assert!(matches!(lines[..], [line] if line.contains(&format!("alias {id}"))), "{host:?}");
        let attachment = eni.attachment.unwrap();
        assert!(attachment.delete_on_termination);
        slots.push((attachment.network_card, attachment.device_index));
        for (tag, value) in [
            ("node.k8s.amazonaws.com/no_manage", "true"),
            ("multi-eni.networking.k8s.aws/node", "node-1"),
            ("multi-eni.networking.k8s.aws/pool", POOL),
            ("multi-eni.networking.k8s.aws/instance", cloud.instance.id().as_str()),
        ] {
            assert_eq!(eni.tags.get(tag).map(String::as_str), Some(value), "{:?}", eni.tags);
        }
        assert_eq!(eni.security_groups, std::slice::from_ref(&cloud.group));
    }
    slots.sort_unstable();
    assert_eq!(slots, [(0, 1), (0, 2)]);
    assert_eq!(cloud.pool_status(POOL).unwrap()["enis"], json!({"ready": 2}));
    let text = String::from_utf8(cloud.agent(&["status"]).stdout).unwrap();
    assert!(text.contains("node node-1, instance i-"), "{text}");
    assert!(cloud.ours().iter().all(|eni| text.contains(eni.network_interface_id.as_str())), "{text}");
}

#[test]
fn upg_3_an_add_on_an_empty_pool_has_its_eni_attached_and_both_see_it() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &json!({"min": 0, "max": 2, "cooldownSeconds": 600}));
    cloud.start();
    let pods = ["pod1", "pod2"].map(|name| cloud.host.netns(name));
    let result = add(&cloud, &pods[0], "c1");
    let eni = only(&cloud);
    assert_eq!(result["ips"][0]["address"], format!("{}/24", eni.primary));
    assert_eq!(result["interfaces"][0]["mac"], eni.mac.to_string());
    cloud.until("the ENI is in use, and set", |cloud| {
        cloud.in_state(POOL, State::InUse).len() == 1 && cloud.is_settled()
    });
    assert!(cloud.written().values().all(|count| *count == 1) && cloud.written().len() == 3, "{cloud}");
    assert_few_reads(&cloud);
    let text = String::from_utf8(cloud.agent(&["status"]).stdout).unwrap();
    assert!(text.contains("default/p1"), "{text}");
    let explained = String::from_utf8(cloud.agent(&["explain", "default/p1"]).stdout).unwrap();
    assert!(explained.contains(eni.network_interface_id.as_str()), "{explained}");
    add(&cloud, &pods[1], "c2");
    for (pod, container) in pods.iter().zip(["c1", "c2"]) {
        del(&cloud, pod, container);
    }
    cloud.until("both rest", |cloud| cloud.in_state(POOL, State::Cooling).len() == 2);
    assert!(cloud.written().values().all(|count| *count == 2), "{cloud}");
}

#[test]
fn thr_1_sec_4_fifty_warm_adds_need_neither_credentials_nor_a_call() {
    let cloud = with_pool(1);
    cloud.ec2.take_calls();
    let pod = cloud.host.netns("pod1");
    for round in 0..50 {
        let container = format!("c{round}");
        add(&cloud, &pod, &container);
        del(&cloud, &pod, &container);
    }
    assert_eq!(cloud.writes(), [], "{cloud}");
    // The first look of the agent's clock may have come.
    assert!(cloud.calls().len() <= 1, "{cloud}");
    assert!(cloud.ec2.calls().len() <= 1, "nobody else called");
}

/// What amazon-vpc-cni, EFA, another cluster and a person have, on the instance and not.
fn with_others(cloud: &Cloud) -> Vec<EniFacts> {
    let eni = || cloud.subnet.eni();
    let of_cni = eni().made_by_vpc_cni(cloud.instance.id(), "one").create().unwrap();
    let of_efa = eni().interface_type("efa").create().unwrap();
    let of_person = eni().tag("Name", "mine").create().unwrap();
    let of_cluster = eni().tag(e2e::cloud::CLUSTER_TAG, "another-cluster").create().unwrap();
    let free = eni().tag("node.k8s.amazonaws.com/no_manage", "true").create().unwrap();
    let on_the_instance = [&of_cni, &of_efa, &of_person];
    let attach = |(eni, index): (&ec2sim::Eni, u32)| {
        let name = format!("other{index}");
        cloud.host.run({
            let (eni, instance) = (eni.clone(), cloud.instance.clone());
            move || eni.attach(&instance).index(index).named(&name).now().unwrap()
        })
    };
    on_the_instance.into_iter().zip(1..).map(attach).for_each(drop);
    [of_cni, of_efa, of_person, of_cluster, free].map(|eni| eni.facts().unwrap()).into()
}

#[test]
fn ec2_3_lea_2_a_pool_shrinks_after_its_cool_down_and_nothing_of_others_is_touched() {
    let timing = Timing { detach: std::time::Duration::from_secs(3), ..brisk() };
    let cloud = Cloud::builder().timing(timing).agent("orphan_grace_seconds = 1\nresync_seconds = 1").build();
    let others = with_others(&cloud);
    cloud.long_since();
    let before = cloud.host.snapshot(&[]);
    cloud.declare(POOL, &json!({"min": 0, "max": 2, "cooldownSeconds": 1}));
    cloud.start();
    cloud.refresh();
    let pods = ["pod1", "pod2"].map(|name| cloud.host.netns(name));
    for (pod, container) in pods.iter().zip(["c1", "c2"]) {
        add(&cloud, pod, container);
        del(&cloud, pod, container);
    }
    cloud.until_gone();
    before.assert_same(&cloud.host.snapshot(&[]));
    let written = cloud.written();
    let made = written["CreateNetworkInterface"];
    assert!((1..=2).contains(&made) && written.values().all(|count| *count == made), "{cloud}");
    assert!(cloud.writes().iter().all(|call| call.outcome == Outcome::Done), "no Delete before its time\n{cloud}");
    let detachments = cloud.calls_of(Action::DetachNetworkInterface);
    assert!(detachments.iter().all(|call| !call.parameters.contains_key("Force")), "{cloud}");
    for (detached, deleted) in detachments.iter().zip(cloud.calls_of(Action::DeleteNetworkInterface)) {
        assert!(deleted.at >= detached.at + timing.detach, "{cloud}");
    }
    cloud.refresh();
    let names: Vec<String> = others.iter().map(|eni| eni.network_interface_id.to_string()).collect();
    let named =
        |call: &ec2sim::Call| call.parameters.values().any(|value| names.iter().any(|name| value.contains(name)));
    assert!(!cloud.writes().iter().any(named), "{cloud}");
    for eni in others {
        let now = cloud.ec2.enis().unwrap();
        assert!(now.contains(&eni), "{eni:?}");
    }
}

#[test]
fn a_withdrawn_pool_goes_and_what_a_pod_has_goes_last() {
    let cloud = with_pool(2);
    let pod = cloud.host.netns("pod1");
    add(&cloud, &pod, "c1");
    cloud.withdraw(POOL);
    cloud.until("the free one is gone", |cloud| cloud.ours().len() == 1 && cloud.of_pool(POOL).len() == 1);
    assert_eq!(cloud.calls_of(Action::DetachNetworkInterface).len(), 1, "{cloud}");
    pod.command("ip").args(["link", "show", "net1"]).run();
    del(&cloud, &pod, "c1");
    cloud.until_gone();
}

#[test]
fn a_node_without_a_daemon_attaches_by_one_pass() {
    let cloud = Cloud::builder().top("attach = \"once\"").build();
    cloud.declare(POOL, &json!({"min": 0, "max": 1, "cooldownSeconds": 0}));
    let pod = cloud.host.netns("pod1");
    let add = cloud
        .add(&pod, "c1", POOL)
        .env("AWS_ACCESS_KEY_ID", e2e::cloud::AGENT)
        .env("AWS_SECRET_ACCESS_KEY", e2e::cloud::SECRET);
    let result = add.run(&cloud.host).result();
    assert_eq!(result["ips"][0]["address"], format!("{}/24", only(&cloud).primary));
    add.verb("DEL").run(&cloud.host).empty();
    // What is left to do, one more pass does: the pool shrinks.
    let output = cloud.agent(&["once"]);
    assert!(output.status.success(), "{output}\n{cloud}");
    cloud.until_gone();
}

#[test]
fn a_manifest_that_changes_changes_the_pool() {
    let cloud = with_pool(1);
    cloud.declare(POOL, &fixed(3));
    cloud.until_ready(POOL, 3);
    cloud.declare(POOL, &fixed(1));
    cloud.until_ready(POOL, 1);
    assert_eq!(cloud.written()["DeleteNetworkInterface"], 2, "{cloud}");
}

#[test]
fn con_1_pods_that_come_while_the_pool_shrinks_have_an_eni_that_stays() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &json!({"min": 0, "max": 3, "cooldownSeconds": 0}));
    cloud.start();
    let pods: Vec<_> = (0..3).map(|nth| cloud.host.netns(&format!("pod{nth}"))).collect();
    for round in 0..6 {
        let call = |nth: usize| cloud.add(&pods[nth], &format!("c{round}-{nth}"), POOL);
        let running: Vec<_> = (0..3).map(|nth| call(nth).spawn(&cloud.host)).collect();
        for (nth, running) in running.into_iter().enumerate() {
            let outcome = e2e::Outcome::of(running);
            assert!(outcome.output.status.success(), "round {round}: {}\n{cloud}", outcome.output);
            pods[nth].command("ip").args(["link", "show", "net1"]).run();
        }
        // One after the other, so that some are on their way out when the next round comes.
        (0..3).for_each(|nth| call(nth).verb("DEL").run(&cloud.host).empty());
    }
    cloud.until_gone();
    let forced = |call: &ec2sim::Call| call.parameters.contains_key("Force");
    assert!(!cloud.writes().iter().any(forced), "{cloud}");
    let count = |action| cloud.calls_of(action).into_iter().filter(ec2sim::Call::took_effect).count();
    assert_eq!(count(Action::CreateNetworkInterface), count(Action::DeleteNetworkInterface), "{cloud}");
}
