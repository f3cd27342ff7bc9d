//! What happens, in order.

use std::fs;

use e2e::{Cloud, Container, Containerd, Host, Pod};

use crate::interrupt::Interrupt;
use crate::stage::{self, Stage};
use crate::{by_hand, said};

pub(crate) fn tell(interrupt: &Interrupt, stay: bool) {
    let stage = Stage::set();
    let cloud = &stage.cloud;
    interrupt.check();
    introduce(&stage);
    start(cloud);
    let records = cloud.state_dir().join("attachments").display().to_string();
    let containerd = Containerd::start(&cloud.host, &stage.network, &Stage::plugins());
    interrupt.check();
    let before = cloud.host.snapshot(&[&records]);
    let pod = containerd.run_pod("demo").unwrap_or_else(|error| fail(&error));
    interrupt.check();
    use_it(cloud, &pod, interrupt);
    give_back(cloud, &pod);
    shrink(cloud);
    let changes = before.changes_to(&cloud.host.snapshot(&[&records]));
    said::line("\nWhat changed on the node since before the container (links, addresses, routes, rules, records):");
    said::quote(if changes.is_empty() { "nothing" } else { &changes });
    assert!(changes.is_empty(), "the node is not as it was before");
    by_hand::explain(&stage, interrupt, stay);
    interrupt.check();
}

fn introduce(stage: &Stage) {
    said::heading("A node of EC2 with an empty pool of ENIs");
    said::line(
        "EC2 and its VPC 10.0.0.0/16, 2001:db8::/56 are simulated; links, addresses and packets are the kernel's.",
    );
    said::file(stage::CONFLIST_PATH, stage::CONFLIST);
    let settings = fs::read_to_string(stage.cloud.settings()).expect("the node's settings");
    said::file(node::settings::DEFAULT_PATH, &settings);
    let manifest = stage.cloud.manifest(&stage.pool);
    let text = fs::read_to_string(&manifest).expect("the pool's manifest");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    said::file(&manifest.display().to_string(), &format!("{json:#}"));
}

fn start(cloud: &Cloud) {
    said::heading("The agent begins, and has nothing to do yet");
    cloud.start();
    status(cloud);
}

fn use_it(cloud: &Cloud, pod: &Pod<'_>, interrupt: &Interrupt) {
    said::heading("containerd runs a container: the plugin asks, the agent attaches, and the container has an ENI");
    let container = pod.start_container("main").unwrap_or_else(|error| fail(&error));
    said::line("\nWhat the agent has logged:");
    said::quote(&cloud.log());
    exec(&container, "ip address show dev eth0");
    exec(&container, "ip route");
    exec(&container, "ip -6 route");
    said::line("\nThe router of its subnet, and a machine in another subnet of the VPC, in both families:");
    for address in ["10.0.1.1"].into_iter().chain(stage::OTHER) {
        interrupt.check();
        exec(&container, &format!("ping -c 1 -W 10 {address}"));
    }
    status(cloud);
    interrupt.check();
}

fn give_back(cloud: &Cloud, pod: &Pod<'_>) {
    said::heading("The container ends, and the ENI is home");
    pod.stop().unwrap_or_else(|error| fail(&error));
    pod.remove().unwrap_or_else(|error| fail(&error));
    said::command(ip(&cloud.host, &["-brief", "link"]), "ip -brief link");
    status(cloud);
}

fn shrink(cloud: &Cloud) {
    said::heading("The ENI has rested, nobody wants it, and the pool is empty again");
    cloud.until_gone();
    status(cloud);
    said::line("\nWhat EC2 was asked for that changes something:");
    for call in cloud.writes() {
        said::quote(call.action.name());
    }
}

fn status(cloud: &Cloud) {
    said::line("\n# multi-eni-agent status");
    said::quote(&String::from_utf8_lossy(&cloud.agent(&["status"]).stdout));
}

fn exec(container: &Container<'_>, command: &str) {
    said::line(&format!("\ncontainer# {command}"));
    said::quote(&container.exec(&command.split(' ').collect::<Vec<_>>()));
}

fn ip(node: &Host, arguments: &[&str]) -> e2e::HostCommand {
    node.command("ip").args(arguments)
}

#[expect(clippy::panic, reason = "the way in which everything here fails")]
fn fail<T>(error: &impl std::fmt::Display) -> T {
    panic!("{error}")
}
