//! Files: their kinds, and what is in the wrong place in them.

use super::{LEAST, Site, fault, manifest};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn yaml_yml_and_json_are_read_and_nothing_else() {
    let json = json!({
        "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI", "metadata": {"name": "d"},
        "spec": {"nodeSelector": {}, "subnetID": "subnet-00000001", "securityGroupIDs": ["sg-00000001"]},
    });
    let several = format!("{}---\n{}---\n", manifest("a", LEAST), manifest("b", LEAST));
    let mut site = Site::new(&[
        ("two.yaml", &several),
        ("one.yml", &manifest("c", LEAST)),
        ("one.json", &json.to_string()),
        ("empty.yaml", "# nothing\n---\n"),
        ("notes.txt", "not: yaml: at all"),
        (".#two.yaml", "an editor's"),
    ]);
    let declared = site.read();
    assert_eq!(declared.faults, []);
    let names: Vec<&str> = declared.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[test]
fn a_list_as_kubectl_prints_it_is_its_items() {
    let item = json!({
        "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI",
        "metadata": {"name": "a", "uid": "x", "resourceVersion": "1", "generation": 2, "finalizers": ["f"],
                     "annotations": {"a": "b"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeSelector": {}, "subnetID": "subnet-00000001", "securityGroupIDs": ["sg-00000001"]},
        "status": {"attachments": []},
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [item], "metadata": {}});
    let declared = Site::new(&[("list.json", &list.to_string())]).read();
    assert_eq!((declared.faults.len(), declared.pools.len()), (0, 1), "{:?}", declared.faults);
}

#[test]
fn what_is_no_node_eni_is_told_with_all_that_is_missing() {
    let mut site = Site::new(&[("a.yaml", "kind: Pod\nspc: {}\n"), ("b.yaml", "- 1\n"), ("c.yaml", "just text\n")]);
    assert_eq!(
        site.faults(),
        [
            "a.yaml: apiVersion: is missing; write networking.k8s.aws/v1alpha1",
            "a.yaml: kind: is \"Pod\"; only NodeENI belongs here",
            "a.yaml: spc: is no field of a NodeENI; spec is",
            "a.yaml: metadata.name: is missing; it is the pool's name",
            "a.yaml: spec: is missing",
            "b.yaml: is not a NodeENI but a single value or a list",
            "c.yaml: is not a NodeENI but a single value or a list",
        ]
    );
}

#[test]
fn a_manifest_of_another_kind_is_left_alone_and_noted() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n";
    let mut site = Site::new(&[("a.yaml", &format!("{}---\n{pod}", manifest("a", LEAST)))]);
    let declared = site.read();
    assert_eq!((declared.faults.len(), declared.pools.len(), declared.notes.len()), (0, 1, 1));
    assert!(declared.notes[0].to_string().ends_with("a.yaml: has a Pod, left alone"));
    for nearly in ["kind: NodeEni", "kind: nodeENI\napiVersion: v1", "kind: NodeENIs"] {
        let ours = manifest("a", LEAST).replace("kind: NodeENI", nearly);
        let ours = if nearly.contains("v1") {
            ours.replacen("apiVersion: networking.k8s.aws/v1alpha1\n", "", 1)
        } else {
            ours
        };
        assert!(!Site::new(&[("a.yaml", &ours)]).faults().is_empty(), "{nearly}");
    }
}

#[test]
fn a_file_that_is_no_yaml_is_told_in_one_line_with_the_place() {
    for (name, content) in [
        ("a.yaml", "a: [1\nb: 2\n"),
        ("a.yaml", "a: 1\na: 2\n"),
        ("a.yaml", "a: *nowhere\n"),
        ("a.json", "{\"a\": }"),
        ("a.json", "{} {"),
    ] {
        let faults = Site::new(&[(name, content)]).faults();
        assert_eq!(faults.len(), 1, "{content}: {faults:?}");
        assert!(faults[0].starts_with(&format!("{name}: is no ")) && faults[0].contains("line"), "{faults:?}");
        assert!(!faults[0].contains('\n'), "{faults:?}");
    }
}

#[test]
fn a_yaml_that_grows_without_end_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
    for level in 1..12 {
        let inner = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![inner; 10].join(", "));
    }
    assert!(Site::new(&[("a.yaml", &bomb)]).faults()[0].starts_with("a.yaml: is no YAML: "));
    assert!(Site::new(&[("a.yaml", &"#".repeat(2 << 20))]).faults()[0].contains("may have 1 MiB"));
}

#[test]
fn a_field_that_is_no_field_is_refused_with_the_one_that_is_meant() {
    for (line, meant) in [
        ("dpdkEnabled: true", "dpdkEnabled: is no field of a NodeENI; enableDPDK is"),
        ("subnetIds: []", "subnetIds: is no field of a NodeENI; subnetIDs is"),
        ("subnetid: x", "subnetid: is no field of a NodeENI; subnetID is"),
        ("securityGroups: []", "securityGroups: is no field of a NodeENI; securityGroupIDs is"),
        ("warmPool: 1", "warmPool: is no field of a NodeENI; warm is"),
        ("matchExpressions: []", "matchExpressions: is no field of a NodeENI; nodeSelectorExpressions is"),
        ("colour: red", "colour: is no field of a NodeENI"),
    ] {
        assert_eq!(fault(line), meant);
    }
}

#[test]
fn a_field_outside_spec_is_told_where_it_belongs() {
    let text = format!("{}mtu: 9001\n", manifest("a", LEAST));
    assert_eq!(
        Site::new(&[("a.yaml", &text)]).faults(),
        ["a.yaml: a: mtu: is no field here; it belongs below spec, as spec.mtu"]
    );
    let text = manifest("a", LEAST).replace("  name: a", "  name: a\n  lables: {}");
    assert_eq!(
        Site::new(&[("a.yaml", &text)]).faults(),
        ["a.yaml: a: metadata.lables: is no field of a NodeENI; labels is"]
    );
}

#[test]
fn a_name_that_kubernetes_would_refuse_is_refused() {
    for name in ["Data", "a_b", "-a", "'7/8'"] {
        let faults = Site::new(&[("a.yaml", &manifest(name, LEAST))]).faults();
        assert!(faults[0].starts_with("a.yaml: metadata.name: pool name"), "{name}: {faults:?}");
    }
    let faults = Site::new(&[("a.yaml", &manifest("7", LEAST))]).faults();
    assert_eq!(faults, ["a.yaml: metadata.name: is 7 and has to be text"]);
}

proptest! {
    #[test]
    fn whatever_a_file_has_each_fault_is_one_line(
        start in 0..120_usize, junk in "[ \\t\\n:#&*!|>'\"%@`,{}\\[\\]a-z0-9\\u{0}-\\u{1f}é-]{0,40}", json in any::<bool>()
    ) {
        let mut text = manifest("a", LEAST);
        text.insert_str(start, &junk);
        let name = if json { "a.json" } else { "a.yaml" };
        for fault in Site::new(&[(name, &text)]).faults() {
            prop_assert!(!fault.contains('\n') && fault.starts_with(name), "{}", fault);
        }
    }
}
