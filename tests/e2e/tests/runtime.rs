//! The plugins under real runtimes and beside the real plugins of others: containerd's CRI, cnitool, and lists with
//! Debian's `bridge`, `sbr`, `tuning` and `portmap`, and with its `host-local` and `static` for the addresses.

use std::path::PathBuf;

use e2e::lab::POOL;
use e2e::{Cnitool, Containerd, Lab, PodNetns, Snapshot, binaries};
use node::record::Record;
use serde_json::{Value, json};

fn network(plugins: &[Value]) -> Value {
    json!({"cniVersion": "1.0.0", "name": "vpc", "plugins": plugins})
}

fn multi_eni() -> Value {
    multi_eni_with(&json!({"type": "multi-eni-ipam"}))
}

fn multi_eni_with(ipam: &Value) -> Value {
    json!({"type": "multi-eni", "pool": POOL, "ipam": ipam})
}

fn ours() -> [PathBuf; 2] {
    [binaries::multi_eni(), binaries::multi_eni_ipam()]
}

fn cnitool(lab: &Lab, plugins: &[Value]) -> Cnitool {
    let settings = lab.settings().display().to_string();
    Cnitool::new(&lab.host, &network(plugins), &ours()).env("MULTI_ENI_NODE_TOML", &settings)
}

/// What has to be as it was once an attachment is gone.
struct Before {
    host: Snapshot,
    pod: Snapshot,
}

impl Before {
    fn of(lab: &Lab, pod: &PodNetns) -> Self {
        Self { host: lab.host.snapshot(&[]), pod: pod.snapshot() }
    }

    #[track_caller]
    fn assert_same(&self, lab: &Lab, pod: &PodNetns) {
        self.host.assert_same(&lab.host.snapshot(&[]));
        self.pod.assert_same(&pod.snapshot());
        assert_eq!(records(lab), []);
    }
}

#[expect(clippy::unwrap_used, reason = "a test's own reading, which fails the test")]
fn records(lab: &Lab) -> Vec<Record> {
    lab.store().records().unwrap()
}

/// Our CHECK with the result of the whole list, where that of another plugin of the list fails by itself.
fn check_alone(lab: &Lab, pod: &PodNetns, mut plugin: Value, result: Value) {
    plugin["prevResult"] = result;
    plugin["name"] = json!("vpc");
    let owner = records(lab).remove(0).owner;
    lab.call(pod, &owner.container_id, &plugin).verb("CHECK").ifname("eth0").run(&lab.host).empty();
}

fn ping(pod: &PodNetns, address: &str) {
    pod.command("ping").args(["-c1", "-W5", address]).run();
}

#[test]
fn containerd_gives_a_pod_an_eni_as_its_only_network() {
    let lab = Lab::with_enis(1);
    let before = lab.host.snapshot(&[]);
    let list = network(&[multi_eni_with(&json!({"type": "multi-eni-ipam", "defaultRoute": true}))]);
    let settings = lab.settings().display().to_string();
    let containerd = Containerd::start_with(&lab.host, &list, &ours(), &[("MULTI_ENI_NODE_TOML", &settings)]);
    let pod = containerd.run_pod("pod1").expect("a pod");
    let mut addresses = pod.addresses();
    addresses.sort();
    assert_eq!(addresses, ["10.0.1.11", "2001:db8:0:1::11"]);
    let record = records(&lab).remove(0);
    assert_eq!(record.owner.container_id, pod.id());
    assert_eq!(record.pod.as_ref().map(|pod| pod.name.as_str()), Some("pod1"));

    let container = pod.start_container("main").expect("a container");
    let links = container.exec(&["ip", "link", "show", "eth0"]);
    let mac = lab.enis[0].facts().unwrap().mac.to_string();
    assert!(links.contains(&mac) && links.contains("UP"), "{links}");
    let shown = container.exec(&["ip", "addr", "show", "eth0"]);
    assert!(shown.contains("10.0.1.11/24") && shown.contains("2001:db8:0:1::11/64"), "{shown}");
    let routes = container.exec(&["ip", "route"]);
    assert!(routes.contains("default via 10.0.1.1 dev eth0"), "{routes}");
    let echoed = container.exec(&["ping", "-c1", "-W5", "10.0.1.1"]);
    assert!(echoed.contains("1 packets received"), "{echoed}");

    container.stop().expect("the container stopped");
    container.remove().expect("the container removed");
    pod.stop().expect("the pod stopped");
    pod.remove().expect("the pod removed");
    before.assert_same(&lab.host.snapshot(&[]));
    assert_eq!(records(&lab), []);
}

#[test]
fn the_next_pod_of_containerd_gets_the_eni_of_a_removed_one() {
    let lab = Lab::with_enis(1);
    let settings = lab.settings().display().to_string();
    let list = network(&[multi_eni()]);
    let containerd = Containerd::start_with(&lab.host, &list, &ours(), &[("MULTI_ENI_NODE_TOML", &settings)]);
    let first = containerd.run_pod("pod1").expect("a pod");
    let refused = containerd.run_pod("pod2").expect_err("no pod without an ENI");
    assert!(refused.message().contains("multi-eni"), "{refused}");
    first.stop().expect("the pod stopped");
    first.remove().expect("the pod removed");
    let second = containerd.run_pod("pod2").expect("a pod");
    assert!(second.addresses().contains(&"10.0.1.11".to_string()));
}

#[test]
fn cnitool_adds_checks_and_deletes_an_eni() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let before = Before::of(&lab, &pod);
    let cnitool = cnitool(&lab, &[multi_eni()]);
    let result = cnitool.add(&pod);
    assert_eq!(result["cniVersion"], "1.0.0");
    assert_eq!(result["interfaces"][0]["name"], "eth0");
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24");
    cnitool.check(&pod);
    ping(&pod, "10.0.1.1");
    cnitool.del(&pod);
    before.assert_same(&lab, &pod);
    cnitool.del(&pod);
}

#[test]
fn sbr_and_tuning_of_debian_work_on_an_eni() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let before = Before::of(&lab, &pod);
    let tuning = json!({"type": "tuning", "mtu": 1400, "sysctl": {"net.ipv4.conf.net1.arp_filter": "1"}});
    // In CHECK, tuning does not know IFNAME.
    let cnitool = cnitool(&lab, &[multi_eni(), json!({"type": "sbr"}), tuning]).env("CNI_IFNAME", "net1");
    let result = cnitool.add(&pod);
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24");
    let rules = pod.command("ip").args(["rule", "show", "table", "100"]).run();
    assert!(rules.contains("from 10.0.1.11"), "{rules}");
    let routes = pod.command("ip").args(["route", "show", "table", "100"]).run();
    assert!(routes.contains("default via 10.0.1.1 dev net1") && routes.contains("10.0.0.0/16"), "{routes}");
    let link = pod.command("ip").args(["link", "show", "net1"]).run();
    assert!(link.contains("mtu 1400"), "{link}");
    assert_eq!(pod.command("cat").arg("/proc/sys/net/ipv4/conf/net1/arp_filter").run(), "1\n");
    pod.command("ping").args(["-I", "10.0.1.11", "-c1", "-W5", "10.0.1.1"]).run();
    cnitool.check(&pod);
    cnitool.del(&pod);
    before.assert_same(&lab, &pod);
}

#[test]
fn portmap_of_debian_maps_to_the_address_of_an_eni() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let before = Before::of(&lab, &pod);
    let portmap = json!({"type": "portmap", "capabilities": {"portMappings": true}});
    let mappings = r#"{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}"#;
    let cnitool = cnitool(&lab, &[multi_eni(), portmap]).env("CAP_ARGS", mappings);
    let result = cnitool.add(&pod);
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24");
    let mapped = || lab.host.command("iptables").args(["-w", "-t", "nat", "-S"]).run().contains("10.0.1.11:80");
    assert!(mapped());
    // The CHECK of portmap looks for the rules of IPv4 among those of IPv6 too.
    check_alone(&lab, &pod, multi_eni(), result);
    cnitool.del(&pod);
    assert!(!mapped());
    before.assert_same(&lab, &pod);
}

#[test]
fn after_a_bridge_an_eni_is_the_second_interface() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let inside = pod.snapshot();
    let addresses = json!({"type": "host-local", "subnet": "10.9.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]});
    let bridge = json!({"type": "bridge", "bridge": "br0", "isGateway": true, "ipam": addresses});
    let mut second = multi_eni();
    second["interfaceName"] = json!("net1");
    let cnitool = cnitool(&lab, &[bridge, second.clone()]);
    let result = cnitool.add(&pod);
    let sandbox = pod.path().display().to_string();
    let interfaces = result["interfaces"].as_array().unwrap();
    let of_address = |address: &str| {
        let ip = result["ips"].as_array().unwrap().iter().find(|ip| ip["address"] == address).expect(address);
        &interfaces[usize::try_from(ip["interface"].as_u64().expect("an index")).unwrap()]
    };
    let expected = [("10.9.0.2/24", "eth0"), ("10.0.1.11/24", "net1"), ("2001:db8:0:1::11/64", "net1")];
    for (address, name) in expected {
        assert_eq!(of_address(address)["name"], name, "{result:#}");
        assert_eq!(of_address(address)["sandbox"], *sandbox, "{result:#}");
    }
    assert_eq!(interfaces.len(), 4, "{result:#}");
    let default = pod.command("ip").args(["route", "show", "default"]).run();
    assert!(default.contains("via 10.9.0.1 dev eth0"), "{default}");
    ping(&pod, "10.9.0.1");
    ping(&pod, "10.0.1.1");
    // The bridge plugin's own CHECK wants every address of the result on its interface.
    check_alone(&lab, &pod, second, result);
    cnitool.del(&pod);
    inside.assert_same(&pod.snapshot());
    assert_eq!(records(&lab), []);
}

#[test]
fn host_local_gives_the_address_of_an_eni() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let before = Before::of(&lab, &pod);
    let range = json!({"subnet": "10.0.1.0/24", "rangeStart": "10.0.1.11", "rangeEnd": "10.0.1.11"});
    let ipam = json!({"type": "host-local", "ranges": [[range]], "routes": [{"dst": "0.0.0.0/0"}]});
    let cnitool = cnitool(&lab, &[multi_eni_with(&ipam)]);
    let reserved = || lab.host.run(|| std::path::Path::new("/var/lib/cni/networks/vpc/10.0.1.11").exists());
    assert_eq!(cnitool.add(&pod)["ips"][0]["address"], "10.0.1.11/24");
    assert!(reserved());
    let default = pod.command("ip").args(["route", "show", "default"]).run();
    assert!(default.contains("via 10.0.1.1 dev eth0"), "{default}");
    ping(&pod, "10.0.1.1");
    cnitool.check(&pod);
    cnitool.del(&pod);
    assert!(!reserved());
    before.assert_same(&lab, &pod);
}

#[test]
fn static_gives_the_secondary_address_of_an_eni() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let before = Before::of(&lab, &pod);
    let addresses = json!([{"address": "10.0.1.101/24", "gateway": "10.0.1.1"}]);
    let ipam = json!({"type": "static", "addresses": addresses, "routes": [{"dst": "10.0.0.0/16"}]});
    let cnitool = cnitool(&lab, &[multi_eni_with(&ipam)]);
    assert_eq!(cnitool.add(&pod)["ips"][0]["address"], "10.0.1.101/24");
    let routes = pod.command("ip").arg("route").run();
    assert!(routes.contains("10.0.0.0/16 via 10.0.1.1 dev eth0"), "{routes}");
    ping(&pod, "10.0.1.1");
    cnitool.check(&pod);
    cnitool.del(&pod);
    before.assert_same(&lab, &pod);
}
