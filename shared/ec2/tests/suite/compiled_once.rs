//! The AWS SDK takes minutes to compile. It is compiled once only if what stands below it has the same features whatever is
//! built at once: what `Cargo.toml` of this crate asks for, it asks for that reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The feature sets in which each package is built, by package.
type Features = BTreeMap<String, BTreeSet<String>>;

fn features(selection: &[&str]) -> Features {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"])
        .args(selection)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{selection:?}: {}", String::from_utf8_lossy(&tree.stderr));
    let mut features = Features::new();
    // Between the packages stand headings and empty lines.
    let text = String::from_utf8(tree.stdout).unwrap();
    for (package, set) in text.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|')) {
        let package = package.trim_end_matches(" (proc-macro)");
        features.entry(package.to_string()).or_default().insert(set.to_string());
    }
    features
}

#[test]
fn the_sdk_is_the_same_whatever_is_built_with_it() {
    let plain = ["--edges", "normal,build"];
    let with_tests = ["--edges", "normal,build,dev"];
    let below =
        features(&[&["-p", "aws-config", "-p", "aws-sdk-ec2", "-p", "aws-smithy-http-client"], &plain[..]].concat());
    let alone = features(&[&["-p", "ec2"], &plain[..]].concat());
    assert!(below.len() > 100);
    for selection in [
        [&["-p", "ec2"], &with_tests[..]].concat(),
        [&["-p", "multi-eni-agent"], &plain[..]].concat(),
        [&["-p", "multi-eni-agent"], &with_tests[..]].concat(),
        [&["--workspace", "--all-features"], &with_tests[..]].concat(),
    ] {
        let together = features(&selection);
        for package in below.keys() {
            let (alone, together) = (&alone[package], &together[package]);
            // What is built for build scripts too is there twice; the SDK itself never is.
            let is_same = if package.starts_with("aws-") { alone == together } else { alone.is_subset(together) };
            assert!(
                is_same,
                "{package} has {together:?} with {selection:?}, and {alone:?} alone: say so in shared/ec2/Cargo.toml"
            );
        }
    }
}
