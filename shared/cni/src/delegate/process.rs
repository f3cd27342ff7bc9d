//! The process of a delegate: started, fed, read and, if need be, killed.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
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

    let config = Value::Object(invocation.config.clone()).to_string();
    let spawned = timeout(limit, spawn(delegate, verb, invocation)).await.map_err(|_| late())?;
    let mut child = spawned.map_err(|error| failed(&format!("start {}", delegate.path.display()), error))?;
    let group = Group::of(&child);

    let rest = limit.saturating_sub(started.elapsed());
    let error = match timeout(rest, converse(&mut child, config.as_bytes())).await {
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
    let mut command = command(delegate, verb, invocation);
    for wait in BUSY {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(wait).await,
            outcome => return outcome,
        }
    }
    command.spawn()
}

fn command(delegate: &Delegate, verb: Verb, invocation: &Invocation<'_>) -> Command {
    let mut command = Command::new(&delegate.path);
    for key in VARIABLES {
        command.env_remove(key);
    }
    command
        .envs(&invocation.environment.variables)
        .env("CNI_COMMAND", verb.as_str())
        .stdin(Stdio::piped())
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

/// Feeds and reads at the same time, since a pipe holds less than a large configuration or answer.
async fn converse(child: &mut Child, config: &[u8]) -> io::Result<Conversation> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut bytes = Vec::new();
    let status = {
        let mut reading = pin!(read(stdout, &mut bytes));
        let mut ending = pin!(end(child, stdin, config));
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

/// Feeds the process until it ends. It may end without reading all, or any, of its stdin.
async fn end(child: &mut Child, stdin: Option<ChildStdin>, config: &[u8]) -> io::Result<ExitStatus> {
    let feeding = async {
        if let Some(mut stdin) = stdin {
            drop(stdin.write_all(config).await);
        }
        pending::<Infallible>().await
    };
    tokio::select! {
        status = child.wait() => status,
        never = feeding => match never {},
    }
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
