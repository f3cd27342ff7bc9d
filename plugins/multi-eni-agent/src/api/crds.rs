//! The CRDs, as `kubectl apply` takes them: `install/base/crds.yaml` is what this prints.

use super::{EniNode, NodeEni, rules};
use kube::CustomResourceExt;
use serde_json::{Map, Value};

/// Why they cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the CRDs as JSON")]
    Json(#[from] serde_json::Error),
    #[error("the CRDs as YAML")]
    Yaml(#[from] serde_saphyr::SerializeError),
}

const HEAD: &str = "# What `multi-eni-agent crds` prints.\n";

/// Both of them.
pub(crate) fn yaml() -> Result<String, Error> {
    let mut text = String::from(HEAD);
    for crd in all()? {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&crd)?);
    }
    Ok(text)
}

/// As values, in the order of [`yaml`].
pub(super) fn all() -> Result<[Value; 2], serde_json::Error> {
    let (mut declared, mut shown) = (serde_json::to_value(NodeEni::crd())?, serde_json::to_value(EniNode::crd())?);
    for crd in [&mut declared, &mut shown] {
        schemas(crd).for_each(plain);
    }
    schemas(&mut declared).for_each(|schema| rules::add(&mut schema["properties"]["spec"]));
    Ok([declared, shown])
}

fn schemas(crd: &mut Value) -> impl Iterator<Item = &mut Value> {
    let versions = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    versions.into_iter().flatten().filter_map(|version| version.pointer_mut("/schema/openAPIV3Schema"))
}

/// Takes out what Rust means and Kubernetes does not: an `Option` is a field that may be absent, not one that may be null; what is
/// absent stays so and gets no default; and an unsigned number has its range but no format of its own.
fn plain(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    schema.remove("nullable");
    schema.remove("default");
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        schema.remove("format");
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    ["minimum", "maximum"].into_iter().for_each(|key| whole(schema, key));
    for key in ["items", "additionalProperties"] {
        schema.get_mut(key).into_iter().for_each(plain);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(plain);
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(plain);
}

/// `99.0` is `99`.
fn whole(schema: &mut Map<String, Value>, key: &str) {
    if let Some(number) = schema.get(key).and_then(Value::as_f64).filter(|number| number.fract() == 0.0) {
        schema.insert(key.into(), Value::from(number as i64));
    }
}
