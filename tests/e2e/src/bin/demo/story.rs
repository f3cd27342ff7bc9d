//! What happens, in order.

use e2e::{Container, Containerd, Host, Pod};

use crate::interrupt::Interrupt;
use crate::stage::{self, Stage};
use crate::{by_hand, said};

/// What is compared before and after: the network, and who holds an ENI.
const RECORDS: &str = "/run/multi-eni/attachments";

pub(crate) fn tell(interrupt: &Interrupt, stay: bool) {
    let stage = Stage::set();
    interrupt.check();
    introduce(&stage);
    let containerd = Containerd::start(&stage.node, &stage.network, &Stage::plugins());
    interrupt.check();
    let before = stage.node.snapshot(&[RECORDS]);
    let pod = containerd.run_pod("demo").unwrap_or_else(|error| fail(&error));
    interrupt.check();
    use_it(&stage.node, &pod, interrupt);
    give_back(&stage.node, &pod);
    let changes = before.changes_to(&stage.node.snapshot(&[RECORDS]));
    said::line("\nWhat changed on the node since before the container (links, addresses, routes, rules, records):");
    said::quote(if changes.is_empty() { "nothing" } else { &changes });
    assert!(changes.is_empty(), "the node is not as it was before");
    by_hand::explain(&stage, interrupt, stay);
    interrupt.check();
}

fn introduce(stage: &Stage) {
    said::heading("A node of EC2 with two ENIs for pods");
    said::line("The VPC 10.0.0.0/16, 2001:db8::/56 is simulated; links, addresses and packets are the kernel's.");
    said::command(ip(&stage.node, &["-brief", "link"]), "ip -brief link");
    said::file(stage::CONFLIST_PATH, stage::CONFLIST);
    said::file(node::settings::DEFAULT_PATH, stage::NODE_TOML);
    said::line("\nWhat the node knows of its ENIs, here of the first:");
    let (name, content) = stage.node.run(|| {
        let entry = stage::store().inventory().expect("the inventory").remove(0);
        let path = format!("/run/multi-eni/inventory/{}.json", entry.network_interface_id);
        (path.clone(), std::fs::read(path).expect("an entry of the inventory"))
    });
    let content: serde_json::Value = serde_json::from_slice(&content).expect("JSON");
    said::file(&name, &format!("{content:#}"));
}

fn use_it(node: &Host, pod: &Pod<'_>, interrupt: &Interrupt) {
    said::heading("containerd runs a container, and it has an ENI");
    let container = pod.start_container("main").unwrap_or_else(|error| fail(&error));
    exec(&container, "ip address show dev eth0");
    exec(&container, "ip route");
    exec(&container, "ip -6 route");
    said::line("\nThe router of its subnet, and a machine in another subnet of the VPC, in both families:");
    for address in ["10.0.1.1"].into_iter().chain(stage::OTHER) {
        interrupt.check();
        exec(&container, &format!("ping -c 1 -W 10 {address}"));
    }
    said::line("\nThe node has one ENI less meanwhile:");
    said::command(ip(node, &["-brief", "link"]), "ip -brief link");
    interrupt.check();
}

fn give_back(node: &Host, pod: &Pod<'_>) {
    said::heading("The container ends, and the ENI is home");
    pod.stop().unwrap_or_else(|error| fail(&error));
    pod.remove().unwrap_or_else(|error| fail(&error));
    said::command(ip(node, &["-brief", "link"]), "ip -brief link");
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
