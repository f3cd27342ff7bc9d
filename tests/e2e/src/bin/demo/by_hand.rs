//! How to go on by hand, and the time for it.

use std::io::{BufRead, stdin};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use e2e::binaries;

use crate::interrupt::Interrupt;
use crate::said;
use crate::stage::Stage;

/// Says how; with `stay`, waits until somebody has done it.
pub(crate) fn explain(stage: &Stage, interrupt: &Interrupt, stay: bool) {
    said::heading("Go on by hand");
    if !stay {
        said::line("`make demo STAY=1` leaves all of this up, and says how to call the plugin with cnitool.");
        return;
    }
    // It only holds the node's namespaces open under a number that the machine knows.
    let held = stage.cloud.host.command("sleep").arg("infinity").spawn();
    said::line("In another terminal, as root:\n");
    said::quote(&commands(stage, held.pid().as_raw()));
    said::line("\nEnter ends it.");
    wait(interrupt);
}

fn commands(stage: &Stage, node: i32) -> String {
    let network = stage.network["name"].as_str().expect("the network's name");
    let plugins = Stage::plugins();
    let folder = plugins[0].parent().unwrap_or(Path::new("."));
    let cnitool = binaries::cnitool();
    [
        format!("nsenter --target {node} --mount --net --pid bash"),
        format!("export CNI_PATH={}:{} CNI_IFNAME=net1", folder.display(), binaries::REFERENCE_PLUGINS),
        "ip netns add pod".into(),
        format!("{} add {network} /run/netns/pod", cnitool.display()),
        "ip -netns pod address show dev net1".into(),
        format!("{} status", binaries::multi_eni_agent().display()),
        "ip netns exec pod ping -c 1 10.0.2.20".into(),
        format!("{} del {network} /run/netns/pod", cnitool.display()),
        "ip netns delete pod".into(),
    ]
    .join("\n")
}

/// Waits for a line on stdin, its end, or a signal.
fn wait(interrupt: &Interrupt) {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        stdin().lock().read_line(&mut String::new()).ok();
        // Nobody waits for it after a signal.
        sender.send(()).ok();
    });
    while receiver.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
        interrupt.check();
    }
}
