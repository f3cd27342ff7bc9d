//! Processes of a node while they run, and what came of them.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Host;

/// A process of a node. It is killed when this is dropped, and the node stays until then.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pipes: Pipes,
    deadline: Instant,
    what: String,
    _host: Host,
}

/// What a process writes, all of it once it has closed them.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: Receiver<Vec<u8>>,
    pub(crate) stderr: Receiver<Vec<u8>>,
}

impl Running {
    pub(crate) fn new(host: Host, what: String, limit: Duration, child: Child, pipes: Pipes) -> Self {
        Self { child, pipes, deadline: Instant::now() + limit, what, _host: host }
    }

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
        let [stdout, stderr] = [&self.pipes.stdout, &self.pipes.stderr].map(|pipe| {
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
