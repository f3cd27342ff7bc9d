//! A program while it runs, and how it is made to end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::LINGER;

/// A program that was started. Dropped before its end, it is told to end, and killed if it does not: beside whatever the runtime
/// does then, and at once where the runtime ends too.
#[derive(Debug)]
pub(super) struct Running {
    process: Option<Process>,
    endings: Endings,
}

impl Running {
    pub(super) fn new(child: Child, path: &Path, grace: Duration, endings: Endings) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { process: Some(Process { child, group, path: path.to_path_buf(), grace }), endings }
    }

    /// Waits for its own end.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.process {
            Some(process) => process.child.wait().await,
            None => std::future::pending().await,
        }
    }

    /// It has come to its own end. What it left behind may go on.
    pub(super) fn ended(mut self) {
        if let Some(mut process) = self.process.take() {
            process.group = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        process.signal(Signal::SIGTERM);
        let ending = self.endings.begin();
        runtime.spawn(async move {
            process.end().await;
            drop(ending);
        });
    }
}

/// A process with the group that it leads. Dropped, it is killed with its group.
#[derive(Debug)]
struct Process {
    child: Child,
    group: Option<Pid>,
    path: PathBuf,
    grace: Duration,
}

impl Process {
    fn signal(&self, signal: Signal) {
        let Some(group) = self.group else { return };
        if let Err(error) = killpg(group, signal) {
            // ESRCH: all of them have ended already.
            log::debug!("process group {group}: {error}");
        }
    }

    /// Waits for the end of what was told to end, and kills what is left of it after a while.
    async fn end(mut self) {
        let has_ended = timeout(self.grace, self.child.wait()).await.is_ok();
        self.signal(Signal::SIGKILL);
        self.group = None;
        // A process that hangs in the kernel does not die at once even so.
        if !has_ended && timeout(LINGER, self.child.wait()).await.is_err() {
            log::warn!("{}: still not dead {LINGER:?} after SIGKILL", self.path.display());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// How many programs have been told to end and have not. Clones are one and the same.
#[derive(Clone, Debug)]
pub(crate) struct Endings(Arc<watch::Sender<usize>>);

impl Default for Endings {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Endings {
    fn begin(&self) -> Ending {
        self.0.send_modify(|count| *count += 1);
        Ending(self.clone())
    }

    /// Waits until there is none.
    pub(crate) async fn are_over(&self) {
        // There is a sender as long as this is there.
        self.0.subscribe().wait_for(|&count| count == 0).await.ok();
    }
}

/// One of them.
struct Ending(Endings);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
