//! Devices that others have, the device-info file, and what a pod's start asks of nobody.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use e2e::lab::POOL;
use e2e::{Lab, PodNetns};
use ec2sim::{Imds, Netns};
use serde_json::{Value, json};

const PCI: &str = "0000:00:06.0";

/// A node with one ENI, which sits at [`PCI`].
fn lab_with_pci() -> Lab {
    let lab = Lab::with_enis(1);
    let mut entry = lab.entry(0);
    entry.pci_address = Some(PCI.parse().unwrap());
    lab.write_entry(&entry);
    lab
}

fn own_ipam() -> Value {
    json!({"type": "multi-eni-ipam"})
}

#[test]
fn dev_4_a_device_that_a_pod_has_is_refused_with_both_named() {
    let lab = lab_with_pci();
    let eni = lab.enis[0].id().to_string();
    let ways = [json!({"deviceID": PCI}), json!({"eni": eni}), json!({"device": "eth1"})];
    let [first, second] = ["c1", "c2"].map(|name| lab.host.netns(name));
    let config = json!({"deviceID": PCI, "ipam": own_ipam()});
    let result = lab.call(&first, "c1", &config).run(&lab.host).result();
    let untouched = (first.snapshot(), lab.store().records().unwrap());
    for mut config in ways {
        config["ipam"] = own_ipam();
        let error = lab.call(&second, "c2", &config).run(&lab.host).error();
        assert_eq!(error.code, 103, "{config}: {error:?}");
        assert!(error.msg.contains("c1") && error.msg.contains("c2"), "{config}: {error:?}");
        untouched.0.assert_same(&first.snapshot());
        assert_eq!(untouched.1, lab.store().records().unwrap());
    }
    let checked = json!({"deviceID": PCI, "ipam": own_ipam(), "prevResult": result});
    lab.call(&first, "c1", &checked).verb("CHECK").run(&lab.host).empty();
}

fn with_info(path: &Path) -> Value {
    json!({"pool": POOL, "ipam": own_ipam(), "runtimeConfig": {"CNIDeviceInfoFile": path}})
}

fn info_folder(lab: &Lab) -> PathBuf {
    lab.host.folder().join("devinfo")
}

#[test]
fn mul_3_the_device_info_file_lives_from_add_to_del() {
    let lab = lab_with_pci();
    let pod = lab.host.netns("pod");
    let path = info_folder(&lab).join("default-net1.json");
    let add = lab.call(&pod, "c1", &with_info(&path));
    let result = add.run(&lab.host).result();
    assert_eq!(result["interfaces"][0]["name"], "net1");
    assert_eq!(result["interfaces"][0]["sandbox"], json!(pod.path()));
    assert_eq!(result["interfaces"][0]["mac"], lab.enis[0].mac().to_string());
    let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(document, json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": PCI}}));
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode & !0o644, 0, "{mode:o}");
    add.verb("DEL").run(&lab.host).empty();
    assert!(!path.exists());
}

#[test]
fn mul_3_gc_removes_the_device_info_file_of_what_is_not_valid_and_of_nothing_else() {
    let lab = Lab::with_enis(2);
    let mut entry = lab.entry(0);
    entry.pci_address = Some(PCI.parse().unwrap());
    lab.write_entry(&entry);
    let [first, second] = ["c1", "c2"].map(|name| lab.host.netns(name));
    let path = info_folder(&lab).join("default-net1.json");
    let mut config = with_info(&path);
    config["cniVersion"] = json!("1.1.0");
    // The pod's next sandbox has the same file.
    for (pod, container) in [(&first, "c1"), (&second, "c2")] {
        drop(lab.call(pod, container, &config).run(&lab.host).result());
    }
    assert!(path.exists());
    for (valid, stays) in [(json!([{"containerID": "c2", "ifname": "net1"}]), true), (json!([]), false)] {
        config["cni.dev/valid-attachments"] = valid;
        lab.call(&first, "c1", &config).verb("GC").run(&lab.host).empty();
        assert_eq!(path.exists(), stays);
    }
}

#[test]
fn mul_3_a_device_info_file_elsewhere_is_refused_and_not_removed() {
    let lab = lab_with_pci();
    let pod = lab.host.netns("pod");
    let before = (lab.host.snapshot(&[]), pod.snapshot());
    let elsewhere = lab.host.folder().join("elsewhere.json");
    fs::write(&elsewhere, "mine").unwrap();
    for path in [elsewhere.clone(), info_folder(&lab).join("../elsewhere.json"), info_folder(&lab).join("a/b.json")] {
        let call = lab.call(&pod, "c1", &with_info(&path));
        assert_eq!(call.run(&lab.host).error().code, 7, "{}", path.display());
        call.verb("DEL").run(&lab.host).empty();
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    before.0.assert_same(&lab.host.snapshot(&[]));
    before.1.assert_same(&pod.snapshot());
}

/// The metadata service at its own address, on the node's loopback.
fn metadata_of(lab: &Lab) -> Imds {
    lab.host.command("ip").args(["address", "add", "169.254.169.254/32", "dev", "lo"]).run();
    let machine = lab.host.run(|| Netns::of_this_thread().unwrap());
    let instance = lab.fabric.instance_in(&machine).create().unwrap();
    Imds::of(&instance).listening_on("169.254.169.254:80").serve().unwrap()
}

fn every_verb(lab: &Lab, pod: &PodNetns) {
    let mut config = json!({"cniVersion": "1.1.0", "pool": POOL, "ipam": own_ipam()});
    let call = |verb: &str, config: &Value| lab.call(pod, "c1", config).verb(verb).run(&lab.host);
    call("STATUS", &config).empty();
    let result = call("ADD", &config).result();
    config["prevResult"] = result;
    call("CHECK", &config).empty();
    config["cni.dev/valid-attachments"] = json!([{"containerID": "c1", "ifname": "net1"}]);
    call("GC", &config).empty();
    call("DEL", &config).empty();
}

/// Nothing of AWS is in a call's environment, and the service gives no credentials.
#[test]
fn sec_4_no_verb_asks_the_metadata_service_for_anything() {
    let lab = Lab::with_enis(1);
    let metadata = metadata_of(&lab);
    let pod = lab.host.netns("pod");
    every_verb(&lab, &pod);
    assert!(metadata.requests().is_empty(), "{:?}", metadata.requests());
}
