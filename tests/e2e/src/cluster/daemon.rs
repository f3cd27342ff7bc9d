//! A program that goes on in a node until it is stopped.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Host, Running};

/// Longer than any test.
const LIFE: Duration = Duration::from_secs(1800);

/// How many lines of a log a test that fails shows.
const SHOWN: usize = 40;

/// A daemon with a folder of its own, which it runs in, and a log of all its lives there. It ends when this is dropped.
pub(super) struct Daemon {
    name: &'static str,
    host: Host,
    folder: PathBuf,
    command: Vec<OsString>,
    process: Option<Running>,
}

impl Daemon {
    /// Starts it.
    pub(super) fn start(
        host: &Host,
        name: &'static str,
        program: PathBuf,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        let folder = folder(host, name);
        fs::create_dir_all(&folder).expect("a folder of a daemon");
        let command = std::iter::once(program.into()).chain(arguments.into_iter().map(Into::into)).collect();
        let mut daemon = Self { name, host: host.clone(), folder, command, process: None };
        daemon.spawn();
        daemon
    }

    fn spawn(&mut self) {
        let script = r#"exec "$@" >>"$0" 2>&1"#;
        let shell = self.host.command("sh").current_dir(&self.folder).args(["-c", script]);
        self.process = Some(shell.arg(self.log_path()).args(&self.command).limit(LIFE).spawn());
    }

    /// Kills it, as a crash does, and starts it again.
    pub(super) fn restart(&mut self) {
        self.stop();
        self.spawn();
    }

    /// Kills it, as a crash does.
    pub(super) fn stop(&mut self) {
        self.process.take().expect("a daemon that runs").kill();
    }

    /// Starts it after it was stopped.
    pub(super) fn start_again(&mut self) {
        assert!(self.process.is_none(), "{} runs", self.name);
        self.spawn();
    }

    /// Panics with its log when it has ended.
    #[track_caller]
    pub(super) fn assert_runs(&mut self) {
        let runs = self.process.as_mut().is_some_and(Running::is_running);
        assert!(runs, "{} has ended:\n{}", self.name, self.last_lines());
    }

    /// What it logged, all of its lives.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The end of its log.
    pub(super) fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let mut text = format!("the log of {}:\n", self.name);
        for line in &lines[lines.len().saturating_sub(SHOWN)..] {
            writeln!(text, "  {line}").expect("text in memory");
        }
        text
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// Where a daemon of a node has its own files.
pub(super) fn folder(host: &Host, name: &str) -> PathBuf {
    host.folder().join("cluster").join(name)
}

/// `--NAME=PATH`.
pub(super) fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}
