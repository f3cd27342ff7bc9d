//! NICs that pods have as links, and that come back when the pod's namespace dies.

use serde_json::{Value, json};

use super::{POOL, Scenario, one, pool};
use crate::fake_ipam::{Answer, FakeIpam};
use crate::guest::Node;
use crate::guest::network::PEER;
use crate::{Invocation, Outcome, PodNetns, until};

const FILE: &str = "tests/e2e/src/guest/scenarios/netdev.rs";

pub(super) const ALL: [Scenario; 6] = [
    Scenario {
        name: "del_1_a_nic_comes_home_when_its_namespace_dies",
        file: FILE,
        run: del_1_a_nic_comes_home_when_its_namespace_dies,
    },
    Scenario {
        name: "del_1_a_late_del_brings_home_what_came_back_without_an_agent",
        file: FILE,
        run: del_1_a_late_del_brings_home_what_came_back_without_an_agent,
    },
    Scenario {
        name: "nam_1_two_nics_that_come_back_at_once_get_their_own_names",
        file: FILE,
        run: nam_1_two_nics_that_come_back_at_once_get_their_own_names,
    },
    Scenario {
        name: "nam_4_a_link_that_is_up_is_renamed_where_the_kernel_refuses_that",
        file: FILE,
        run: nam_4_a_link_that_is_up_is_renamed_where_the_kernel_refuses_that,
    },
    Scenario {
        name: "con_3_after_a_slow_del_only_the_next_pods_settings_are_in_force",
        file: FILE,
        run: con_3_after_a_slow_del_only_the_next_pods_settings_are_in_force,
    },
    Scenario {
        name: "a_nic_that_is_unplugged_in_a_pod_is_no_obstacle_to_del",
        file: FILE,
        run: a_nic_that_is_unplugged_in_a_pod_is_no_obstacle_to_del,
    },
];

/// The pod reaches the VPC's router over its interface, and a peer in another subnet.
#[track_caller]
pub(super) fn reaches_the_vpc(pod: &PodNetns) {
    for address in ["10.0.1.1", PEER] {
        reaches(pod, address);
    }
}

/// An answer comes back. What is sent before the NIC has found its carrier is lost, so it is sent again.
#[track_caller]
pub(super) fn reaches(from: &PodNetns, address: &str) {
    let ping = || from.command("ping").args(["-c1", "-W2", address]).output();
    until(&format!("an answer of {address}"), || ping().status.success());
}

fn del_1_a_nic_comes_home_when_its_namespace_dies(node: &Node) {
    node.declare(POOL, &pool(1));
    let eni = one(node);
    let pci = node.pci(&eni);
    assert_eq!(node.nics(), [pci.as_str()]);
    assert_eq!(node.link_name(&pci), eni.host_name.as_str());
    node.say(&format!("hot-plugged by the simulator: {} is at {pci}, {}", eni.network_interface_id, eni.host_name));
    let before = node.host.snapshot(&[]);
    let pod = node.pod("pod1");
    let add = node.add(&pod, "c1", POOL);
    let result = add.run(&node.host).result();
    assert_eq!(result["interfaces"][0]["mac"], eni.mac_address.to_string());
    reaches_the_vpc(&pod);
    node.say(&format!("ADD: the pod has it as net1, {}, and reaches the VPC", result["ips"][0]["address"]));
    pod.destroy();
    one(node);
    before.assert_same(&node.host.snapshot(&[]));
    assert!(node.store().records().expect("the records").is_empty());
    node.say(&format!("namespace killed: it is home, as {}", node.link_name(&pci)));
    add.verb("DEL").run(&node.host).empty();
}

/// What DEL may have for a namespace that is gone.
fn without_a_namespace(call: &Invocation) -> [Invocation; 3] {
    [call.clone().without("CNI_NETNS"), call.clone().netns(""), call.clone().netns("/etc/hostname")]
}

fn del_1_a_late_del_brings_home_what_came_back_without_an_agent(node: &Node) {
    node.declare(POOL, &pool(1));
    let eni = one(node);
    node.kill();
    let before = node.host.snapshot(&[]);
    for way in 0..3 {
        let pod = node.pod("pod1");
        let add = node.add(&pod, "c1", POOL);
        drop(add.run(&node.host).result());
        pod.destroy();
        node.until("the kernel has it back", || !node.link_name(&node.pci(&eni)).is_empty());
        assert_eq!(node.link_name(&node.pci(&eni)), "net1", "the kernel gives it back as it was in the pod");
        let del = without_a_namespace(&add.verb("DEL"))[way].clone();
        del.run(&node.host).empty();
        before.assert_same(&node.host.snapshot(&[]));
        assert!(node.store().records().expect("the records").is_empty());
        del.run(&node.host).empty();
    }
}

fn nam_1_two_nics_that_come_back_at_once_get_their_own_names(node: &Node) {
    node.declare(POOL, &pool(2));
    let enis = node.ready(POOL, 2);
    let before = node.host.snapshot(&[]);
    let pods = ["pod1", "pod2"].map(|name| node.pod(name));
    for (pod, container) in pods.iter().zip(["c1", "c2"]) {
        drop(node.add(pod, container, POOL).run(&node.host).result());
    }
    // What the kernel makes of it is to be seen before the agent does something about it.
    node.kill();
    pods.iter().for_each(PodNetns::destroy);
    let names = || enis.iter().map(|eni| node.link_name(&node.pci(eni))).collect::<Vec<String>>();
    node.until("both are back", || names().iter().all(|name| !name.is_empty()));
    assert!(names().contains(&"net1".to_owned()) && names()[0] != names()[1], "{:?}", names());
    node.say(&format!("two namespaces killed at once: the kernel calls the NICs {}", names().join(" and ")));
    node.start();
    node.ready(POOL, 2);
    before.assert_same(&node.host.snapshot(&[]));
    node.say(&format!("and the agent calls them {} again", names().join(" and ")));
    let pods = ["pod3", "pod4"].map(|name| node.pod(name));
    for (pod, container) in pods.iter().zip(["c3", "c4"]) {
        drop(node.add(pod, container, POOL).run(&node.host).result());
        reaches_the_vpc(pod);
    }
}

fn nam_4_a_link_that_is_up_is_renamed_where_the_kernel_refuses_that(node: &Node) {
    node.declare(POOL, &pool(1));
    let eni = one(node);
    node.kill();
    let (name, before) = (eni.host_name.to_string(), node.host.snapshot(&[]));
    node.host.command("ip").args(["link", "set", &name, "up"]).run();
    let refused = node.host.command("ip").args(["link", "set", &name, "name", "other"]).output();
    assert!(!refused.status.success(), "this kernel renames a link that is up, so this scenario shows nothing");
    let pod = node.pod("pod1");
    let call = node.call(&pod, "c1", &json!({"pool": POOL}));
    drop(call.run(&node.host).result());
    assert!(!pod.snapshot().about("link net1 up ").is_empty(), "{:?}", pod.snapshot());
    call.verb("DEL").run(&node.host).empty();
    before.assert_same(&node.host.snapshot(&[]));
}

/// A runtime that tries again while it is told to.
fn until_added(node: &Node, add: &Invocation) -> Value {
    let mut result = Value::Null;
    node.until("the pod has its interface", || {
        let outcome = add.run(&node.host);
        if outcome.output.status.success() {
            result = outcome.result();
            return true;
        }
        let code = outcome.error().code;
        assert!([11, 103].contains(&code), "{}", outcome.output);
        false
    });
    result
}

fn con_3_after_a_slow_del_only_the_next_pods_settings_are_in_force(node: &Node) {
    node.declare(POOL, &pool(1));
    let eni = one(node);
    let ipam = FakeIpam::install(node.host.folder().join("fake"));
    let config = |mtu: u32| json!({"eni": eni.network_interface_id, "mtu": mtu, "ipam": {"type": "fake-ipam"}});
    ipam.answers(
        "ADD",
        &[Answer::addresses("1.0.0", &["10.0.1.201/24"]), Answer::addresses("1.0.0", &["10.0.1.202/24"])],
    );
    let held = Answer::HoldUntil { released: "go".into(), then: Box::new(Answer::nothing()) };
    ipam.answers("DEL", &[held, Answer::nothing()]);
    let (old, new) = (node.pod("old"), node.pod("new"));
    let first = node.call(&old, "c1", &config(1300)).search(ipam.folder());
    drop(first.run(&node.host).result());
    let del = first.verb("DEL").spawn(&node.host);
    ipam.wait_for_calls("DEL", 1);
    old.destroy();
    let second = node.call(&new, "c2", &config(1400)).search(ipam.folder());
    let early = second.spawn(&node.host);
    ipam.release("go");
    Outcome::of(del).empty();
    if !Outcome::of(early).output.status.success() {
        until_added(node, &second);
    }
    let snapshot = new.snapshot();
    let link = snapshot.about("link net1 up ").concat();
    assert!(link.contains("mtu 1400"), "{snapshot:?}");
    assert_eq!(snapshot.about("address net1 10.").len(), 1, "{snapshot:?}");
    let records = node.store().records().expect("the records");
    let holders: Vec<&str> = records.iter().map(|record| record.owner.container_id.as_str()).collect();
    assert_eq!(holders, ["c2"]);
    second.verb("DEL").run(&node.host).empty();
}

fn a_nic_that_is_unplugged_in_a_pod_is_no_obstacle_to_del(node: &Node) {
    node.declare(POOL, &pool(1));
    let eni = one(node);
    let pod = node.pod("pod1");
    let add = node.add(&pod, "c1", POOL);
    drop(add.run(&node.host).result());
    node.detach_by_hand(&eni);
    node.until("the NIC is gone from the pod", || pod.snapshot().about("link net1 ").is_empty());
    add.verb("DEL").run(&node.host).empty();
    // The pool has one again, this or another, as soon as EC2 has said twice that this is gone.
    node.until("nobody has the NIC any more", || node.store().records().expect("the records").is_empty());
    let next = one(node);
    node.say(&format!(
        "unplugged in a pod: DEL came right, and {} is there for the next one",
        next.network_interface_id
    ));
    let pod = node.pod("pod2");
    drop(node.add(&pod, "c2", POOL).run(&node.host).result());
    reaches_the_vpc(&pod);
}
