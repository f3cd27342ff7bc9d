//! The CRDs: what an API server of any version takes, what it lets through, and what it refuses.

mod checker;
mod columns;
mod nodeenis;
mod structural;

use super::crds;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn root(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

fn schema(crd: &Value) -> &Value {
    crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap()
}

#[test]
fn the_installed_crds_are_those_of_the_types() {
    let installed = fs::read_to_string(root("install/base/crds.yaml")).unwrap();
    assert!(installed == crds::yaml().unwrap(), "write install/base/crds.yaml with `multi-eni-agent crds`");
}

#[test]
fn what_is_printed_is_what_is_meant() {
    let read: Vec<Value> = serde_saphyr::from_multiple(&crds::yaml().unwrap()).unwrap();
    assert_eq!(read, crds::all().unwrap());
}
