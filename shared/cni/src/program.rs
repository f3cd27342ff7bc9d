//! Another program: started, read and, if need be, made to end.

mod running;

pub(crate) use running::Endings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use self::running::Running;
use crate::environment::VARIABLES;

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

/// How long a program may go on after SIGTERM, to undo what it has begun, before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// A program that is run beside the plugin, bounded in time and in what it may answer. Its stderr is the plugin's.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its file.
    pub path: &'a Path,
    /// Its arguments, without its name.
    pub arguments: &'a [&'a str],
    /// What it finds in its environment beside the plugin's own, of which the protocol's variables are taken out.
    pub variables: &'a BTreeMap<&'static str, OsString>,
    /// What it finds on its stdin.
    pub stdin: &'a [u8],
    /// After that its process group gets SIGTERM, and SIGKILL 2 s later: what it started goes with it, unless that leads a group of
    /// its own. So it is, too, when it is not waited for any more.
    pub limit: Duration,
}

/// What a program left.
#[derive(Debug)]
pub struct ProgramOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout, at most 1 MiB.
    pub stdout: Vec<u8>,
}

/// Why a program left nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It did not start.
    #[error("cannot start {}", path.display())]
    Start {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ran, but it could not be read.
    #[error("cannot read what {} says", path.display())]
    Read {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was killed, since it said more than 1 MiB.
    #[error("its answer is larger than 1 MiB")]
    TooMuch,
    /// It was killed, since its time was over.
    #[error("did not end in {limit:?} and was killed")]
    Late {
        /// Its time.
        limit: Duration,
    },
}

impl Program<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// [`ProgramError`]; a program that fails is none.
    pub async fn run(&self) -> Result<ProgramOutput, ProgramError> {
        let endings = Endings::default();
        let outcome = self.run_beside(&endings, GRACE).await;
        endings.are_over().await;
        outcome
    }

    /// The same; an end that it is made to come to is among `endings`.
    pub(crate) async fn run_beside(&self, endings: &Endings, grace: Duration) -> Result<ProgramOutput, ProgramError> {
        let started = Instant::now();
        let late = || ProgramError::Late { limit: self.limit };
        let path = || self.path.to_path_buf();
        let spawned = timeout(self.limit, self.spawn()).await.map_err(|_| late())?;
        let mut child = spawned.map_err(|source| ProgramError::Start { path: path(), source })?;
        let stdout = child.stdout.take();
        let mut running = Running::new(child, self.path, grace, endings.clone());

        let rest = self.limit.saturating_sub(started.elapsed());
        match timeout(rest, converse(&mut running, stdout)).await {
            Ok(Ok(Conversation::Ended(output))) => {
                running.ended();
                Ok(output)
            }
            Ok(Ok(Conversation::TooMuch)) => Err(ProgramError::TooMuch),
            Ok(Err(source)) => Err(ProgramError::Read { path: path(), source }),
            Err(_) => Err(late()),
        }
    }

    async fn spawn(&self) -> io::Result<Child> {
        let stdin = in_memory(self.stdin)?;
        let start = async || {
            let mut command = self.command();
            command.stdin(stdin.try_clone()?);
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

    fn command(&self) -> Command {
        let mut command = Command::new(self.path);
        for key in VARIABLES.into_iter().chain(["CNI_COMMAND"]) {
            command.env_remove(key);
        }
        command
            .args(self.arguments)
            .envs(self.variables)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// A file in memory, whole before the process starts: through a pipe, a process would wait for it as long as its parent is
/// busy, and a parent that moves a link is busy for the kernel's grace periods.
fn in_memory(content: &[u8]) -> io::Result<File> {
    // Where `vm.memfd_noexec` is 2, there is none without this flag; a kernel before 6.3 does not know it.
    let not_executable = MFdFlags::from_bits_retain(nix::libc::MFD_NOEXEC_SEAL);
    let made = match memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC | not_executable) {
        Err(Errno::EINVAL) => memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC),
        made => made,
    };
    let mut file = File::from(made?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

enum Conversation {
    Ended(ProgramOutput),
    TooMuch,
}

/// Reads until it ends.
async fn converse(running: &mut Running, stdout: Option<ChildStdout>) -> io::Result<Conversation> {
    let mut bytes = Vec::new();
    let status = {
        let mut reading = pin!(read(stdout, &mut bytes));
        let mut ending = pin!(running.wait());
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
    Ok(Conversation::Ended(ProgramOutput { status, stdout: bytes }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_program_reads_can_be_executed_by_nobody() {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut numbers = release.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or_default());
        let knows_it = (numbers.next(), numbers.next()) >= (Some(6), Some(3));
        let file = in_memory(b"{}").unwrap();
        let is_executable = file.metadata().unwrap().permissions().mode() & 0o111 != 0;
        assert_eq!(is_executable, !knows_it, "{release}");
    }
}
