//! The process of a delegate: started, fed, read and, if need be, killed.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::{Delegate, Invocation};
use crate::environment::{VARIABLES, Verb};
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
    let limit = invocation.limit;
    match timeout(limit, run_unbounded(delegate, verb, invocation)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let what = format!("{verb} did not end in {limit:?} and was killed, try again");
            Err(delegate.error(Code::TRY_AGAIN, what))
        }
    }
}

async fn run_unbounded(delegate: &Delegate, verb: Verb, invocation: &Invocation<'_>) -> Result<Output, Error> {
    let config = Value::Object(invocation.config.clone()).to_string();
    let mut child = spawn(delegate, verb, invocation)
        .await
        .map_err(|error| delegate.error(Code::IO, format!("cannot start {}: {error}", delegate.path.display())))?;
    let group = Group::of(&child);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut bytes = Vec::new();
    let ended = converse(&mut child, stdin, stdout, config.as_bytes(), &mut bytes).await;
    let status = ended.map_err(|error| delegate.error(Code::IO, format!("cannot run {verb}: {error}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err(delegate.error(Code::DECODE, "its answer is larger than 1 MiB"));
    }
    group.release();
    Ok(Output { status, stdout: bytes })
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

/// Feeds and reads at the same time, since a pipe holds less than a large configuration or answer.
async fn converse(
    child: &mut Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    config: &[u8],
    bytes: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let mut reading = std::pin::pin!(read(stdout, bytes));
    let ending = async {
        let ((), status) = tokio::join!(feed(stdin, config), child.wait());
        status
    };
    let mut ending = std::pin::pin!(ending);
    tokio::select! {
        read = &mut reading => match read? {
            Read::TooMuch => Ok(ExitStatus::default()),
            Read::All => ending.await,
        },
        status = &mut ending => {
            let status = status?;
            // Held open by something else, what came counts.
            timeout(LINGER, reading).await.unwrap_or(Ok(Read::All))?;
            Ok(status)
        }
    }
}

/// A plugin may answer without reading all of its stdin, so a closed pipe is no fault.
async fn feed(stdin: Option<ChildStdin>, config: &[u8]) {
    if let Some(mut stdin) = stdin {
        drop(stdin.write_all(config).await);
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
        if let Some(group) = self.0.take() {
            if let Err(error) = killpg(group, Signal::SIGKILL) {
                // ESRCH: all of them have ended already.
                log::debug!("process group {group}: {error}");
            }
        }
    }
}
