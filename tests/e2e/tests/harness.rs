//! The harness, proven with the reference plugins of others: where these pass and a test of ours does not, the fault is
//! ours.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::{Answer, Cnitool, Containerd, FakeIpam, Host, Invocation, Outcome, Pod, binaries};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn bridge_network(ipam: &Value) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "harness",
        "plugins": [{"type": "bridge", "bridge": "br0", "isGateway": true, "ipam": ipam}],
    })
}

fn host_local() -> Value {
    json!({"type": "host-local", "subnet": "10.9.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]})
}

fn loopback() -> Invocation {
    let config = json!({"cniVersion": "1.0.0", "name": "harness", "type": "loopback"});
    Invocation::new(binaries::reference("loopback")).ifname("lo").config(&config)
}

fn static_with(fake: &FakeIpam) -> Invocation {
    let config = json!({"cniVersion": "1.0.0", "name": "harness", "type": "bridge", "ipam": {"type": "fake-ipam"}});
    Invocation::new(binaries::reference("bridge")).search(fake.folder()).config(&config)
}

#[test]
fn containerd_runs_a_pod_on_a_bridge() {
    let host = Host::new();
    let containerd = Containerd::start(&host, &bridge_network(&host_local()), &[]);
    assert_eq!(containerd.unmet_conditions(), Vec::<String>::new());
    let pod = containerd.run_pod("pod1").expect("a pod");
    let container = pod.start_container("main").expect("a container");
    let shown = container.exec(&["ip", "addr", "show", "eth0"]);
    assert_eq!(pod.addresses().len(), 1);
    assert!(shown.contains(&format!("{}/24", pod.addresses()[0])), "{shown}");
    host.command("ping").args(["-c1", "-W5", &pod.addresses()[0]]).run();

    let netns = pod.netns();
    let mounted = netns.file_name().unwrap().to_str().unwrap().to_string();
    assert!(host.run(move || fs::read_to_string("/proc/thread-self/mountinfo").unwrap().contains(&mounted)));
    container.stop().expect("the container stopped");
    container.remove().expect("the container removed");
    pod.stop().expect("the pod stopped");
    pod.remove().expect("the pod removed");
    assert!(!host.run(move || netns.exists()));
}

#[test]
fn containerd_tells_the_error_of_a_plugin() {
    let host = Host::new();
    let fake = FakeIpam::install(host.folder().join("ipam"));
    fake.answers("ADD", &[Answer::fail(11, "nothing free today")]);
    let containerd = Containerd::start(&host, &bridge_network(&json!({"type": "fake-ipam"})), &[fake.path()]);
    let error = containerd.run_pod("pod1").expect_err("no pod");
    assert!(error.message().contains("nothing free today"), "{error}");
    let asked = fake.calls_of("ADD");
    assert!(asked[0].environment["CNI_ARGS"].contains("K8S_POD_NAME=pod1"), "{asked:?}");
}

#[test]
fn pods_of_a_restarted_containerd_go_on() {
    let host = Host::new();
    let mut containerd = Containerd::start(&host, &bridge_network(&host_local()), &[]);
    let (id, address) = {
        let pod = containerd.run(Pod::config("pod1")).expect("a pod");
        (pod.id().to_string(), pod.addresses()[0].clone())
    };
    containerd.restart();
    host.command("ping").args(["-c1", "-W5", &address]).run();
    let request = e2e::cri::PodSandboxRequest { pod_sandbox_id: id, verbose: false };
    let e2e::cri::Empty {} = containerd.cri().call("StopPodSandbox", request).expect("the pod stopped");
}

#[test]
fn cnitool_adds_checks_and_deletes() {
    let host = Host::new();
    let pod = host.netns("pod1");
    let cnitool = Cnitool::new(&host, &bridge_network(&host_local()), &[]);
    let before = pod.snapshot();
    let result = cnitool.add(&pod);
    assert_eq!(result["ips"][0]["address"], "10.9.0.2/24");
    cnitool.check(&pod);
    assert_eq!(pod.snapshot().about("address eth0 10."), ["address eth0 10.9.0.2/24 scope global"]);
    assert!(before.changes_to(&pod.snapshot()).contains("+ route inet table main type unicast dst default"));
    cnitool.del(&pod);
    before.assert_same(&pod.snapshot());
}

#[test]
fn an_invocation_gives_result_and_error_apart() {
    let host = Host::new();
    let pod = host.netns("pod1");
    assert_eq!(loopback().netns(pod.path()).run(&host).result()["interfaces"][0]["name"], "lo");
    let error = loopback().without("CNI_NETNS").run(&host).error();
    assert!(error.msg.contains("CNI_NETNS"), "{error:?}");
    loopback().verb("DEL").netns(pod.path()).run(&host).empty();
}

#[test]
fn the_fake_ipam_answers_in_turn_and_tells_its_calls() {
    let host = Host::new();
    let pod = host.netns("pod1");
    let fake = FakeIpam::install(host.folder().join("ipam"));
    fake.answers("ADD", &[Answer::fail(101, "full"), Answer::addresses("1.0.0", &["10.9.0.7/24"])]);
    let add = static_with(&fake).netns(pod.path());
    assert_eq!(add.run(&host).error().code, 101);
    // The bridge plugin leaves its link when IPAM fails.
    let again = add.ifname("eth1");
    assert_eq!(again.run(&host).result()["ips"][0]["address"], "10.9.0.7/24");
    again.verb("DEL").run(&host).empty();
    let verbs: Vec<String> = fake.calls().iter().map(|call| call.verb().to_string()).collect();
    assert_eq!(verbs, ["ADD", "ADD", "DEL"]);
    assert_eq!(fake.calls()[0].config()["ipam"]["type"], "fake-ipam");
}

#[test]
fn the_fake_ipam_holds_a_plugin_until_it_is_released() {
    let host = Host::new();
    let pod = host.netns("pod1");
    let fake = FakeIpam::install(host.folder().join("ipam"));
    let then = Box::new(Answer::addresses("1.0.0", &["10.9.0.7/24"]));
    fake.answers("ADD", &[Answer::HoldUntil { released: "go".into(), then }]);
    let mut running = static_with(&fake).netns(pod.path()).spawn(&host);
    fake.wait_for_calls("ADD", 1);
    assert!(running.is_running());
    fake.release("go");
    assert_eq!(Outcome::of(running).result()["ips"][0]["address"], "10.9.0.7/24");
}

#[test]
fn a_crash_of_the_fake_ipam_is_a_plugins_failure() {
    let host = Host::new();
    let pod = host.netns("pod1");
    let fake = FakeIpam::install(host.folder().join("ipam"));
    fake.answers("ADD", &[Answer::Crash { signal: Signal::SIGSEGV as i32 }]);
    let error = static_with(&fake).netns(pod.path()).run(&host).error();
    assert!(error.msg.contains("segmentation fault"), "{error:?}");
}

#[test]
fn a_snapshot_tells_what_changed() {
    let host = Host::new();
    let before = host.snapshot(&["/run/here"]);
    host.command("ip").args(["link", "add", "left", "type", "veth", "peer", "name", "right"]).run();
    host.command("ip").args(["link", "set", "left", "alias", "eni-1", "mtu", "1400", "up"]).run();
    host.command("ip").args(["link", "property", "add", "dev", "left", "altname", "another"]).run();
    host.command("ip").args(["address", "add", "10.1.0.5/24", "dev", "left"]).run();
    host.command("ip").args(["rule", "add", "from", "10.1.0.5", "lookup", "100"]).run();
    host.run(|| {
        fs::create_dir("/run/here").unwrap();
        fs::write("/run/here/file", "content").unwrap();
    });
    let after = host.snapshot(&["/run/here"]);
    let link = after.about("link left up ");
    assert!(link.len() == 1 && link[0].ends_with(r#"mtu 1400 altnames ["another"] alias eni-1"#), "{after:?}");
    for fact in
        ["+ address left 10.1.0.5/24", "+ route inet table main", "+ rule inet priority", "+ file /run/here/file 0644"]
    {
        assert!(before.changes_to(&after).contains(fact), "{fact} is not in\n{}", before.changes_to(&after));
    }
    host.command("ip").args(["rule", "del", "from", "10.1.0.5", "lookup", "100"]).run();
    host.command("ip").args(["link", "del", "left"]).run();
    host.run(|| fs::remove_dir_all("/run/here").unwrap());
    before.assert_same(&host.snapshot(&["/run/here"]));
}

#[test]
fn a_node_keeps_its_files_to_itself() {
    let host = Host::new();
    let written = ["/etc/multi-eni/node.toml", "/opt/cni/bin/mine", "/var/lib/cni/mine", "/run/multi-eni-harness"];
    host.run(move || {
        for path in written.map(Path::new) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    });
    assert_eq!(written.map(|path| host.run(move || Path::new(path).exists())), [true; 4]);
    assert_eq!(written.map(|path| Path::new(path).exists()), [false; 4]);
    assert_eq!(host.command("ls").arg("/sys/class/net").run(), "lo\n");
}

#[test]
fn processes_end_with_their_node() {
    let host = Host::new();
    let folder = host.folder().to_path_buf();
    let script = "sleep 1000000 >/dev/null 2>&1 </dev/null & echo $$; readlink /proc/self/ns/pid";
    let orphaned = host.command("sh").args(["-c", script]).run();
    let namespace = orphaned.lines().last().unwrap().to_string();
    let living = || {
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("ns/pid"));
        processes.filter_map(|link| fs::read_link(link).ok()).filter(|link| link.to_str() == Some(&namespace)).count()
    };
    assert_eq!(living(), 2);
    drop(host);
    assert_eq!(living(), 0);
    assert!(!folder.exists());
}

#[test]
fn a_pods_namespace_is_gone_when_it_is_destroyed() {
    let host = Host::new();
    let pod = host.netns("pod1");
    host.command("ip").args(["link", "add", "left", "type", "veth", "peer", "name", "right", "netns", "pod1"]).run();
    assert_eq!(pod.command("ls").arg("/proc/self/net/dev_snmp6").run(), "lo\nright\n");
    pod.destroy();
    // Its end of the pair takes the other one with it, in the kernel's own time.
    host.command("timeout").args(["60", "sh", "-c", "while [ -e /sys/class/net/left ]; do sleep 0.01; done"]).run();
    assert!(!host.run(move || pod.path().exists()));
}

#[test]
#[should_panic(expected = "did not end in time")]
fn a_command_that_does_not_end_fails_its_test() {
    let host = Host::new();
    host.command("sleep").arg("1000000").limit(Duration::from_millis(10)).run();
}

#[test]
fn an_eni_of_the_simulator_moves_to_a_pod_and_home() {
    let host = Host::new();
    let (_fabric, link) = host.run(|| {
        let fabric = ec2sim::Fabric::new();
        let vpc = fabric.vpc("10.0.0.0/16").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").create().unwrap();
        let node = fabric.instance().create().unwrap();
        let eni = subnet.eni().address("10.0.1.10").create().unwrap();
        eni.attach(&node).index(1).named("eth1").now().unwrap();
        (fabric, "eth1")
    });
    let pod = host.netns("pod1");
    let config = json!({
        "cniVersion": "1.0.0", "name": "harness", "type": "host-device", "device": link,
        "ipam": {"type": "static", "addresses": [{"address": "10.0.1.10/24", "gateway": "10.0.1.1"}]},
    });
    let add = Invocation::new(binaries::reference("host-device")).ifname("net1").netns(pod.path()).config(&config);
    let before = host.snapshot(&[]);
    assert_eq!(add.run(&host).result()["ips"][0]["address"], "10.0.1.10/24");
    pod.command("ping").args(["-c1", "-W5", "10.0.1.1"]).run();
    add.verb("DEL").run(&host).empty();
    // The host's name stays behind in the alias, where host-device kept it: snapshots see such a thing.
    let changes = before.changes_to(&host.snapshot(&[]));
    assert!(changes.lines().count() == 2 && changes.ends_with(" mtu 9001 alias eth1\n"), "{changes}");
}
