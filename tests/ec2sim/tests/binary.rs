//! The program, from its start to its end by a signal. Needs root, `ip` and `nft`.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::io::{BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

struct Running {
    child: Child,
    report: Value,
}

/// Starts the program and reads the one document that says that it is ready.
fn start(arguments: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ec2sim")).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let report = serde_json::Deserializer::from_reader(stdout.take(1 << 20)).into_iter().next().unwrap().unwrap();
    Running { child, report }
}

fn end(mut running: Running, signal: Signal) {
    kill(Pid::from_raw(running.child.id().cast_signed()), signal).unwrap();
    assert!(running.child.wait().unwrap().success());
}

fn ip(line: &str) -> (bool, String) {
    let output = Command::new("ip").args(line.split_whitespace()).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// A name that no other run of this test has.
fn name(of: &str) -> String {
    format!("ec2sim-{of}-{}", std::process::id())
}

#[test]
fn it_says_what_is_up_and_leaves_nothing_after_sigterm() {
    let (host, fabric) = (name("host"), name("vpc"));
    let running = start(&["--enis", "3", "--host-netns", &host, "--fabric-netns", &fabric]);
    assert_eq!(running.report["enis"].as_array().unwrap().len(), 3);
    assert!(running.report["imds"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let mac = running.report["enis"][2]["mac"].as_str().unwrap();
    let (there, link) = ip(&format!("-n {host} -o link show eth3"));
    assert!(there && link.contains(mac), "{link}");
    assert!(ip(&format!("-n {fabric} link")).0);
    end(running, Signal::SIGTERM);
    let (_, names) = ip("netns list");
    assert!(!names.contains(&host) && !names.contains(&fabric), "{names}");
}

#[test]
fn a_given_namespace_stays_and_its_links_go_after_sigint() {
    let host = name("given");
    assert!(ip(&format!("netns add {host}")).0);
    let running = start(&["--host-netns", &host]);
    assert!(ip(&format!("-n {host} link show eth1")).0);
    end(running, Signal::SIGINT);
    let (there, links) = ip(&format!("-n {host} -br link"));
    assert!(ip(&format!("netns del {host}")).0);
    assert!(there && !links.contains("eth1"), "{links}");
}

#[test]
fn killed_it_leaves_no_link_on_the_machine() {
    let host = name("killed");
    assert!(ip(&format!("netns add {host}")).0);
    let mut running = start(&["--host-netns", &host]);
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    // The kernel takes the dead process's namespace in its own time, and tells nobody outside when.
    let limit = Instant::now() + Duration::from_secs(60);
    let mut there = true;
    while there && Instant::now() < limit {
        there = ip(&format!("-n {host} link show eth1")).0;
    }
    assert!(ip(&format!("netns del {host}")).0);
    assert!(!there);
}

#[test]
fn a_description_in_toml_is_brought_up_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vpc.toml");
    std::fs::write(&path, DESCRIPTION).unwrap();
    let host = name("toml");
    let running = start(&["--description", path.to_str().unwrap(), "--host-netns", &host]);
    let report = running.report.clone();
    end(running, Signal::SIGTERM);
    assert_eq!(report["instance"]["instance_type"], "p5.48xlarge");
    assert_eq!(report["enis"][0]["network_interface_id"], "eni-0123456789abcdef0");
    assert_eq!(report["enis"][0]["secondaries"][0], "10.0.1.11");
    assert_eq!(report["enis"][0]["attachment"]["host_name"], "ens6");
    assert_eq!(report["enis"][1]["attachment"]["network_card"], 1);
}

#[test]
fn a_key_that_is_not_known_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vpc.toml");
    std::fs::write(&path, "[[vpc]]\nipv4 = [\"10.0.0.0/16\"]\nsubnets = []\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ec2sim")).arg("--description").arg(&path).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("subnets"));
}

const DESCRIPTION: &str = r#"
[instance]
type = "p5.48xlarge"
network_cards = 2

[[vpc]]
ipv4 = ["10.0.0.0/16"]

[[vpc.subnet]]
ipv4 = "10.0.1.0/24"

[[vpc.subnet.eni]]
id = "eni-0123456789abcdef0"
address = "10.0.1.10"
secondary = ["10.0.1.11"]
index = 1
host_name = "ens6"

[[vpc.subnet.eni]]
card = 1
"#;
