//! One document of a file: that it is a NodeENI, its name, and its `spec` with every field that has the wrong shape.

use super::fault::Faults;
use super::known::{CALLED_ELSEWHERE, METADATA, TOP};
use super::manifest::{API_VERSION, KIND, NodeEniSpec};
use node::names::PoolName;
use node::settings::near::nearest;
use serde_json::{Map, Value};

/// A document, as far as it can be read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) name: Option<PoolName>,
    /// What of it has the right shape.
    pub(super) spec: Option<NodeEniSpec>,
    /// The keys of `spec` that are not in it.
    pub(super) misshapen: Vec<String>,
    pub(super) faults: Faults,
}

/// The manifests in a document: itself, or the items of a list as `kubectl get -o yaml` prints it.
pub(super) fn manifests(document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Object(mut list) if is_list => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => vec![Value::Object(list)],
        },
        one => vec![one],
    }
}

/// The kind of a manifest that is well known to be another's: a pod beside the NodeENI that it is for, as samples have it.
pub(super) fn of_other_kind(manifest: &Value) -> Option<&str> {
    let text = |key: &str| manifest.get(key).and_then(Value::as_str);
    let (version, kind) = (text("apiVersion")?, text("kind")?);
    let group = |version: &str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_string());
    let is_ours = kind.eq_ignore_ascii_case(KIND) || group(version) == group(API_VERSION);
    (!is_ours).then_some(kind)
}

/// Reads one manifest.
pub(super) fn read(manifest: &Value) -> Document {
    let mut faults = Faults::default();
    let Value::Object(top) = manifest else {
        faults.push("", "is not a NodeENI but a single value or a list");
        return Document { name: None, spec: None, misshapen: Vec::new(), faults };
    };
    expect(top, "apiVersion", API_VERSION, &mut faults);
    expect(top, "kind", KIND, &mut faults);
    refuse_unknown(top, "", &TOP, &mut faults);
    let name = name(top, &mut faults);
    let (spec, misshapen) = spec(top, &mut faults);
    Document { name, spec, misshapen, faults }
}

fn expect(top: &Map<String, Value>, key: &str, expected: &str, faults: &mut Faults) {
    match top.get(key) {
        Some(Value::String(text)) if text == expected => {}
        Some(other) => faults.push(key, format_args!("is {other}; only {expected} belongs here")),
        None => faults.push(key, format_args!("is missing; write {expected}")),
    }
}

fn name(top: &Map<String, Value>, faults: &mut Faults) -> Option<PoolName> {
    let Some(Value::Object(metadata)) = top.get("metadata") else {
        faults.push("metadata.name", "is missing; it is the pool's name");
        return None;
    };
    refuse_unknown(metadata, "metadata.", &METADATA, faults);
    match metadata.get("name") {
        Some(Value::String(name)) => faults.take("metadata.name", name.parse::<PoolName>()),
        Some(other) => {
            faults.push("metadata.name", format_args!("is {other} and has to be text"));
            None
        }
        None => {
            faults.push("metadata.name", "is missing; it is the pool's name");
            None
        }
    }
}

/// Each field is read on its own first, so that all faults are named and not only the first. Gives what is right, and the names of
/// the other fields.
fn spec(top: &Map<String, Value>, faults: &mut Faults) -> (Option<NodeEniSpec>, Vec<String>) {
    let spec = match top.get("spec") {
        Some(Value::Object(spec)) => spec,
        Some(_) => {
            faults.push("spec", "has to be an object of fields");
            return (None, Vec::new());
        }
        None => {
            faults.push("spec", "is missing");
            return (None, Vec::new());
        }
    };
    let known = fields();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let (mut right, mut misshapen) = (Map::new(), Vec::new());
    for (key, value) in spec {
        if field(key, value, &known, faults) {
            right.insert(key.clone(), value.clone());
        } else {
            misshapen.push(key.clone());
        }
    }
    (faults.take("spec", serde_json::from_value(Value::Object(right))), misshapen)
}

fn field(key: &str, value: &Value, known: &[&str], faults: &mut Faults) -> bool {
    if !known.contains(&key) {
        let elsewhere = CALLED_ELSEWHERE.iter().find(|(other, _)| other.eq_ignore_ascii_case(key));
        let meant = elsewhere.map(|&(_, here)| here).or_else(|| nearest(key, known.iter().copied()));
        faults.push(format!("spec.{key}"), unknown(meant));
        return false;
    }
    if key == "nodeSelector" && is_selector_of_other_kind(value) {
        let why = "is a map of labels and their values; expressions stand beside it, in spec.nodeSelectorExpressions";
        faults.push("spec.nodeSelector", why);
        return false;
    }
    let alone = Value::Object(Map::from_iter([(key.to_string(), value.clone())]));
    match serde_path_to_error::deserialize::<_, NodeEniSpec>(&alone) {
        Ok(_) => true,
        Err(error) => {
            faults.push(format!("spec.{}", error.path()), error.inner());
            false
        }
    }
}

/// A `LabelSelector` in the place of a map of labels.
fn is_selector_of_other_kind(value: &Value) -> bool {
    ["matchLabels", "matchExpressions"].iter().any(|key| value.get(key).is_some_and(|inner| !inner.is_string()))
}

/// The names of the fields of `spec`: what serde writes of an empty one.
pub(crate) fn fields() -> Vec<String> {
    match serde_json::to_value(NodeEniSpec::default()) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

fn refuse_unknown(object: &Map<String, Value>, place: &str, known: &[&str], faults: &mut Faults) {
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        // A field of `spec` that slipped out by its indentation.
        let slipped = place.is_empty() && fields().contains(key);
        let why = if slipped {
            format!("is no field here; it belongs below spec, as spec.{key}")
        } else {
            unknown(nearest(key, known.iter().copied()))
        };
        faults.push(format!("{place}{key}"), why);
    }
}

fn unknown(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("is no field of a NodeENI; {meant} is"),
        None => "is no field of a NodeENI".to_string(),
    }
}
