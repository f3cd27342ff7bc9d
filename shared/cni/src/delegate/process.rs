//! The process of a delegate: started, fed, read and, if need be, killed.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::{Delegate, Invocation};
use crate::environment::VARIABLES;
use crate::verb::Verb;
use crate::{Code, Error};

/// The most bytes of an answer.
const LIMIT: u64 = 1 << 20;

/// The waits before starting again what is being written at this moment, 3.1 s in sum. The Go library waits 5 × 1 s.
const BUSY: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// How long stdout may stay open after the process ended, held by something that it left behind. What the process itself
/// wrote is in the pipe by then.
const LINGER: Duration = Duration::from_secs(1);

/// What a delegate left.
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
}

pub(super) async fn run(delegate: &Delegate, verb: Verb, invocation: &Invocation<'_>) -> Result<Output, Error> {
    let (started, limit) = (Instant::now(), invocation.limit);
    let late = || delegate.error(Code::TRY_AGAIN, format!("{verb} did not end in {limit:?} and was killed, try again"));
    let failed = |doing: &str, error: io::Error| delegate.error(Code::IO, format!("cannot {doing}: {error}"));

    let spawned = timeout(limit, spawn(delegate, verb, invocation)).await.map_err(|_| late())?;
    let mut child = spawned.map_err(|error| failed(&format!("start {}", delegate.path.display()), error))?;
    let group = Group::of(&child);

    let rest = limit.saturating_sub(started.elapsed());
    let error = match timeout(rest, converse(&mut child)).await {
        Ok(Ok(Conversation::Ended(output))) => {
            group.release();
            return Ok(output);
        }
        Ok(Ok(Conversation::TooMuch)) => delegate.error(Code::DECODE, "its answer is larger than 1 MiB"),
        Ok(Err(error)) => failed(&format!("run {verb}"), error),
        Err(_) => late(),
    };
    drop(group);
    // A process that hangs in the kernel does not die at once even so.
    if timeout(LINGER, child.wait()).await.is_err() {
        log::warn!("plugin {}: still not dead {LINGER:?} after SIGKILL", delegate.plugin_type);
    }
    Err(error)
}

async fn spawn(delegate: &Delegate, verb: Verb, invocation: &Invocation<'_>) -> io::Result<Child> {
    let config = stdin(invocation)?;
    let start = async || {
        let mut command = command(delegate, verb, invocation);
        command.stdin(config.try_clone()?);
        // Starting a process stops the thread that does it until the process runs; the caller has other things to do.
        spawn_blocking(move || command.spawn()).await?
    };
    for wait in BUSY {
        match start().await {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(wait).await,
            outcome => return outcome,
        }
    }
    start().await
}

/// The configuration as a file in memory, whole before the process starts: through a pipe, a process would wait for it as
/// long as its parent is busy, and a parent that moves a link is busy for the kernel's grace periods.
fn stdin(invocation: &Invocation<'_>) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"cni-config", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(Value::Object(invocation.config.clone()).to_string().as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn command(delegate: &Delegate, verb: Verb, invocation: &Invocation<'_>) -> Command {
    let mut command = Command::new(&delegate.path);
    for key in VARIABLES {
        command.env_remove(key);
    }
    command
        .envs(&invocation.environment.variables)
        .env("CNI_COMMAND", verb.as_str())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .process_group(0)
        .kill_on_drop(true);
    command
}

enum Conversation {
    Ended(Output),
    TooMuch,
}

/// Reads until it ends.
async fn converse(child: &mut Child) -> io::Result<Conversation> {
    let stdout = child.stdout.take();
    let mut bytes = Vec::new();
    let status = {
        let mut reading = pin!(read(stdout, &mut bytes));
        let mut ending = pin!(child.wait());
        tokio::select! {
            read = &mut reading => match read? {
                Read::TooMuch => return Ok(Conversation::TooMuch),
                Read::All => ending.await?,
            },
            status = &mut ending => match timeout(LINGER, reading).await.unwrap_or(Ok(Read::All))? {
                Read::TooMuch => return Ok(Conversation::TooMuch),
                Read::All => status?,
            },
        }
    };
    Ok(Conversation::Ended(Output { status, stdout: bytes }))
}

enum Read {
    All,
    TooMuch,
}

async fn read(stdout: Option<ChildStdout>, bytes: &mut Vec<u8>) -> io::Result<Read> {
    if let Some(stdout) = stdout {
        stdout.take(LIMIT + 1).read_to_end(bytes).await?;
    }
    Ok(if bytes.len() as u64 > LIMIT { Read::TooMuch } else { Read::All })
}

/// The process group of a delegate, killed on drop unless the delegate came to its own end.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(group) = self.0.take() else { return };
        if let Err(error) = killpg(group, Signal::SIGKILL) {
            // ESRCH: all of them have ended already.
            log::debug!("process group {group}: {error}");
        }
    }
}
