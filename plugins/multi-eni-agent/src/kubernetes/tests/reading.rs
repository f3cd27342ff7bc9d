//! What an object says.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::kubernetes::node_eni::{self, Managed};

fn managed(status: &Value) -> Managed {
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI", "metadata": { "name": "data" }, "status": status
    }))
    .unwrap();
    node_eni::read(object).1.managed
}

#[test]
fn the_condition_managed_is_found_among_whatever_else_is_in_the_status() {
    // A status of the original's, and conditions that are none.
    assert_eq!(managed(&json!({ "attachments": [{ "nodeID": "node-1", "deviceIndex": "2" }] })), Managed::Unsaid);
    assert_eq!(managed(&json!({ "conditions": "none" })), Managed::Unsaid);
    assert_eq!(managed(&json!({ "conditions": [{ "type": "Valid", "status": "True" }] })), Managed::Unsaid);
    assert_eq!(managed(&json!({ "conditions": [{ "type": "Managed", "status": "Unknown" }] })), Managed::Unsaid);
    assert_eq!(managed(&json!({ "conditions": [{ "type": "Managed", "status": "True" }] })), Managed::Yes);
    let no = managed(&json!({ "conditions": [
        { "type": "Valid", "status": "True" },
        { "type": "Managed", "status": "False", "reason": "OriginalControllerAtWork", "message": "its Lease is held" },
    ] }));
    assert!(no.is_another_at_work());
    assert_eq!(no, Managed::No { reason: "OriginalControllerAtWork".into(), message: "its Lease is held".into() });
}

#[test]
fn one_without_a_spec_or_with_fields_that_nobody_knows_is_an_object_like_any() {
    let read = |object: Value| node_eni::read(serde_json::from_value(object).unwrap()).1.spec;
    assert_eq!(read(json!({ "metadata": { "name": "data" } })), None);
    assert_eq!(read(json!({ "metadata": { "name": "data" }, "spec": null })), None);
    let spec = json!({ "dpdkEnabled": true, "mtu": "large" });
    assert_eq!(read(json!({ "metadata": { "name": "data" }, "spec": spec })), Some(spec));
}
