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
    assert_eq!(running.report["enis"].as_array().unwrap().len(), 4);
    assert!(running.report["imds"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let mac = running.report["enis"][3]["mac"].as_str().unwrap();
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
fn the_sample_description_is_brought_up_as_it_says() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/world.toml");
    let host = name("toml");
    let running = start(&["--description", sample, "--host-netns", &host]);
    let report = running.report.clone();
    end(running, Signal::SIGTERM);
    assert_eq!(report["instance"]["instance_type"], "p4d.24xlarge");
    assert_eq!(report["instance"]["network_cards"], 4);
    let names = report["enis"].as_array().unwrap().iter().map(|eni| &eni["attachment"]["host_name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["ens5", "ens6", "eth102"]);
    assert_eq!(report["enis"][0]["network_interface_id"], "eni-0123456789abcdef0");
    assert_eq!(report["enis"][1]["tags"]["eks:eni:owner"], "amazon-vpc-cni");
    assert_eq!(report["enis"][2]["secondaries"][0], "10.0.1.11");
    assert_eq!(report["enis"][2]["attachment"]["network_card"], 1);
    assert_eq!(report["available"][0]["security_groups"][0]["name"], "pods");
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

/// The answer's body of a call to the simulator's own endpoint.
fn control(running: &Running, method: &str, path: &str, body: &str) -> String {
    let url = running.report["control"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap();
    http(address, &format!("{method} {path}"), "", body)
}

fn http(address: &str, line: &str, headers: &str, body: &str) -> String {
    use std::io::Write;
    let request = format!(
        "{line} HTTP/1.1\r\nHost: sim\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn an_eni_that_is_attached_by_a_call_becomes_a_link_with_its_name_and_the_log_tells() {
    let host = name("api");
    let environment = tempfile::NamedTempFile::new().unwrap();
    let path = environment.path().to_str().unwrap();
    let running =
        start(&["--enis", "0", "--others", "--timing", "instant", "--host-netns", &host, "--environment", path]);
    let exports = std::fs::read_to_string(environment.path()).unwrap();
    let ec2 = running.report["ec2"].as_str().unwrap().to_owned();
    assert!(exports.contains(&format!("export AWS_ENDPOINT_URL_EC2={ec2}\n")), "{exports}");
    let enis = running.report["available"].as_array().unwrap();
    let kept = enis.iter().find(|eni| eni["description"] == "kept for later").unwrap();
    let (id, instance) =
        (kept["network_interface_id"].as_str().unwrap(), running.report["instance"]["instance_id"].as_str().unwrap());
    let netns = ec2sim::Netns::at(std::path::Path::new("/run/netns").join(&host).as_path()).unwrap();
    let call = |parameters: String| {
        let address = ec2.strip_prefix("http://").unwrap();
        let body = format!("{parameters}&Version=2016-11-15");
        netns.run(|| http(address, "POST /", "Authorization: AWS4 Credential=KEY/x\r\n", &body)).unwrap()
    };
    let attach = format!("Action=AttachNetworkInterface&NetworkInterfaceId={id}&InstanceId={instance}&DeviceIndex=2");
    control(
        &running,
        "POST",
        "/faults",
        r#"{"action": "AttachNetworkInterface", "nth": 1, "does": "refuses", "code": "InternalError"}"#,
    );
    assert!(call(attach.clone()).contains("InternalError"));
    assert!(call(attach).contains("attachmentId"));
    let (there, link) = ip(&format!("-n {host} -o link show ens7"));
    assert!(there && link.contains(kept["mac"].as_str().unwrap()), "{link}");
    let calls: Value = serde_json::from_str(&control(&running, "GET", "/calls", "")).unwrap();
    assert_eq!((&calls[0]["outcome"]["refused"], &calls[1]["outcome"]), (&"InternalError".into(), &"done".into()));
    assert_eq!(calls[1]["principal"], "KEY");
    assert!(control(&running, "POST", "/faults", "{}").contains("does"));
    assert!(control(&running, "GET", "/", "").contains("/outage/"));
    end(running, Signal::SIGTERM);
}
