//! Commands of a node: what to run, the process while it runs, and what came of it.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Host, LIMIT};

/// A command to run in a node, with nothing on its stdin unless it is given something.
#[derive(Debug)]
pub struct HostCommand {
    host: Host,
    command: Command,
    stdin: Vec<u8>,
    limit: Duration,
}

impl HostCommand {
    pub(crate) fn new(host: Host, command: Command) -> Self {
        Self { host, command, stdin: Vec::new(), limit: LIMIT }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without the environment of the test.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How long it may take; [`LIMIT`] unless set.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(mut self) -> Running {
        let what = format!("{:?}", self.command);
        let stdin = if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.host.spawn(self.command).unwrap_or_else(|error| panic!("starting {what}: {error}"));
        if let Some(mut pipe) = child.stdin.take() {
            // A program may end without reading it all; what it made of that is in its answer.
            thread::spawn(move || pipe.write_all(&self.stdin).ok());
        }
        let stdout = read_all(child.stdout.take().expect("a pipe of the child"));
        let stderr = read_all(child.stderr.take().expect("a pipe of the child"));
        Running { child, stdout, stderr, deadline: Instant::now() + self.limit, what, _host: self.host }
    }

    /// Runs it to its end, whatever that is.
    #[must_use]
    pub fn output(self) -> Output {
        self.spawn().wait()
    }

    /// Runs it to its end, which has to be a success, and gives what it wrote to stdout.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn run(self) -> String {
        let output = self.output();
        assert!(output.status.success(), "{output}");
        String::from_utf8(output.stdout).expect("stdout in UTF-8")
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).ok();
        // Nobody waits for it if the process was killed.
        sender.send(bytes).ok();
    });
    receiver
}

/// A process of a node. It is killed when this is dropped, and the node stays until then.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    deadline: Instant,
    what: String,
    _host: Host,
}

impl Running {
    /// Its process ID, as the test sees it; inside the node it has another.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Whether it has not ended yet.
    ///
    /// # Panics
    ///
    /// When the kernel does not say.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child").is_none()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it has ended and was waited for.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap_or_else(|error| panic!("sending {signal} to {}: {error}", self.what));
    }

    /// Waits for its end and for the end of its output.
    ///
    /// # Panics
    ///
    /// When its time is over, or when a process that it left behind still holds its stdout or stderr: a runtime would
    /// wait for that one too.
    #[must_use]
    pub fn wait(mut self) -> Output {
        let status = self.end();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(|pipe| {
            pipe.recv_timeout(left)
                .unwrap_or_else(|_| panic!("{} ended ({status}), and something still holds its output", self.what))
        });
        Output {
            status,
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            what: std::mem::take(&mut self.what),
        }
    }

    /// Waits for its end alone: what it left behind may go on.
    ///
    /// # Panics
    ///
    /// When its time is over.
    pub fn end(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                return status;
            }
            assert!(Instant::now() < self.deadline, "{} did not end in time", self.what);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills it with SIGKILL and waits for its end. What it started itself goes on.
    pub fn kill(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub what: String,
}

impl Output {
    /// The exit status, if it was no signal that ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The number of the signal that ended it.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(formatter, "{} ended with {}\nstdout: {stdout}\nstderr: {}", self.what, self.status, self.stderr)
    }
}
