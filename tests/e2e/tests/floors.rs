//! The floors of the house: what a crate may stand on. The plugins are started for every pod, so they know no AWS, no HTTP
//! and no Kubernetes; the shared crates are siblings, and the simulated EC2 knows nothing of what it is there to test.

#![expect(clippy::expect_used, reason = "a panic that says what went wrong is how a test fails")]

use std::process::Command;

/// What a package stands on, itself included: a name and a version each, and of our own also the folder.
fn lines(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "-p",
            package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("package names");
    text.lines().filter(|line| !line.is_empty()).map(ToString::to_string).collect()
}

fn tree(package: &str) -> Vec<String> {
    lines(package).iter().filter_map(|line| line.split(' ').next()).map(ToString::to_string).collect()
}

/// Those of this house among what a package stands on.
fn ours(package: &str) -> Vec<String> {
    let mut ours: Vec<_> = lines(package).into_iter().filter(|line| line.contains("(/")).collect();
    ours.iter_mut().for_each(|line| line.truncate(line.find(' ').unwrap_or(line.len())));
    ours.sort();
    ours.dedup();
    ours
}

#[test]
fn the_plugins_link_no_aws_no_http_and_no_kubernetes() {
    for plugin in ["multi-eni", "multi-eni-ipam"] {
        let packages = tree(plugin);
        assert!(packages.iter().any(|package| package == "rtnetlink"), "{packages:?}");
        for forbidden in ["aws", "hyper", "h2", "http", "kube", "k8s", "tonic", "axum", "rustls", "reqwest"] {
            let found: Vec<_> = packages.iter().filter(|package| package.starts_with(forbidden)).collect();
            assert!(found.is_empty(), "{plugin} links {found:?}");
        }
    }
}

#[test]
fn a_plugin_stands_on_few_packages() {
    for plugin in ["multi-eni", "multi-eni-ipam"] {
        let mut packages = tree(plugin);
        packages.sort();
        packages.dedup();
        assert!(packages.len() <= 70, "{plugin} stands on {} packages: {packages:?}", packages.len());
    }
}

#[test]
fn the_shared_crates_and_the_simulator_stand_on_nothing_of_ours() {
    for package in ["cni", "node", "ec2", "ec2sim"] {
        assert_eq!(ours(package), [package]);
    }
    // What tells our own does find them.
    assert_eq!(ours("multi-eni"), ["cni", "multi-eni", "node"]);
}

#[test]
fn only_the_agent_knows_kubernetes() {
    let knows =
        |package: &str| tree(package).iter().any(|package| package.starts_with("kube") || package.starts_with("k8s"));
    assert!(knows("multi-eni-agent"));
    for package in ["cni", "node", "ec2", "ec2sim"] {
        assert!(!knows(package), "{package}");
    }
}

/// Neither by its words nor by EC2's code in them.
#[test]
fn no_error_is_told_by_its_text() {
    let found = Command::new("grep")
        .args(["-rnE", r#"contains\("[A-Z][A-Za-z]+\.|to_string\(\)\.contains"#, "shared", "plugins"])
        .current_dir(e2e::cases::tree())
        .output()
        .expect("grep");
    // Its exit status for "nothing"; an error has another.
    assert_eq!(found.status.code(), Some(1), "{}", String::from_utf8_lossy(&found.stdout));
}
