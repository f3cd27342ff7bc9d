//! The samples of `conf/`: each is what its page says, and our plugins take each.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says why and fails"
)]

use std::fs;
use std::path::PathBuf;

use e2e::lab::{POOL, pool};
use e2e::{Cnitool, Invocation, Lab, binaries, cases};
use node::inventory::{Entry, Sharing};
use node::settings::Settings;
use serde_json::{Value, json};

/// The keys that a runtime adds to each plugin of a list before it runs it.
const OF_THE_LIST: [&str; 2] = ["cniVersion", "name"];

fn conf(path: &str) -> PathBuf {
    cases::tree().join("conf").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(conf(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn names(folder: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(conf(folder)).unwrap().map(|entry| entry.unwrap().path());
    let samples = entries.filter(|path| path.extension().is_some_and(|found| found == ending));
    let mut names: Vec<String> =
        samples.map(|path| path.strip_prefix(conf("")).unwrap().display().to_string()).collect();
    assert!(!names.is_empty(), "no .{ending} in conf/{folder}");
    names.sort();
    names
}

/// The network configuration list of a sample, a single configuration as a list of one.
fn list(name: &str) -> Value {
    let text = read(name);
    let json = if name.ends_with(".yaml") { embedded(&text) } else { text };
    let network: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
    match network.get("plugins") {
        Some(_) => network,
        None => {
            json!({"cniVersion": network["cniVersion"], "name": network["name"], "plugins": [network]})
        }
    }
}

/// The block after `config: |` of a manifest, which ends it.
fn embedded(manifest: &str) -> String {
    let (_, block) = manifest.split_once("  config: |\n").expect("a block of the network configuration");
    assert!(block.lines().all(|line| line.starts_with("    ")), "more after the configuration: {block}");
    block.into()
}

fn all() -> Vec<(String, Value)> {
    let names = [names("", "conflist"), names("nad", "yaml")].concat();
    names.into_iter().map(|name| (name.clone(), list(&name))).collect()
}

/// What a runtime gives to each plugin of a list.
fn plugins(network: &Value) -> Vec<Value> {
    let plugins = network["plugins"].as_array().expect("the plugins of the list");
    let with_list = |plugin: &Value| {
        let mut config = plugin.clone();
        OF_THE_LIST.iter().for_each(|key| config[key] = network[key].clone());
        config
    };
    plugins.iter().map(with_list).collect()
}

/// What a plugin before ours in a list would have made in this namespace.
fn prev_result(sandbox: &str) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "eth0", "mac": "0a:00:00:00:00:01", "sandbox": sandbox}],
        "ips": [{"address": "10.244.0.2/24", "interface": 0}],
    })
}

#[test]
fn every_sample_is_of_version_1_0_0_and_has_a_name_of_its_own() {
    let mut seen = Vec::new();
    for (name, network) in all() {
        assert_eq!(network["cniVersion"], "1.0.0", "{name}");
        let title = network["name"].as_str().expect("a name").to_string();
        // A manifest may be the same network as a list.
        let place = (name.ends_with(".yaml"), title);
        assert!(!seen.contains(&place), "{name} has the name of another sample");
        seen.push(place);
    }
}

#[test]
fn every_sample_is_taken_by_the_plugin_until_it_asks_for_a_device() {
    let lab = Lab::with_enis(0);
    let pod = lab.host.netns("pod");
    for (name, network) in all() {
        for mut config in plugins(&network).into_iter().filter(|config| config["type"] == "multi-eni") {
            if config.get("interfaceName").is_some() {
                config["prevResult"] = prev_result(&pod.path().display().to_string());
            }
            let names_a_device = config.get("pool").is_none();
            let error = lab.call(&pod, "c1", &config).run(&lab.host).error();
            // A device that no inventory has is a fault of the configuration once an agent was there.
            let expected = if names_a_device { 7 } else { 11 };
            assert_eq!(error.code, expected, "{name}: {error:?}");
            let said = if names_a_device { "this node has no device" } else { "has no free ENI" };
            assert!(error.msg.contains(said), "{name}: {error:?}");
        }
    }
}

#[test]
fn every_sample_without_a_bridge_or_ipvlan_gives_a_pod_its_eni_and_takes_it_back() {
    for (name, mut network) in all().into_iter().filter(|(_, network)| network["plugins"][0]["type"] == "multi-eni") {
        let lab = Lab::with_enis(1);
        let entry = lab.entry(0);
        fit(&mut network, &entry);
        lab.write_entry(&entry_of(&network, &entry));
        let pod = lab.host.netns("pod");
        let cnitool = Cnitool::new(&lab.host, &network, &[binaries::multi_eni(), binaries::multi_eni_ipam()])
            .env("MULTI_ENI_NODE_TOML", &lab.settings().display().to_string())
            .env("CNI_IFNAME", "net1");
        let before = (lab.host.snapshot(&[]), pod.snapshot());
        let result = cnitool.add(&pod);
        assert_eq!(result["interfaces"][0]["name"], "net1", "{name}: {result:#}");
        cnitool.check(&pod);
        cnitool.del(&pod);
        before.0.assert_same(&lab.host.snapshot(&[]));
        before.1.assert_same(&pod.snapshot());
    }
}

/// Puts the lab's own ENI in the place of the one that a sample names.
fn fit(network: &mut Value, entry: &Entry) {
    if network["plugins"][0].get("eni").is_some() {
        network["plugins"][0]["eni"] = entry.network_interface_id.to_string().into();
    }
}

/// The lab's ENI in the pool that a sample names.
fn entry_of(network: &Value, entry: &Entry) -> Entry {
    let name = network["plugins"][0]["pool"].as_str().unwrap_or(POOL);
    Entry { pool: Some(pool(name, Sharing::Exclusive)), ..entry.clone() }
}

#[test]
fn the_sample_after_a_bridge_adds_an_eni_to_the_pod() {
    let lab = Lab::with_enis(1);
    let network = list("bridge-and-eni.conflist");
    let name = network["plugins"][1]["pool"].as_str().expect("the sample's pool");
    lab.write_entry(&Entry { pool: Some(pool(name, Sharing::Exclusive)), ..lab.entry(0) });
    let pod = lab.host.netns("pod");
    let cnitool = Cnitool::new(&lab.host, &network, &[binaries::multi_eni(), binaries::multi_eni_ipam()])
        .env("MULTI_ENI_NODE_TOML", &lab.settings().display().to_string());
    assert_eq!(cnitool.add(&pod)["ips"][1]["address"], "10.0.1.11/24");
    pod.command("ping").args(["-c1", "-W10", "-I", "net1", "10.0.1.1"]).run();
    pod.command("ping").args(["-c1", "-W10", "-I", "eth0", "10.244.0.1"]).run();
    cnitool.check(&pod);
    cnitool.del(&pod);
    assert!(lab.host.snapshot(&[]).about("link eth1 down").len() == 1, "the ENI is not home");
}

/// The kernel of a test machine may lack ipvlan: what the sample asks of us is asked directly.
#[test]
fn the_samples_under_ipvlan_get_an_address_of_the_shared_eni() {
    for name in ["shared-ipvlan.conflist", "nad/shared-ipvlan.yaml"] {
        let lab = Lab::with_enis(1);
        let config = plugins(&list(name)).remove(0);
        let master = config["master"].as_str().expect("the sample's master").to_string();
        lab.host.command("ip").args(["link", "set", "eth1", "name", &master]).run();
        lab.write_entry(&Entry { pool: Some(pool(POOL, Sharing::Shared)), ..lab.entry(0) });
        let pod = lab.host.netns("pod");
        let ask = Invocation::new(binaries::multi_eni_ipam())
            .netns(pod.path())
            .env("MULTI_ENI_NODE_TOML", lab.settings().display().to_string())
            .config(&config);
        let result = ask.clone().run(&lab.host).result();
        assert_eq!(result["ips"][0]["address"], "10.0.1.101/24", "{name}: {result:#}");
        ask.verb("DEL").run(&lab.host).empty();
    }
}

#[test]
fn the_sample_of_the_nodes_settings_is_the_defaults() {
    assert_eq!(Settings::read(&conf("node.toml")).unwrap(), Settings::default());
}

#[test]
fn what_the_nodes_settings_have_as_a_comment_is_right_too() {
    let is_key =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let text: String = read("node.toml")
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line).to_string() + "\n")
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    fs::write(&path, text).unwrap();
    let allow = Settings::read(&path).unwrap().allow.expect("a table `allow`");
    let lists = [allow.mac_addresses.len(), allow.pci_addresses.len(), allow.subnet_ids.len(), allow.tags.len()];
    assert!(!lists.contains(&0), "a key of `allow` is not shown: {allow:?}");
}

#[test]
fn the_readme_shows_the_samples_as_they_are() {
    let readme = fs::read_to_string(cases::tree().join("README.md")).unwrap();
    let blocks = |language: &str| {
        let start = format!("```{language}\n");
        let after = readme.split(start.as_str()).skip(1);
        after.map(|rest| rest.split_once("```").expect("its end").0).collect::<Vec<_>>()
    };
    let [json] = blocks("json")[..] else { panic!("one block of JSON") };
    let shown: Value = serde_json::from_str(json).unwrap();
    assert_eq!(shown, list("10-multi-eni.conflist"));
    let [pool, attachment, pod] = blocks("yaml")[..] else { panic!("three blocks of YAML") };
    assert_eq!(pool, read("nodeenis/data-plane.yaml"));
    assert_eq!(embedded(attachment), embedded(&read("nad/data-plane.yaml")));
    assert_eq!(pod, read("pods/dpdk.yaml"));
}

/// The resource is named in four places, which do not know each other.
#[test]
fn the_samples_for_dpdk_name_one_resource_and_one_pool() {
    let yaml =
        |name: &str| serde_saphyr::from_str::<Value>(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (pool, attachment, pod) = (yaml("nodeenis/dpdk.yaml"), yaml("nad/dpdk.yaml"), yaml("pods/dpdk.yaml"));
    let resource = pool["spec"]["resourceName"].as_str().expect("the pool's resource");
    assert_eq!(attachment["metadata"]["annotations"]["k8s.v1.cni.cncf.io/resourceName"], resource);
    assert_eq!(plugins(&list("nad/dpdk.yaml"))[0]["pool"], pool["metadata"]["name"]);
    assert_eq!(pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"], attachment["metadata"]["name"]);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"][resource], 1);
    let variable = format!("$(PCIDEVICE_{})", resource.to_uppercase().replace(['.', '/'], "_"));
    assert!(container["command"].as_array().unwrap().contains(&variable.into()));
}

/// Of what it gets its ENIs from, all is among the samples.
#[test]
fn the_sample_pods_ask_for_sample_networks_of_sample_pools() {
    let yaml =
        |name: &str| serde_saphyr::from_str::<Value>(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for name in names("pods", "yaml") {
        let asked = yaml(&name)["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"].as_str().unwrap().to_string();
        for network in asked.split(',').map(|one| one.trim().split('@').next().unwrap()) {
            let attachment = format!("nad/{network}.yaml");
            assert_eq!(yaml(&attachment)["metadata"]["name"], network, "{name}");
            let plugin = plugins(&list(&attachment)).remove(0);
            let pool = plugin.get("pool").map_or("shared", |pool| pool.as_str().unwrap());
            assert_eq!(yaml(&format!("nodeenis/{pool}.yaml"))["metadata"]["name"], pool, "{name}");
        }
    }
}

#[test]
fn the_sample_of_several_enis_gives_one_pod_two_that_answer_in_one_subnet() {
    let lab = Lab::with_enis(2);
    let config = plugins(&list("nad/several-enis.yaml")).remove(0);
    for index in 0..2 {
        lab.write_entry(&entry_of(&json!({"plugins": [config]}), &lab.entry(index)));
    }
    let pod = lab.host.netns("pod");
    for interface in ["net1", "net2"] {
        drop(lab.call(&pod, "c1", &config).ifname(interface).run(&lab.host).result());
    }
    for address in ["10.0.1.11", "10.0.1.12"] {
        pod.command("ping").args(["-c1", "-W10", "-I", address, "10.0.1.1"]).run();
    }
}

#[test]
fn the_page_of_the_samples_names_each_of_them() {
    let page = read("README.md");
    for name in all().into_iter().map(|(name, _)| name).chain(names("pods", "yaml")).chain(["node.toml".to_string()]) {
        assert!(page.contains(&format!("`{name}`")), "conf/README.md does not name {name}");
    }
}
