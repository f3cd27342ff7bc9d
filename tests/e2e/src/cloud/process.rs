//! The agent's process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{AGENT, Cloud, SECRET, TOKEN};
use crate::{HostCommand, Output, Running, binaries};

/// Longer than any test.
const LIFE: Duration = Duration::from_secs(1800);

impl Cloud {
    /// Starts the agent, and waits until it answers.
    pub fn start(&self) {
        self.spawn();
        self.until("the agent answers", |cloud| cloud.status().is_some());
    }

    /// Starts the agent.
    pub fn spawn(&self) {
        self.run_as_agent(&binaries::multi_eni_agent(), "");
    }

    /// Starts the agent that is built to die, at this point of its way, counted from 1.
    pub fn spawn_to_die_at(&self, point: u32) {
        let fault = format!("env MULTI_ENI_KILL_AT={point}");
        self.run_as_agent(&binaries::multi_eni_agent_faulty(), &fault);
    }

    /// Starts the agent as in a container with processes of its own.
    pub fn spawn_in_a_container(&self) {
        let container = "unshare --pid --fork --kill-child --mount-proc";
        self.run_as_agent(&binaries::multi_eni_agent(), container);
        self.until("the agent answers", |cloud| cloud.status().is_some());
    }

    pub(super) fn run_as_agent(&self, program: &Path, inside: &str) {
        assert!(self.agent.borrow().is_none(), "an agent runs already");
        let script = format!(r#"exec {inside} "$0" run >>"$1" 2>&1"#);
        let command =
            self.with_credentials(self.host.command("sh")).args(["-c", &script]).arg(program).arg(self.log_path());
        self.agent.replace(Some(command.limit(LIFE).spawn()));
    }

    /// Another command of the agent's program, `once` or `status`, to its end.
    #[must_use]
    pub fn agent(&self, arguments: &[&str]) -> Output {
        let command = self.with_credentials(self.host.command(binaries::multi_eni_agent()));
        command.args(arguments).output()
    }

    fn with_credentials(&self, command: HostCommand) -> HostCommand {
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("MULTI_ENI_NODE_TOML", self.settings())
            .env("AWS_ACCESS_KEY_ID", AGENT)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_SESSION_TOKEN", TOKEN)
    }

    /// Sends the agent a signal.
    ///
    /// # Panics
    ///
    /// When none runs.
    pub fn signal(&self, signal: Signal) {
        self.agent.borrow().as_ref().expect("an agent that runs").signal(signal);
    }

    /// Kills the agent with SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When none runs.
    pub fn kill(&self) {
        self.agent.take().expect("an agent that runs").kill();
        // That of a container dies after the process that was started.
        let store = self.store();
        self.until("the agent is gone", |_| store.try_device_lock("agent").expect("a lock").is_some());
    }

    /// Has the agent end, and gives how it did.
    ///
    /// # Panics
    ///
    /// When none runs, or it does not end.
    pub fn terminate(&self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let mut running = self.agent.take().expect("an agent that runs");
        self.until("the agent ends", |_| !running.is_running());
        running.end()
    }

    /// Kills the agent, and starts it again.
    pub fn restart(&self) {
        self.kill();
        self.start();
    }

    /// Whether the agent runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.agent.borrow_mut().as_mut().is_some_and(Running::is_running)
    }

    /// Forgets an agent that has ended by itself.
    pub fn bury(&self) {
        assert!(!self.is_running(), "the agent lives");
        drop(self.agent.take());
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.host.folder().join("agent.log")
    }

    /// What the agent has logged, all of its lives.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}
