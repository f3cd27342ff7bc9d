//! Commands of a node.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::running::Pipes;
use crate::{Host, LIMIT, Output, Running};

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
        Running::new(self.host, what, self.limit, child, Pipes { stdout, stderr })
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
