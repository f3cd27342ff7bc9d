//! The agent's side.

use super::SOCKET;
use super::line::{self, LineError};
use super::wire::{Decoded, Reply, Request};
use nix::fcntl::{OFlag, open, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::Permissions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};

/// The socket before others may use it.
const UNREADY: &str = ".agent.sock.part";

/// Why the agent cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct ListenError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// Listens on the socket of this state folder, mode 0600, in place of what an earlier agent left. The folder has to be
/// there, with mode 0700 (as [`crate::store::Store::open`] makes it), and the caller has to be the only agent.
///
/// # Errors
/// [`ListenError`].
pub fn listen(state_dir: &Path) -> Result<UnixListener, ListenError> {
    let path = state_dir.join(SOCKET);
    let failed = |what| {
        let path = path.clone();
        move |source| ListenError { what, path, source }
    };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let folder = open(state_dir, flags, Mode::empty()).map_err(|errno| failed("open the folder of")(errno.into()))?;
    match unlinkat(&folder, UNREADY, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(nix::errno::Errno::ENOENT) => {}
        Err(errno) => return Err(failed("replace")(errno.into())),
    }
    // By the folder's handle: a socket's own path has room for 107 bytes (unix(7)).
    let short = PathBuf::from(format!("/proc/self/fd/{}/{UNREADY}", folder.as_raw_fd()));
    let listener = UnixListener::bind(&short).map_err(failed("listen on"))?;
    std::fs::set_permissions(&short, Permissions::from_mode(0o600)).map_err(failed("protect"))?;
    // A plugin that waits for it finds it as it is to be, or not at all.
    renameat(&folder, UNREADY, &folder, SOCKET).map_err(|errno| failed("replace")(errno.into()))?;
    Ok(listener)
}

/// Reads the one request of a connection, or of the stdin of a program that serves one.
///
/// # Errors
/// [`LineError`]; what it says may be answered with [`Reply::Refused`].
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Result<Request, LineError> {
    line::read(stream).await
}

/// Writes the one reply of a connection.
///
/// # Errors
/// [`LineError`]; where the asker is gone, [`LineError::Stream`].
pub async fn answer(stream: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> Result<(), LineError> {
    let line = reply.encode()?;
    stream.write_all(&line).await.map_err(LineError::Stream)?;
    stream.flush().await.map_err(LineError::Stream)
}

/// Waits until the asker withdraws its request: it closed the connection, died, or said something more, which no asker
/// does. To be used beside the work for it, after [`receive`].
pub async fn withdrawn(stream: &UnixStream) {
    loop {
        if stream.ready(Interest::READABLE).await.is_err() {
            return;
        }
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}
