//! The unit of systemd, for a node without Kubernetes.

use std::collections::BTreeSet;
use std::fs;

use e2e::manifests::{container, object, rendered};
use e2e::{Host, binaries, cases};
use serde_json::Value;

const UNIT: &str = "install/systemd/multi-eni-agent.service";
const WITH_DEVICES: &str = "install/systemd/multi-eni-agent.service.d/vfio.conf";

fn capabilities(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(cases::tree().join(file)).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    lines.flat_map(|line| line.split(' ')).map(|name| name.trim_start_matches("CAP_").to_string()).collect()
}

fn capabilities_of_the_daemon_set(folder: &str) -> BTreeSet<String> {
    let objects = rendered(folder);
    let agent = container(object(&objects, "DaemonSet", "multi-eni-agent"), "agent").clone();
    let Value::Array(names) = &agent["securityContext"]["capabilities"]["add"] else { panic!("{agent:#}") };
    names.iter().map(|name| name.as_str().unwrap().to_string()).collect()
}

#[test]
fn the_unit_has_the_capabilities_of_the_daemon_set() {
    assert_eq!(capabilities(UNIT), capabilities_of_the_daemon_set("install/overlays/eks"));
    let with_devices = capabilities(UNIT).union(&capabilities(WITH_DEVICES)).cloned().collect::<BTreeSet<_>>();
    assert_eq!(with_devices, capabilities_of_the_daemon_set("install/overlays/vfio"));
}

#[test]
fn systemd_takes_the_unit_and_finds_it_confined() {
    let host = Host::new();
    let install = binaries::image_tree().join("opt/cni/bin/multi-eni-agent");
    host.command(install).args(["install", "--agent"]).run();
    let folder = "/etc/systemd/system";
    host.sh(&format!("mkdir -p {folder}; cp -r {} {folder}", cases::tree().join("install/systemd/.").display()));
    let unit = format!("{folder}/multi-eni-agent.service");
    let said = host.command("systemd-analyze").args(["verify", &unit]).output();
    assert!(said.status.success() && !said.stderr.contains("multi-eni"), "{said}");
    // Of 10, in tenths; what is left is what it is for.
    let judged = host.command("systemd-analyze").args(["security", "--offline=yes", "--threshold=40", &unit]).output();
    assert!(judged.status.success(), "{judged}");
}
