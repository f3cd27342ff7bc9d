//! NodeENIs as people write them.

use super::checker::{faults, pruned};
use super::{crds, root, schema};
use crate::declared::limits::pattern;
use node::inventory::Sharing;
use node::names::{IfName, PciAddr};
use node::settings::label;
use regex::Regex;
use serde_json::{Value, json};
use std::fs;

fn spec_schema() -> Value {
    let [declared, _] = crds::all().unwrap();
    schema(&declared)["properties"]["spec"].clone()
}

/// What is said about the least spec with these fields; null takes one away.
fn said(fields: &Value) -> Vec<String> {
    let mut spec = json!({
        "nodeSelector": {}, "subnetID": "subnet-0123456789abcdef0", "securityGroupIDs": ["sg-0123456789abcdef0"]
    });
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    faults(&spec_schema(), &spec)
}

#[test]
fn every_sample_is_taken_as_it_is() {
    let schema = spec_schema();
    let files: Vec<_> = fs::read_dir(root("conf/nodeenis")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 6);
    for file in files {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(&file).unwrap()).unwrap();
        for document in documents {
            assert_eq!(faults(&schema, &document["spec"]), [""; 0], "{}", file.display());
            assert_eq!(pruned(&schema, &document["spec"], "spec"), [""; 0], "{}", file.display());
        }
    }
}

#[test]
fn what_is_right_is_taken() {
    for right in [
        json!({}),
        json!({"nodeSelector": null, "nodeSelectorExpressions": [{"key": "ng", "operator": "Exists"}]}),
        json!({"nodeSelectorExpressions": [{"key": "a.io/b", "operator": "NotIn", "values": ["x"]}]}),
        json!({"subnetID": null, "subnetNames": ["multus"]}),
        json!({"subnetID": "", "subnetIDs": ["subnet-01234567"]}),
        json!({"securityGroupIDs": null, "securityGroupNames": ["multus"]}),
        json!({"mtu": 0, "deviceIndex": 0}),
        json!({"mtu": 128}),
        json!({"mtu": 9001}),
        json!({"deviceIndex": 99, "networkCard": 63, "cooldownSeconds": 86_400}),
        json!({"secondaryIPv4Addresses": 49, "ipv6Addresses": 50}),
        json!({"dpdkPCIAddress": "0000:00:07.0", "resourceName": "fast", "dpdkDriver": ""}),
        json!({"dpdkPCIAddress": "", "dpdkResourceName": "", "description": ""}),
        json!({"sharing": "shared", "subnetChoice": "mostFree", "linkName": "data0"}),
        json!({"tags": {"team": "network"}}),
    ] {
        assert_eq!(said(&right), [""; 0], "{right}");
    }
}

#[test]
fn each_rule_refuses() {
    let groups = vec!["sg-0123456789abcdef0"; 17];
    let tags: Value =
        (0..44).map(|number| (format!("tag-{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for wrong in [
        json!({"nodeSelector": null}),
        json!({"nodeSelector": null, "nodeSelectorExpressions": []}),
        json!({"nodeSelector": {"ng": "a b"}}),
        json!({"nodeSelector": {"ng": 1}}),
        json!({"nodeSelectorExpressions": [{"key": "ng", "operator": "Equals"}]}),
        json!({"nodeSelectorExpressions": [{"key": "ng", "operator": "In"}]}),
        json!({"nodeSelectorExpressions": [{"key": "ng", "operator": "In", "values": []}]}),
        json!({"nodeSelectorExpressions": [{"key": "ng", "operator": "Exists", "values": ["x"]}]}),
        json!({"nodeSelectorExpressions": [{"key": "a/b/c", "operator": "Exists"}]}),
        json!({"nodeSelectorExpressions": [{"operator": "Exists"}]}),
        json!({"subnetID": null}),
        json!({"subnetID": ""}),
        json!({"subnetID": null, "subnetIDs": []}),
        json!({"subnetID": "subnet-1"}),
        json!({"subnetIDs": ["subnet-0123456789ABCDEF0"]}),
        json!({"subnetName": "multus-*"}),
        json!({"subnetNames": [""]}),
        json!({"securityGroupIDs": null}),
        json!({"securityGroupIDs": []}),
        json!({"securityGroupIDs": ["default"]}),
        json!({"securityGroupIDs": groups}),
        json!({"securityGroupNames": ["a".repeat(256)]}),
        json!({"deviceIndex": -1}),
        json!({"deviceIndex": 100}),
        json!({"deviceIndex": "2"}),
        json!({"deleteOnTermination": "true"}),
        json!({"description": "aws-K8S-i-0123"}),
        json!({"description": "two\nlines"}),
        json!({"mtu": 127}),
        json!({"mtu": 9002}),
        json!({"mtu": -1}),
        json!({"enableDPDK": "yes"}),
        json!({"dpdkResourceName": "intel.com/"}),
        json!({"dpdkPCIAddress": "00:07"}),
        json!({"subnetChoice": "some"}),
        json!({"networkCard": 64}),
        json!({"sharing": "both"}),
        json!({"resourceName": "node.kubernetes.io/fast"}),
        json!({"warm": -1}),
        json!({"min": 1.5}),
        json!({"max": "4"}),
        json!({"cooldownSeconds": 86_401}),
        json!({"secondaryIPv4Addresses": 50}),
        json!({"ipv6Addresses": 51}),
        json!({"tags": {"team": "a".repeat(257)}}),
        json!({"tags": tags}),
        json!({"sourceDestCheck": 0}),
        json!({"linkName": "a/b"}),
        json!({"linkName": "lo"}),
        json!({"linkName": "sixteen-bytes-xy"}),
    ] {
        assert_ne!(said(&wrong), [""; 0], "{wrong}");
    }
}

/// The agents see it, and say which field is meant.
#[test]
fn the_field_of_the_originals_documents_is_not_taken_away() {
    assert_eq!(pruned(&spec_schema(), &json!({"dpdkEnabled": true, "dpdkEnable": true}), "spec"), ["spec.dpdkEnable"]);
}

#[test]
fn the_schema_knows_every_field_and_every_word() {
    let schema = spec_schema();
    let mut fields = crate::declared::fields();
    fields.push("dpdkEnabled".into());
    fields.sort();
    assert_eq!(schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), fields.iter().collect::<Vec<_>>());
    let words = [Sharing::Exclusive, Sharing::Shared].map(|word| serde_json::to_value(word).unwrap());
    assert_eq!(schema["properties"]["sharing"]["enum"], json!(words));
}

/// A pattern that refused what the parser takes would be a rule that nobody wrote.
#[test]
fn the_patterns_are_the_parsers() {
    let matches = |pattern: &str, text: &str| Regex::new(pattern).unwrap().is_match(text);
    for text in ["0000:00:07.0", "00:1f.7", "10000:aB:00.1", "0000:00:20.0", "0000:00:07.8", "0:00:07.0", "00:07", "x"]
    {
        assert_eq!(matches(pattern::PCI_ADDRESS_OR_NONE, text), text.parse::<PciAddr>().is_ok(), "{text}");
    }
    let long = ["a".repeat(63), "a".repeat(64)];
    let texts = ["ng", "a.io/b", "A_b.c", "", "/x", "a/", "a/b/c", "-a", "a-", "UPPER.io/x", "a b", ".a", "a..b/c"];
    for text in texts.into_iter().chain(long.iter().map(String::as_str)) {
        assert_eq!(matches(pattern::LABEL_KEY, text), label::is_key(text), "{text}");
        assert_eq!(matches(pattern::LABEL_VALUE, text), label::is_value(text), "{text}");
    }
    for text in ["eth0", "fifteen-bytes-x", "a/b", "a:b", "a b", "a\tb", "eth%d", "sixteen-bytes-xy", "a\0", ""] {
        assert_eq!(matches(pattern::LINK_NAME, text), text.parse::<IfName>().is_ok(), "{text:?}");
    }
}
