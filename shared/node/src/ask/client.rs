//! The asker's side.

use super::SOCKET;
use super::line::{self, LineError};
use super::wire::{Decoded, Reply, Request};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// How long to wait where the agent has not yet taken those who came before: no event tells that its backlog has room.
const CROWDED: Duration = Duration::from_millis(20);

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no socket, or nobody listens on it.
    #[error("no agent listens on {}", path.display())]
    NoAgent {
        /// The socket.
        path: PathBuf,
        /// The kernel's word.
        #[source]
        source: std::io::Error,
    },
    /// What stands where the socket should be is not one that only root can have made.
    #[error("{} is not asked: {why}", path.display())]
    Untrusted {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The socket cannot be used.
    #[error("cannot speak with the agent on {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The reply did not come in time; the request is withdrawn.
    #[error("the agent did not answer within {} ms", limit.as_millis())]
    Late {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The agent ended, or had no answer.
    #[error("the agent closed the connection without an answer")]
    Closed,
    /// The request cannot be sent, or the reply is none.
    #[error("the agent's answer cannot be read")]
    Line(#[source] LineError),
}

/// Sends a request to the agent of this state folder, and waits for its reply, at most so long. Dropping the future
/// withdraws the request.
///
/// # Errors
/// [`Error`]. A [`Reply::Refused`] is none.
pub async fn ask(state_dir: &Path, request: &Request, limit: Duration) -> Result<Reply, Error> {
    let line = request.encode().map_err(Error::Line)?;
    let path = state_dir.join(SOCKET);
    match tokio::time::timeout(limit, converse(&path, &line)).await {
        Ok(reply) => reply,
        Err(_) => Err(Error::Late { limit }),
    }
}

async fn converse(path: &Path, line: &[u8]) -> Result<Reply, Error> {
    let mut stream = connect(path).await?;
    if let Err(error) = stream.write_all(line).await {
        return Err(broken(path, error));
    }
    // The writing half stays open: a closed one would be read as a withdrawal.
    match line::read(&mut stream).await {
        Ok(reply) => Ok(reply),
        Err(LineError::Closed { read: 0 }) => Err(Error::Closed),
        Err(LineError::Stream(error)) => Err(broken(path, error)),
        Err(error) => Err(Error::Line(error)),
    }
}

fn broken(path: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Error::Closed,
        _ => Error::Socket { path: path.to_path_buf(), source },
    }
}

async fn connect(path: &Path) -> Result<UnixStream, Error> {
    let socket = checked(path)?;
    // By its handle: what is connected to is what was looked at, and a long path is none.
    let handle = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Error::NoAgent { path: path.to_path_buf(), source },
        _ => Error::Socket { path: path.to_path_buf(), source },
    };
    loop {
        match UnixStream::connect(&handle).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(CROWDED).await,
            outcome => return outcome.map_err(failed),
        }
    }
}

/// A handle of the socket, if it is root's and root's alone, in a folder that is so too.
fn checked(path: &Path) -> Result<OwnedFd, Error> {
    let failed = |errno: nix::errno::Errno| match errno {
        nix::errno::Errno::ENOENT => Error::NoAgent { path: path.to_path_buf(), source: errno.into() },
        errno => Error::Socket { path: path.to_path_buf(), source: errno.into() },
    };
    let untrusted = |why| Error::Untrusted { path: path.to_path_buf(), why };
    let folder = path.parent().ok_or_else(|| untrusted("it is in no folder"))?;
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let folder = open(folder, flags | OFlag::O_DIRECTORY, Mode::empty()).map_err(failed)?;
    let folder_is = fstat(&folder).map_err(failed)?;
    let socket = openat(&folder, SOCKET, flags, Mode::empty()).map_err(failed)?;
    let socket_is = fstat(&socket).map_err(failed)?;
    match fault(&folder_is, &socket_is) {
        Some(why) => Err(untrusted(why)),
        None => Ok(socket),
    }
}

fn fault(folder: &FileStat, socket: &FileStat) -> Option<&'static str> {
    let others = Mode::S_IRWXG | Mode::S_IRWXO;
    let kind = SFlag::from_bits_truncate(socket.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFLNK {
        return Some("it is a symbolic link");
    }
    if kind != SFlag::S_IFSOCK {
        return Some("it is no socket");
    }
    if socket.st_uid != 0 || folder.st_uid != 0 {
        return Some("it or its folder is not root's");
    }
    let is_open = |stat: &FileStat| Mode::from_bits_truncate(stat.st_mode).intersects(others);
    (is_open(socket) || is_open(folder)).then_some("others than root may use it or its folder")
}
