//! The whole process: signals, streams and exit status, by `examples/probe.rs`.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Cargo builds the examples of a package for its tests, beside their folder; or in its target folder, where that is not
/// the one that it builds in (`build.build-dir`).
fn probe() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap();
    let profile = built.file_name().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").map(|target| PathBuf::from(target).join(profile));
    let folders = [target, Some(built.to_path_buf())];
    let paths = folders.into_iter().flatten().map(|folder| folder.join("examples/probe"));
    let path = paths.clone().find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("cargo build -p cni --examples: it is at none of {:?}", paths.collect::<Vec<_>>()))
}

fn start(verb: &str, does: &str) -> Child {
    let mut command = Command::new(probe());
    command
        .env("CNI_COMMAND", verb)
        .envs([("CNI_CONTAINERID", "c0ffee"), ("CNI_IFNAME", "net1"), ("CNI_NETNS", "/run/netns/blue")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let config = json!({"cniVersion": "1.0.0", "name": "fast", "type": "probe", "does": does}).to_string();
    child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    child
}

/// Sends the signal as soon as the probe says on stderr that it is at work.
fn interrupted(does: &str, signal: Signal) -> Output {
    let mut child = start("ADD", does);
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "at work\n");
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    child.wait_with_output().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_signal_lets_the_verb_roll_back_and_say_so() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let output = interrupted("rolls back", signal);
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("rolled back after {signal}");
        assert_eq!(document(&output), json!({"cniVersion": "1.0.0", "code": 11, "msg": expected, "details": ""}));
    }
}

#[test]
fn a_verb_that_ignores_the_signal_is_answered_for() {
    let output = interrupted("ignores", Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document(&output)["code"], 11);
    assert!(document(&output)["msg"].as_str().unwrap().contains("SIGTERM"));
}

#[test]
fn a_call_that_hangs_in_the_kernel_does_not_hold_the_answer() {
    let output = start("ADD", "blocks").wait_with_output().unwrap();
    assert_eq!(document(&output)["code"], 103);
}

#[test]
fn a_panic_leaves_one_document_and_no_noise() {
    let output = start("ADD", "panics").wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
    assert_eq!(document(&output)["code"], 999);
    assert!(document(&output)["details"].as_str().unwrap().contains("probe.rs:"));
}

#[test]
fn res_3_version_is_answered_while_stdin_stays_open() {
    let mut command = Command::new(probe());
    command.env("CNI_COMMAND", "VERSION").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert!(output.status.success());
    assert_eq!(document(&output)["supportedVersions"].as_array().unwrap().len(), 5);
}

#[test]
fn called_by_a_person_it_says_what_it_is() {
    let output = Command::new(probe()).env_remove("CNI_COMMAND").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("probe: "));
}
