//! The agent with what its manifests give it, and no more: it does its work; and each capability is needed for some of it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use e2e::manifests::{object, rendered};
use e2e::{Cloud, binaries};
use node::inventory::State;
use serde_json::{Value, json};

const POOL: &str = "data";
const SHARED: &str = "shared";

fn daemon_set() -> Value {
    object(&rendered("install/overlays/eks"), "DaemonSet", "multi-eni-agent").clone()
}

fn node() -> Cloud {
    let cloud = Cloud::builder().agent("release_grace_seconds = 1\nresync_seconds = 1").build();
    cloud.declare(POOL, &json!({"min": 1, "max": 1, "cooldownSeconds": 0}));
    cloud
}

/// Gives a pod the ENI of the pool, and takes the pod away without a DEL.
fn let_a_pod_die(cloud: &Cloud) {
    cloud.until_ready(POOL, 1);
    let pod = cloud.host.netns("pod1");
    drop(cloud.add(&pod, "c1", POOL).run(&cloud.host).result());
    pod.destroy();
}

#[test]
fn the_agent_of_the_manifests_attaches_gives_out_and_takes_back() {
    let cloud = node();
    cloud.declare(SHARED, &json!({"sharing": "shared", "secondaryIPv4Addresses": 1, "max": 1, "linkName": "shared0"}));
    // A router's advertisement would be heard: the agent has to turn that off on the shared link.
    cloud.host.sh("echo 1 >/proc/sys/net/ipv6/conf/default/accept_ra");
    cloud.start_confined(&daemon_set(), &[]);
    cloud.until_ready(POOL, 1);
    cloud.until_ready(SHARED, 1);
    assert_eq!(cloud.host.sh("cat /proc/sys/net/ipv6/conf/shared0/accept_ra").trim(), "0");

    let pod = cloud.host.netns("pod0");
    let call = cloud.add(&pod, "c0", POOL);
    let result = call.run(&cloud.host).result();
    assert_eq!(result["interfaces"][0]["name"], "net1", "{result:#}");
    pod.command("ping").args(["-c1", "-W10", "10.0.1.1"]).run();
    call.verb("DEL").run(&cloud.host).empty();

    // Whether the pod is gone is told by the namespaces of all processes; its addresses go by the IPAM plugin of the image.
    let_a_pod_die(&cloud);
    cloud.until_ready(POOL, 1);
    assert!(cloud.store().records().unwrap().is_empty(), "{cloud}");

    cloud.withdraw(POOL);
    cloud.withdraw(SHARED);
    cloud.until("all is given back", |cloud| cloud.ours().is_empty());
}

#[test]
fn without_net_admin_no_link_is_made_ready() {
    let cloud = node();
    cloud.start_confined(&daemon_set(), &["NET_ADMIN"]);
    cloud.until("the kernel refuses", |cloud| cloud.log().contains("Operation not permitted"));
    assert_eq!(cloud.in_state(POOL, State::Ready), [], "{cloud}");
}

#[test]
fn without_sys_ptrace_the_namespaces_of_processes_are_not_seen() {
    let cloud = node();
    cloud.start_confined(&daemon_set(), &["SYS_PTRACE"]);
    let_a_pod_die(&cloud);
    cloud.until("it is said what lacks", |cloud| cloud.log().contains("CAP_SYS_PTRACE"));
    has_it_with_all_capabilities_only(&cloud);
}

/// The kernel gives the number of a namespace that is gone to the next one. Which of the two it is, a look from outside does not tell.
#[test]
fn without_sys_admin_a_namespace_of_the_same_number_is_taken_for_the_pods() {
    let cloud = node();
    cloud.start_confined(&daemon_set(), &["SYS_ADMIN"]);
    cloud.until_ready(POOL, 1);
    let (pod, next) = (cloud.host.netns("pod1"), cloud.host.netns("pod2"));
    drop(cloud.add(&pod, "c1", POOL).run(&cloud.host).result());
    let path = next.path().to_path_buf();
    let number = cloud.host.run(move || fs::metadata(path).unwrap().ino());
    // As the plugin's word, which also says among which processes it was: not by way of the store, which would say it of the test.
    let file = fs::read_dir(cloud.state_dir().join("attachments")).unwrap().next().unwrap().unwrap().path();
    let mut record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let identity = &mut record["content"]["namespace"]["identity"];
    assert!(identity["cookie"].is_u64(), "this kernel tells namespaces apart by their numbers alone");
    identity["inode"] = number.into();
    let draft = cloud.host.folder().join("record");
    fs::write(&draft, record.to_string()).unwrap();
    fs::rename(draft, file).unwrap();
    pod.destroy();
    has_it_with_all_capabilities_only(&cloud);
}

/// The agent that lacks one leaves the dead pod's ENI alone, and the one that has them gives it back.
fn has_it_with_all_capabilities_only(cloud: &Cloud) {
    let pass = |cloud: &Cloud| cloud.status().unwrap()["lastPass"].as_u64().unwrap();
    let first = pass(cloud);
    cloud.until("the agent has passed for some seconds", |cloud| pass(cloud) >= first + 5);
    assert_eq!(cloud.in_state(POOL, State::InUse).len(), 1, "{cloud}");
    cloud.kill();
    cloud.start_confined(&daemon_set(), &[]);
    cloud.until_ready(POOL, 1);
}

#[test]
fn the_programs_of_the_image_need_nothing_of_the_host() {
    let cloud = node();
    let image = binaries::image_tree();
    for program in ["multi-eni", "multi-eni-ipam"] {
        let plugin = format!("/opt/cni/bin/{program}");
        let said = cloud.host.command("chroot").arg(&image).arg(plugin).env("CNI_COMMAND", "VERSION").run();
        assert!(said.contains("1.1.0"), "{said}");
    }
    let said = cloud.host.command("chroot").arg(&image).args(["/opt/cni/bin/multi-eni-agent", "--version"]).run();
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
}
