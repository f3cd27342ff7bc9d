//! The samples of `conf/nodeenis`, and their page.

use super::Site;
use crate::declared::document;
use std::fs;
use std::path::PathBuf;

fn conf(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf")).join(path)
}

fn samples() -> Vec<(String, String)> {
    let files = fs::read_dir(conf("nodeenis")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn every_sample_is_right_and_they_can_be_together() {
    let samples = samples();
    let files: Vec<(&str, &str)> = samples.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut site = Site::new(&files);
    site.relabel(&[("ng", "multi-eni"), ("topology.kubernetes.io/zone", "eu-central-1a")]);
    let declared = site.read();
    assert_eq!(declared.faults, []);
    let names: Vec<&str> = declared.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(names, ["counted", "data-plane", "original-kernel", "original-plain", "shared", "two-networks", "warm"]);
    site.relabel(&[("ng", "dpdk")]);
    let names: Vec<String> = site.read().pools.iter().map(|pool| pool.name.to_string()).collect();
    assert_eq!(names, ["dpdk", "original-dpdk"]);
}

#[test]
fn the_samples_show_every_field_and_their_page_names_every_field_and_sample() {
    let samples = samples();
    let page = fs::read_to_string(conf("README.md")).unwrap();
    for field in document::fields() {
        let shown = samples.iter().any(|(_, text)| text.lines().any(|line| line.starts_with(&format!("  {field}:"))));
        assert!(shown, "no sample shows {field}");
        assert!(page.contains(&format!("`{field}`")), "conf/README.md does not name {field}");
    }
    for (name, _) in samples {
        assert!(page.contains(&format!("`nodeenis/{name}`")), "conf/README.md does not name {name}");
    }
}
