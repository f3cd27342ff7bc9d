//! What `kubectl get` shows.

use super::{crds, schema};
use serde_json::Value;

fn columns(crd: &Value) -> Vec<&str> {
    let columns = crd.pointer("/spec/versions/0/additionalPrinterColumns").unwrap().as_array().unwrap();
    columns.iter().map(|column| column["name"].as_str().unwrap()).collect()
}

/// The type that a path has in a schema.
fn kind<'a>(schema: &'a Value, path: &str) -> &'a str {
    let names = path.trim_start_matches('.').split('.');
    let found = names.fold(schema, |schema, name| match name.strip_suffix("[0]") {
        Some(name) => &schema["properties"][name]["items"],
        None => &schema["properties"][name],
    });
    found["type"].as_str().unwrap_or_else(|| panic!("{path} is in no schema"))
}

#[test]
fn the_columns_are_in_the_schema_with_their_types() {
    let [declared, shown] = crds::all().unwrap();
    assert_eq!(columns(&declared), ["Nodes", "ENIs", "Ready", "In-Use", "Problem", "Age"]);
    assert_eq!(columns(&shown), ["Instance", "ENIs", "Ready", "In-Use", "Free-Slots", "Problem", "Age"]);
    for crd in [&declared, &shown] {
        for column in crd.pointer("/spec/versions/0/additionalPrinterColumns").unwrap().as_array().unwrap() {
            let path = column["jsonPath"].as_str().unwrap();
            if path != ".metadata.creationTimestamp" {
                assert_eq!(column["type"], kind(schema(crd), path), "{path}");
            }
        }
    }
}

#[test]
fn the_names_are_those_of_the_original() {
    let [declared, shown] = crds::all().unwrap();
    assert_eq!(declared["metadata"]["name"], "nodeenis.networking.k8s.aws");
    assert_eq!(declared["spec"]["names"]["shortNames"], serde_json::json!(["neni"]));
    assert_eq!(shown["metadata"]["name"], "eninodes.networking.k8s.aws");
    for crd in [declared, shown] {
        assert_eq!(crd["spec"]["scope"], "Cluster");
        assert_eq!(crd["spec"]["versions"][0]["name"], "v1alpha1");
    }
}
