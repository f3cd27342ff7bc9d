//! The installer on a node whose pods come and go all the time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use e2e::{Cloud, Host, Invocation, Output, PodNetns, binaries, cases};
use nix::sys::signal::Signal;
use serde_json::json;

const POOL: &str = "data";
const PLUGIN: &str = "/opt/cni/bin/multi-eni";
const NETWORK: &str = "/etc/cni/net.d/10-multi-eni.conflist";

fn installer(host: &Host, arguments: &[&str]) -> Output {
    host.command(binaries::image_tree().join("opt/cni/bin/multi-eni-agent")).args(arguments).output()
}

#[track_caller]
fn install(host: &Host, arguments: &[&str]) -> String {
    let output = installer(host, &[&["install"], arguments].concat());
    assert!(output.status.success(), "{output}");
    String::from_utf8(output.stdout).unwrap()
}

/// Two releases whose programs differ by a byte that means nothing.
fn releases(host: &Host) -> [String; 2] {
    ["old", "new"].map(|name| {
        let folder = host.folder().join(name);
        std::fs::create_dir(&folder).unwrap();
        for program in ["multi-eni", "multi-eni-ipam"] {
            let mut bytes = std::fs::read(binaries::image_tree().join("opt/cni/bin").join(program)).unwrap();
            bytes.extend(name.as_bytes());
            std::fs::write(folder.join(program), bytes).unwrap();
        }
        folder.display().to_string()
    })
}

/// The network of the pods that come and go: with the plugins as they are installed.
fn call(cloud: &Cloud, pod: &PodNetns) -> Invocation {
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    cloud.call_of(PLUGIN.as_ref(), pod, "c1", &config).env("CNI_PATH", "/opt/cni/bin")
}

/// Does all this while pods come and go: `change` gets a number, and between two of them a pod came and went. No call may fail.
fn while_pods_come_and_go(host: &Host, call: &Invocation, times: usize, mut change: impl FnMut(usize)) {
    let (end, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let pods = scope.spawn(|| {
            while !end.load(Ordering::Relaxed) {
                drop(call.clone().verb("VERSION").run(host).result());
                drop(call.run(host).result());
                call.clone().verb("DEL").run(host).empty();
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        for number in 0..times {
            let before = rounds.load(Ordering::Relaxed);
            change(number);
            e2e::until("a pod came and went", || rounds.load(Ordering::Relaxed) > before || pods.is_finished());
        }
        end.store(true, Ordering::Relaxed);
    });
}

fn with_one_eni() -> Cloud {
    let cloud = Cloud::new();
    cloud.declare(POOL, &json!({"min": 1, "max": 1, "cooldownSeconds": 0}));
    cloud.start();
    cloud.until_ready(POOL, 1);
    cloud
}

#[test]
fn a_hundred_installations_under_constant_adds_fail_none() {
    let cloud = with_one_eni();
    let releases = releases(&cloud.host);
    install(&cloud.host, &["--from", &releases[0]]);
    let pod = cloud.host.netns("pod1");
    while_pods_come_and_go(&cloud.host, &call(&cloud, &pod), 100, |number| {
        let said = install(&cloud.host, &["--from", &releases[(number + 1) % 2]]);
        assert_eq!(said, format!("installed {PLUGIN}\ninstalled {PLUGIN}-ipam\n"), "installation {number}");
    });
}

/// As a DaemonSet updates a node: the agent ends, the new plugins are there, the new agent begins.
#[test]
fn an_update_of_the_agent_and_its_plugins_fails_no_add() {
    let cloud = with_one_eni();
    let releases = releases(&cloud.host);
    install(&cloud.host, &["--from", &releases[0]]);
    let pod = cloud.host.netns("pod1");
    while_pods_come_and_go(&cloud.host, &call(&cloud, &pod), 5, |number| {
        assert!(cloud.terminate().success());
        install(&cloud.host, &["--from", &releases[(number + 1) % 2]]);
        cloud.start();
    });
}

/// A network configuration beside the node's own files.
fn network(host: &Host) -> String {
    let path = host.folder().join("10-multi-eni.conflist");
    std::fs::copy(cases::tree().join("conf/10-multi-eni.conflist"), &path).unwrap();
    path.display().to_string()
}

fn has(host: &Host, path: &'static str) -> bool {
    host.run(move || std::path::Path::new(path).exists())
}

#[test]
fn the_network_is_there_when_the_agent_is_ready_and_not_before() {
    let cloud = Cloud::new();
    let host = &cloud.host;
    let network = network(host);
    let late = installer(host, &["install", "--network", &network, "--timeout", "1"]);
    assert_eq!(late.code(), Some(1), "{late}");
    assert!(late.stderr.contains("no agent listens on 127.0.0.1:61680"), "{late}");
    let said = String::from_utf8(late.stdout).unwrap();
    assert!(said.contains("\nwaiting for the agent: no agent listens on 127.0.0.1:61680"), "{said}");
    assert!(has(host, PLUGIN) && !has(host, NETWORK), "the plugins may be there before");

    let program = binaries::image_tree().join("opt/cni/bin/multi-eni-agent");
    let mut staying = host.command(program).args(["install", "--stay", "--network", &network]).spawn();
    assert!(!has(host, NETWORK));
    cloud.start();
    e2e::until("the network is there", || has(host, NETWORK));
    assert!(staying.is_running());
    staying.signal(Signal::SIGTERM);
    assert!(staying.end().success());
    assert!(has(host, PLUGIN) && has(host, NETWORK), "an update must not find a gap");
}

#[test]
fn what_was_installed_is_removed_and_nothing_else() {
    let host = Host::new();
    host.sh("mkdir -p /opt/cni/bin /etc/cni/net.d; echo other >/opt/cni/bin/other");
    let before = host.snapshot(&["/opt/cni", "/etc/cni"]);
    let settings = host.folder().join("node.toml").display().to_string();
    std::fs::write(&settings, "attach = \"once\"\n").unwrap();
    install(&host, &["--settings", &settings]);
    assert!(has(&host, "/opt/cni/bin/multi-eni-agent"), "a plugin runs it where no daemon is");
    host.sh("echo '# mine' >>/etc/multi-eni/node.toml");
    let said = String::from_utf8(installer(&host, &["uninstall"]).stdout).unwrap();
    assert!(said.contains("kept /etc/multi-eni/node.toml"), "{said}");
    assert_eq!(host.sh("ls -A /etc/multi-eni").trim(), "node.toml");
    before.assert_same(&host.snapshot(&["/opt/cni", "/etc/cni"]));
}

#[test]
fn settings_that_are_wrong_are_not_installed_and_those_that_are_there_are_not_in_the_way() {
    let host = Host::new();
    let settings = host.folder().join("node.toml").display().to_string();
    std::fs::write(&settings, "state_dri = \"/run\"\n").unwrap();
    let refused = installer(&host, &["install", "--settings", &settings]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("state_dir") && !has(&host, PLUGIN), "{refused}");
    std::fs::write(&settings, "").unwrap();
    install(&host, &["--settings", &settings]);
    host.sh("echo 'state_dri = 1' >/etc/multi-eni/node.toml");
    let said = install(&host, &["--settings", &settings]);
    assert!(said.contains("kept /etc/multi-eni/node.toml"), "{said}");
}

#[test]
fn in_a_container_the_host_is_below_a_folder() {
    let host = Host::new();
    host.sh("mkdir -p /run/container/host/opt/cni/bin /run/container/host/etc");
    let said = install(&host, &["--root", "/run/container/host"]);
    assert!(said.contains("installed /opt/cni/bin/multi-eni\n"), "the host's own paths: {said}");
    assert!(!has(&host, PLUGIN) && has(&host, "/run/container/host/opt/cni/bin/multi-eni"));
    let removed = installer(&host, &["uninstall", "--root", "/run/container/host"]);
    assert!(removed.status.success() && !has(&host, "/run/container/host/opt/cni/bin/multi-eni"), "{removed}");
}

#[test]
fn an_installer_that_is_told_to_removes_all_at_its_end() {
    let host = Host::new();
    let program = binaries::image_tree().join("opt/cni/bin/multi-eni-agent");
    let mut staying = host.command(program).args(["install", "--stay", "--remove-at-end"]).spawn();
    e2e::until("the plugin is there", || has(&host, "/opt/cni/bin/multi-eni-ipam"));
    staying.signal(Signal::SIGTERM);
    assert!(staying.end().success());
    assert!(!has(&host, PLUGIN) && !has(&host, "/opt/cni/bin/multi-eni-ipam"));
}
