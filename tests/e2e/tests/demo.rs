//! The demo does what it says, and leaves nothing behind.
#![expect(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use e2e::{binaries, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A run of it whose stdout can be read line by line.
struct Demo {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binaries::demo())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the demo");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, stdout }
    }

    /// All lines until one that starts so, that one included.
    fn read_to(&mut self, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).expect("a line") > 0, "no {start:?} in {lines:#?}");
            let line = line.trim_end().to_string();
            let found = line.starts_with(start);
            lines.push(line);
            if found {
                return lines;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("a running demo");
    }

    /// The folders of its nodes, as the mounts of its threads have them.
    fn folders(&self) -> BTreeSet<PathBuf> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let mounts = tasks.filter_map(|task| fs::read_to_string(task.expect("a thread").path().join("mountinfo")).ok());
        let points = |text: String| text.lines().filter_map(|line| Some(line.split(' ').nth(4)?.into())).collect();
        let points: Vec<PathBuf> = mounts.flat_map::<Vec<PathBuf>, _>(points).collect();
        let folders = points.iter().map(|point| point.components().take(3).collect::<PathBuf>());
        folders.filter(|folder| folder.starts_with("/tmp") && is_of_a_node(folder)).collect()
    }

    fn end(mut self) -> ExitStatus {
        let mut status = None;
        until("the demo ends", || {
            status = self.child.try_wait().expect("the state of a child");
            status.is_some()
        });
        status.expect("its end")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn is_of_a_node(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("multi-eni-host-"))
}

#[test]
fn the_demo_shows_a_container_with_an_eni_and_a_node_that_did_not_change() {
    let mut demo = Demo::start(&[]);
    let lines = demo.read_to("== Go on by hand");
    let answered = lines.iter().filter(|line| line.ends_with(", 0% packet loss")).count();
    assert_eq!(answered, 3, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("inet 10.0.1.")), "{lines:#?}");
    let called = lines.iter().skip_while(|line| !line.starts_with("What EC2 was asked for")).skip(1);
    let called: Vec<_> = called.map(|line| line.trim()).take_while(|line| !line.is_empty()).collect();
    let whole_life = [
        "CreateNetworkInterface",
        "AttachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
        "DetachNetworkInterface",
        "DeleteNetworkInterface",
    ];
    assert_eq!(called, whole_life);
    let changes = lines.iter().skip_while(|line| !line.starts_with("What changed on the node")).nth(1);
    assert_eq!(changes.map(String::as_str), Some("    nothing"));
    demo.read_to("`make demo STAY=1`");
    assert!(demo.end().success());
}

#[test]
fn a_signal_ends_the_demo_and_all_that_it_made() {
    let cases = [
        (Signal::SIGINT, "== containerd runs a container"),
        (Signal::SIGTERM, "container# ping"),
        (Signal::SIGTERM, "Enter ends it."),
    ];
    for (signal, line) in cases {
        let mut demo = Demo::start(&["--stay"]);
        demo.read_to(line);
        let folders = demo.folders();
        assert_eq!(folders.len(), 2, "{folders:?}");
        demo.signal(signal);
        demo.read_to("interrupted: everything is taken down");
        assert_eq!(demo.end().code(), Some(130), "{signal} at {line:?}");
        assert!(!folders.iter().any(|folder| folder.exists()), "{signal} at {line:?} left {folders:?}");
    }
}

#[test]
fn the_commands_by_hand_work() {
    let mut demo = Demo::start(&["--stay"]);
    demo.read_to("In another terminal, as root:");
    let commands = demo.read_to("Enter ends it.");
    let mut commands = commands.iter().filter_map(|line| line.strip_prefix("    "));
    let entering = commands.next().and_then(|line| line.strip_suffix(" bash")).expect("a command to enter the node");
    let script: String = commands.map(|line| format!("{line}\n")).collect();
    let mut words = entering.split(' ').chain(["sh", "-ex"]);
    let mut shell = Command::new(words.next().expect("a command"));
    let mut shell = shell.args(words).stdin(Stdio::piped()).spawn().expect("a shell in the node");
    shell.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("commands for the shell");
    assert!(shell.wait().expect("the shell's end").success(), "{script}");
    demo.child.stdin.take().expect("a pipe").write_all(b"\n").expect("Enter");
    assert!(demo.end().success());
}
