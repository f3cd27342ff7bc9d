//! What Kubernetes 1.16 and later ask of a schema ("Specifying a structural schema"), and a bit more.

use super::{crds, schema};
use serde_json::{Map, Value};

fn object(schema: &Value) -> &Map<String, Value> {
    schema.as_object().unwrap()
}

/// Outside of allOf, anyOf, oneOf and not.
fn outside(schema: &Value, place: &str) {
    assert!(schema["type"].is_string(), "{place} has no type: {schema}");
    for forbidden in ["$ref", "definitions", "nullable", "default", "uniqueItems", "propertyNames", "patternProperties"]
    {
        assert!(schema.get(forbidden).is_none(), "{place} has {forbidden}");
    }
    let both = schema.get("properties").is_some() && schema.get("additionalProperties").is_some();
    assert!(!both, "{place} has additionalProperties beside properties");
    assert!(schema["additionalProperties"].is_object() || schema.get("additionalProperties").is_none(), "{place}");
    assert_ne!(schema["format"], "uint32", "{place}");
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            outside(inner, &format!("{place}.{key}"));
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        assert!(field["description"].is_string(), "{place} is not described");
        outside(field, &place);
    }
    logic(schema).for_each(|inner| inside(inner, schema, place));
}

/// The schemas of allOf, anyOf, oneOf and not.
fn logic(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    lists.flatten().chain(schema.get("not"))
}

/// Within one of them: only what checks values, of fields that are declared outside.
fn inside(schema: &Value, outer: &Value, place: &str) {
    for forbidden in ["type", "description", "default", "nullable", "additionalProperties"] {
        assert!(schema.get(forbidden).is_none(), "{place}: {forbidden} within a rule: {schema}");
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let declared = outer["properties"].get(name);
        inside(field, declared.unwrap_or_else(|| panic!("{place}: {name} is not declared")), place);
    }
    logic(schema).for_each(|inner| inside(inner, outer, place));
}

#[test]
fn the_schemas_are_structural() {
    for crd in crds::all().unwrap() {
        let schema = schema(&crd);
        for field in ["spec", "status"] {
            outside(&schema["properties"][field], field);
        }
        assert_eq!(schema["required"], serde_json::json!(["spec"]));
    }
}

#[test]
fn nothing_needs_a_newer_api_server() {
    for crd in crds::all().unwrap() {
        let text = crd.to_string();
        for newer in ["x-kubernetes-validations", "selectableFields", "conversion"] {
            assert!(!text.contains(newer), "{newer}");
        }
        assert_eq!(crd["apiVersion"], "apiextensions.k8s.io/v1");
        assert_eq!(object(&crd["spec"]["versions"][0]["subresources"]).keys().collect::<Vec<_>>(), ["status"]);
    }
}
