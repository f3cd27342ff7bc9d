//! `attach = "once"`: a node without an agent, whose program is run for one pass.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::agent::listen;
use crate::{add, assert_nothing_left, hasty_add, not_yet};
use e2e::{LIMIT, Lab};
use node::ask::{Decoded, Request};
use node::inventory::Entry;

/// A program in the agent's place: a shell script, with a folder of its own in `$DIR`.
struct Program(PathBuf);

impl Program {
    fn install(lab: &Lab, body: &str) -> Self {
        let folder = lab.host.folder().join("once");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("program");
        fs::write(&path, format!("#!/bin/sh\nDIR='{}'\n{body}\n", folder.display())).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        lab.write_settings(&format!("attach = \"once\"\nagent_program = {:?}", path.display().to_string()));
        Self(folder)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

/// The ENI's entry as a file beside the inventory, and where it belongs.
fn set_apart(lab: &Lab, entry: &Entry) -> (PathBuf, PathBuf) {
    lab.write_entry(entry);
    let place = lab.state_dir().join("inventory").join(format!("{}.json", entry.network_interface_id));
    let apart = lab.host.folder().join("entry.json");
    fs::rename(&place, &apart).unwrap();
    (apart, place)
}

#[test]
fn upg_3_a_node_without_an_agent_attaches_by_one_pass() {
    let (lab, entries) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let (apart, place) = set_apart(&lab, &entries[0]);
    let body = format!(
        "cat > $DIR/stdin; env > $DIR/env; echo \"$@\" > $DIR/arguments; cp {apart:?} {place:?}\n\
         echo '{{\"ready\": {{\"networkInterfaceId\": \"{}\"}}}}'",
        entries[0].network_interface_id
    );
    let program = Program::install(&lab, &body);
    let listener = listen(&lab);
    let pod = lab.host.netns("pod1");
    let result = add(&lab, &pod, "c1").run(&lab.host).result();
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24", "{result:#}");
    let Request::Acquire(asked) = Request::decode(program.read("stdin").as_bytes()).unwrap() else {
        panic!("{}", program.read("stdin"))
    };
    assert_eq!((asked.pool.as_str(), asked.owner.container_id.as_str()), ("data", "c1"));
    assert_eq!(program.read("arguments").trim(), "once --acquire");
    let env = program.read("env");
    assert!(env.contains("MULTI_ENI_NODE_TOML=") && !env.contains("CNI_"), "{env}");
    add(&lab, &pod, "c1").verb("DEL").run(&lab.host).empty();
    assert_nothing_left(&lab, &before);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "the socket is not asked");
}

#[test]
fn ec2_5_what_one_pass_answers_reaches_the_runtime() {
    for (body, code, text) in [
        ("echo '{\"refused\": {\"code\": 101, \"msg\": \"subnet-1 is full\"}}'; exit 1", 101, "subnet-1 is full"),
        ("exit 3", 11, "without an answer (exit status: 3)"),
        ("kill -9 $$", 11, "without an answer (signal: 9"),
        ("echo rubbish", 6, "cannot be read"),
        ("echo '{\"refreshed\": {}}'", 6, "something else than what it was asked"),
    ] {
        let (lab, _) = not_yet(1);
        let before = lab.host.snapshot(&[]);
        let pod = lab.host.netns("pod1");
        drop(Program::install(&lab, body));
        let error = add(&lab, &pod, "c1").run(&lab.host).error();
        assert_eq!(error.code, code, "{body}: {error:?}");
        assert!(error.msg.contains(text), "{body}: {error:?}");
        assert_nothing_left(&lab, &before);
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let (lab, _) = not_yet(1);
    lab.write_settings("attach = \"once\"\nagent_program = \"/opt/none/multi-eni-agent\"");
    let pod = lab.host.netns("pod1");
    let error = add(&lab, &pod, "c1").run(&lab.host).error();
    assert_eq!(error.code, 5, "{error:?}");
    assert!(error.details.contains("/opt/none/multi-eni-agent"), "{error:?}");
}

#[test]
fn cra_2_a_pass_that_does_not_end_is_killed_in_time() {
    let (lab, _) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let program = Program::install(&lab, "sleep 1000 & echo $! > $DIR/child; wait");
    let error = hasty_add(&lab, &pod, "c1").run(&lab.host).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert_nothing_left(&lab, &before);
    let child = program.read("child").trim().to_string();
    let gone = format!("while kill -0 {child} 2>/dev/null; do sleep 0.01; done");
    lab.host.command("sh").args(["-c", &gone]).limit(LIMIT).run();
}
