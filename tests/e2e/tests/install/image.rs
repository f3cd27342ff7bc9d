//! The image: what is in it, and that it is what the Dockerfile says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::{binaries, cases};
use serde_json::{Value, json};

fn list(archive: &Path) -> BTreeSet<String> {
    let output = Command::new("tar").arg("--list").arg("--file").arg(archive).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end_matches('/').to_string()).collect()
}

fn unpacked() -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    let untar = Command::new("tar").arg("-xf").arg(binaries::image()).arg("-C").arg(folder.path()).status().unwrap();
    assert!(untar.success());
    let manifest: Value = serde_json::from_slice(&fs::read(folder.path().join("manifest.json")).unwrap()).unwrap();
    (folder, manifest[0].clone())
}

#[test]
fn it_has_three_static_programs_the_authorities_and_a_file_on_names() {
    let (folder, manifest) = unpacked();
    let layer = list(&folder.path().join(manifest["Layers"][0].as_str().unwrap()));
    let expected = [
        "etc",
        "etc/nsswitch.conf",
        "etc/ssl",
        "etc/ssl/certs",
        "etc/ssl/certs/ca-certificates.crt",
        "opt",
        "opt/cni",
        "opt/cni/bin",
        "opt/cni/bin/multi-eni",
        "opt/cni/bin/multi-eni-agent",
        "opt/cni/bin/multi-eni-ipam",
    ];
    assert_eq!(layer.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    for program in ["multi-eni", "multi-eni-ipam", "multi-eni-agent"] {
        let headers = Command::new("readelf")
            .args(["--program-headers", "--wide"])
            .arg(binaries::image_tree().join("opt/cni/bin").join(program))
            .output()
            .unwrap();
        assert!(headers.status.success() && !String::from_utf8_lossy(&headers.stdout).contains("INTERP"), "{program}");
    }
}

#[test]
fn it_says_of_itself_what_the_last_stage_of_the_dockerfile_says() {
    let (folder, manifest) = unpacked();
    assert_eq!(manifest["RepoTags"], json!([format!("multi-eni-cni:{}", env!("CARGO_PKG_VERSION"))]));
    let config = fs::read(folder.path().join(manifest["Config"].as_str().unwrap())).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let dockerfile = fs::read_to_string(cases::tree().join("Dockerfile")).unwrap();
    let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert!(last.starts_with("scratch\nCOPY --from=build /image /\n"), "{last}");
    let entrypoint = last.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::from_str::<Value>(entrypoint).unwrap());
    let program = config["config"]["Entrypoint"][0].as_str().unwrap();
    assert!(binaries::image_tree().join(program.trim_start_matches('/')).is_file(), "{program}");
    // The stage before makes the tree by the same script.
    assert!(dockerfile.contains("RUN make image-tree TREE=/image"), "{dockerfile}");
    assert!(dockerfile.contains(&format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"))), "{dockerfile}");
}

#[test]
fn of_the_same_files_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("image.tar");
    let name = format!("multi-eni-cni:{}", env!("CARGO_PKG_VERSION"));
    let pack = Command::new(cases::tree().join("install/image/archive"))
        .arg(binaries::image_tree())
        .arg(&name)
        .arg(&again)
        .status();
    assert!(pack.unwrap().success());
    assert!(fs::read(again).unwrap() == fs::read(binaries::image()).unwrap(), "two archives of one tree differ");
}
