//! Which nodes a manifest is for.

use super::{LEAST, Site, fault, faults, manifest};

/// Whether the site's node, with `ng=multi-eni`, is selected.
fn is_selected(selector: &str) -> bool {
    let spec = LEAST.replace("nodeSelector: {}", selector);
    let declared = Site::new(&[("a.yaml", &manifest("a", &spec))]).read();
    assert_eq!(declared.faults, [], "{selector}");
    !declared.pools.is_empty()
}

#[test]
fn a_node_has_to_have_all_labels_and_its_name_is_one() {
    assert!(is_selected("nodeSelector: {}"));
    assert!(is_selected("nodeSelector: {ng: multi-eni}"));
    assert!(is_selected("nodeSelector: {ng: multi-eni, kubernetes.io/hostname: node-1}"));
    assert!(!is_selected("nodeSelector: {ng: other}"));
    assert!(!is_selected("nodeSelector: {ng: multi-eni, zone: a}"));
    assert!(!is_selected("nodeSelector: {kubernetes.io/hostname: node-2}"));
}

#[test]
fn expressions_stand_beside_the_labels() {
    for (expression, selected) in [
        ("{key: ng, operator: In, values: [a, multi-eni]}", true),
        ("{key: ng, operator: In, values: [a]}", false),
        ("{key: zone, operator: In, values: [a]}", false),
        ("{key: ng, operator: NotIn, values: [a]}", true),
        ("{key: zone, operator: NotIn, values: [a]}", true),
        ("{key: ng, operator: NotIn, values: [multi-eni]}", false),
        ("{key: ng, operator: Exists}", true),
        ("{key: zone, operator: Exists}", false),
        ("{key: zone, operator: DoesNotExist}", true),
        ("{key: ng, operator: DoesNotExist}", false),
    ] {
        assert_eq!(is_selected(&format!("nodeSelectorExpressions: [{expression}]")), selected, "{expression}");
        let beside = format!("nodeSelector: {{ng: other}}\nnodeSelectorExpressions: [{expression}]");
        assert!(!is_selected(&beside), "{expression}");
    }
}

#[test]
fn every_node_is_selected_only_on_purpose() {
    for none in ["nodeSelector:", "nodeSelector:\nnodeSelectorExpressions: []"] {
        assert_eq!(fault(none), "nodeSelector: is missing; write the labels of the nodes, or {} for every node");
    }
    let spec = LEAST.replace("nodeSelector: {}\n", "");
    assert!(Site::new(&[("a.yaml", &manifest("a", &spec))]).faults()[0].contains("spec.nodeSelector: is missing"));
}

#[test]
fn selectors_that_no_label_can_meet_are_refused() {
    let other_kind = fault("nodeSelector: {matchLabels: {ng: a}}");
    assert!(other_kind.contains("expressions stand beside it, in spec.nodeSelectorExpressions"), "{other_kind}");
    assert!(fault("nodeSelector: {'a b': x}").contains("is no key of a label"));
    assert!(fault("nodeSelector: {ng: 'a b'}").contains("is no value of a label"));
    assert!(fault("nodeSelector: {ng: true}").contains("nodeSelector.ng: invalid type: boolean `true`"));
    let both = faults("nodeSelectorExpressions: [{key: ng, operator: In}, {key: ng, operator: Exists, values: [a]}]");
    assert_eq!(
        both,
        [
            "nodeSelectorExpressions[0].values: is empty; In and NotIn need at least one value",
            "nodeSelectorExpressions[1].values: has values; Exists and DoesNotExist take none",
        ]
    );
    assert!(fault("nodeSelectorExpressions: [{key: ng, operator: Gt}]").contains("[0].operator"));
}

#[test]
fn a_node_that_loses_its_label_has_its_pool_withdrawn() {
    let spec = LEAST.replace("nodeSelector: {}", "nodeSelector: {ng: multi-eni}");
    let mut site = Site::new(&[("a.yaml", &manifest("a", &spec))]);
    let name = "a".parse().unwrap();
    assert!(site.read().pool(&name).is_some());
    site.relabel(&[("ng", "other")]);
    assert!(site.read().is_withdrawn(&name));
}
