//! What each account may do in the cluster: this, and no more.

use std::collections::BTreeMap;

use e2e::manifests::{object, rendered};
use serde_json::Value;

/// By group and resource, with the one name that it is about if it is about one: the verbs.
type Rights = BTreeMap<(String, String, Vec<String>), Vec<String>>;

fn rights(role: &Value) -> Rights {
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|text| text.as_str().unwrap().to_string()).collect()
    };
    let mut rights = Rights::new();
    for rule in role["rules"].as_array().unwrap() {
        assert!(rule.get("nonResourceURLs").is_none(), "{rule}");
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let of = (group.clone(), resource, texts(&rule["resourceNames"]));
                let mut verbs = texts(&rule["verbs"]);
                verbs.sort();
                assert!(rights.insert(of, verbs).is_none(), "two rules about one thing: {rule}");
            }
        }
    }
    rights
}

/// From lines of `group/resource[name]: verbs`.
fn expected(lines: &str) -> Rights {
    let right = |line: &str| {
        let (of, verbs) = line.trim().split_once(": ").unwrap();
        let (group, resource) = of.split_once('|').unwrap();
        let (resource, names) = match resource.split_once('[') {
            Some((resource, name)) => (resource, vec![name.trim_end_matches(']').to_string()]),
            None => (resource, Vec::new()),
        };
        let mut verbs: Vec<String> = verbs.split(' ').map(ToString::to_string).collect();
        verbs.sort();
        ((group.to_string(), resource.to_string(), names), verbs)
    };
    lines.lines().filter(|line| !line.trim().is_empty()).map(right).collect()
}

const NODE_AGENT: &str = "
    networking.k8s.aws|nodeenis: get list watch
    networking.k8s.aws|eninodes: get create patch
    networking.k8s.aws|eninodes/status: patch
    |nodes: get list watch
    |pods: get list watch
    events.k8s.io|events: create patch
    |namespaces[kube-system]: get
";

const CLUSTER_AGENT: &str = "
    networking.k8s.aws|nodeenis: get list watch patch
    networking.k8s.aws|nodeenis/status: patch
    networking.k8s.aws|eninodes: get list watch
    |nodes: get list watch
    |namespaces[kube-system]: get
    coordination.k8s.io|leases[nodeeni-controller-leader-election]: get
    apps|deployments[eni-controller]: get
";

const CLUSTER_AGENT_AT_HOME: &str = "
    coordination.k8s.io|leases: create
    coordination.k8s.io|leases[multi-eni-cluster-agent]: get update
";

#[test]
fn each_account_has_the_rights_that_it_needs_and_no_other() {
    for folder in ["install/base", "install/overlays/eks", "install/overlays/vfio"] {
        let objects = rendered(folder);
        let role = |kind, name| rights(object(&objects, kind, name));
        assert_eq!(role("ClusterRole", "multi-eni-agent"), expected(NODE_AGENT), "{folder}");
        assert_eq!(role("ClusterRole", "multi-eni-cluster-agent"), expected(CLUSTER_AGENT), "{folder}");
        assert_eq!(role("Role", "multi-eni-cluster-agent"), expected(CLUSTER_AGENT_AT_HOME), "{folder}");
        let roles = objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Role")).count();
        assert_eq!(roles, 3, "{folder} has other roles");
    }
}

#[test]
fn a_role_is_bound_to_the_account_of_its_name_alone() {
    let objects = rendered("install/base");
    let bindings = objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("RoleBinding"));
    let mut count = 0;
    for binding in bindings {
        count += 1;
        let name = &binding["metadata"]["name"];
        assert_eq!(&binding["roleRef"]["name"], name);
        let [subject] = &binding["subjects"].as_array().unwrap()[..] else { panic!("{binding:#}") };
        assert_eq!(subject["kind"], "ServiceAccount");
        assert_eq!((&subject["name"], subject["namespace"].as_str().unwrap()), (name, "multi-eni-system"));
    }
    assert_eq!(count, 3);
}

/// What would let a node's agent, or whoever takes it over, out of its node.
#[test]
fn nobody_may_run_in_a_pod_delete_one_read_a_secret_or_reach_a_kubelet() {
    for object in rendered("install/overlays/vfio").iter().filter(|object| object.get("rules").is_some()) {
        for ((_, resource, _), verbs) in rights(object) {
            for forbidden in ["secrets", "pods/exec", "pods/attach", "nodes/proxy", "serviceaccounts/token", "*"] {
                assert_ne!(resource, forbidden);
            }
            for forbidden in ["delete", "deletecollection", "impersonate", "escalate", "bind", "*"] {
                assert!(!verbs.iter().any(|verb| verb == forbidden), "{resource}: {verbs:?}");
            }
        }
    }
}
