//! DPDK's own application, on a NIC that is bound to vfio-pci.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::LIMIT;

/// testpmd while it runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Testpmd {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Testpmd {
    /// Starts it on the device at this PCI address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(address: &str) -> Self {
        std::fs::write("/proc/sys/vm/nr_hugepages", "64").expect("huge pages");
        let mut command = Command::new("dpdk-testpmd");
        command.args(["--lcores", "0@0,1@0", "-a", address, "--no-telemetry", "-m", "96", "--"]);
        command.args(["--auto-start", "--total-num-mbufs=2048"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("dpdk-testpmd");
        let (stdin, stdout) = (child.stdin.take().expect("its stdin"), child.stdout.take().expect("its stdout"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            // It asks for a key with a line that does not end.
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Self { child, stdin, lines, seen: Vec::new() }
    }

    /// Waits until it has said a line with this in it, and gives the line.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("testpmd does not say {text:?}:\n{}", self.seen.join("\n")));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Has it end, which has to be a success.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn end(mut self) {
        self.stdin.write_all(b"\n").expect("testpmd reads");
        self.until("Bye");
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "testpmd: {status}\n{}", self.seen.join("\n"));
    }

    /// Kills it.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
