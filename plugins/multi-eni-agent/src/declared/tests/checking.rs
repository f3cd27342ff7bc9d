//! What `check` prints.

use super::{LEAST, Site, manifest};
use crate::declared::check;
use node::settings::Settings;

fn settings(more: &str) -> Settings {
    let site = tempfile::tempdir().unwrap();
    let path = site.path().join("node.toml");
    let agent = "[agent]\nnode_name = 'node-1'\nlabels = { ng = 'multi-eni' }";
    std::fs::write(&path, format!("{more}\n{agent}\n")).unwrap();
    Settings::read(&path).unwrap()
}

#[test]
fn check_says_what_the_manifests_mean_for_this_node() {
    let shared = "sharing: shared\nsecondaryIPv4Addresses: 8\nlinkName: ens6\nmax: 1\ndpdkDriver: igb_uio";
    let other = LEAST.replace("nodeSelector: {}", "nodeSelector: {ng: other, kubernetes.io/hostname: node-1}");
    let site = Site::new(&[
        ("a.yaml", &manifest("a", &format!("{LEAST}warm: 1\nresourceName: a.example/x\nenableDPDK: true"))),
        ("b.yaml", &manifest("b", &format!("{LEAST}{shared}"))),
        ("c.yaml", &manifest("c", &other)),
    ]);
    let report = check(site.place.path(), &settings("cluster_id = '0b2d4a3e-6f9e'")).unwrap();
    assert!(report.is_right() && report.pools().len() == 2);
    let folder = site.place.path().display().to_string();
    assert_eq!(
        report.to_string().replace(&folder, "pools"),
        "pool a: 1, up to what the instance type allows, 1 of them free; subnets \
         subnet-0123456789abcdef0; groups sg-0123456789abcdef0; an ENI to a pod, bound to vfio-pci, as a.example/x; \
         index from 1\n\
         pool b: 1, at most 1; subnets subnet-0123456789abcdef0; groups \
         sg-0123456789abcdef0; an address to a pod; index from 1; 8 secondary IPv4; link ens6\n\
         pool c is for other nodes: this one has not ng=other\n\
         note: pools/b.yaml: b: spec.dpdkDriver: has no effect without enableDPDK: true\n\
         2 pools for this node, 1 for others, 0 faults"
    );
}

#[test]
fn check_has_each_fault_on_a_line_and_is_not_right() {
    let site = Site::new(&[
        ("a.yaml", &manifest("a", &format!("{LEAST}mtu: 1\nwarm: x"))),
        ("b.yaml", "a: ["),
        ("c.yaml", &manifest("c", LEAST)),
    ]);
    let report = check(site.place.path(), &settings("")).unwrap();
    assert!(!report.is_right());
    let text = report.to_string();
    let faults: Vec<&str> = text.lines().filter(|line| line.starts_with("fault: ")).collect();
    assert_eq!(faults.len(), 4, "{text}");
    assert!(faults[0].contains("node.toml: cluster_id: is missing"), "{text}");
    assert!(text.ends_with("1 pool for this node, 0 for others, 4 faults"), "{text}");
}
