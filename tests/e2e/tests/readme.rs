//! What the README tells a user to type works as it stands there.
#![expect(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::fs;

use e2e::{Host, binaries, cases};

/// The lines of the page that are for a shell, in their order.
fn typed() -> String {
    let page = fs::read_to_string(cases::tree().join("README.md")).expect("the README");
    page.split("```sh\n").skip(1).map(|block| block.split_once("```").expect("its end").0).collect()
}

#[test]
fn the_agent_by_hand() {
    let agent = binaries::multi_eni_agent();
    let folder = agent.parent().expect("a folder of programs");
    let host = Host::new();
    // Job control is what an interactive shell has.
    let script = format!("cd {} && set -em\n{}", cases::tree().display(), typed());
    let shell = host.command("bash").env("BIN", folder).env("AGENT", &agent).args(["-c", &script]);
    let said = shell.run();
    assert_eq!(said.matches(" data-plane  ready ").count(), 2, "{said}");
    assert_eq!(said.matches(" data-plane  in use ").count(), 3, "{said}");
    assert_eq!(said.matches("\"address\":\"10.0.1.").count(), 3, "{said}");
    assert!(said.contains("\nec2: ok") && said.contains("\nrecords: ok"), "{said}");
    assert_eq!(said.matches("AttachNetworkInterface").count(), 3, "{said}");
    assert_eq!(host.sh("ls /run/netns"), "", "what the simulator made is gone with it");
}
