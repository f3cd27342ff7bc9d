//! The manifests of `install/`, as `kubectl` makes them of a kustomization.

use std::process::Command;

use serde_json::Value;

use crate::{binaries, cases};

/// The objects of a kustomization, by its folder in the tree.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
#[track_caller]
pub fn rendered(folder: &str) -> Vec<Value> {
    let output = Command::new(binaries::kubectl_of_today())
        .args(["kustomize", folder])
        .current_dir(cases::tree())
        .output()
        .expect("kubectl");
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("manifests in UTF-8");
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{folder}: {error}"))
}

/// The object of this kind and name.
///
/// # Panics
///
/// When there is none, or more than one.
#[must_use]
#[track_caller]
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    match (found.next(), found.next()) {
        (Some(object), None) => object,
        _ => panic!("not one {kind} {name}"),
    }
}

/// The container of this name in a workload, one that is for the beginning or one that stays.
///
/// # Panics
///
/// When there is none.
#[must_use]
#[track_caller]
pub fn container<'a>(workload: &'a Value, name: &str) -> &'a Value {
    let pod = &workload["spec"]["template"]["spec"];
    let mut all = ["initContainers", "containers"].into_iter().filter_map(|list| pod[list].as_array()).flatten();
    all.find(|container| container["name"] == name).unwrap_or_else(|| panic!("no container {name} in {workload:#}"))
}
