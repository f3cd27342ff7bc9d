//! Network namespaces: opening one, telling one from another, and the one visit that a process pays to a pod's.

use crate::netlink::{self, Netlink};
use crate::sysctl::Sysctls;
use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// What is wrong with a namespace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no network namespace at {}", .0.display())]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{} is not a network namespace", .0.display())]
    NotOne(PathBuf),
    /// The system's error.
    #[error("cannot {what} the network namespace {}", path.display())]
    System {
        /// The operation, in the infinitive.
        what: &'static str,
        /// The namespace's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The socket in the namespace.
    #[error("cannot work in the network namespace {}", path.display())]
    Netlink {
        /// The namespace's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: netlink::Error,
    },
}

/// What makes a namespace itself. A path is reused, and so is an inode after a namespace's end; the cookie never is
/// (`SO_NETNS_COOKIE`, socket(7); kernel 5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The number that the kernel gave it for good; nothing where the kernel has none.
    pub cookie: Option<u64>,
    /// The device number of nsfs.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

impl Identity {
    /// Whether both are of the same namespace: by cookie where both have one, else by inode.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.cookie, other.cookie) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => (self.device, self.inode) == (other.device, other.inode),
        }
    }
}

/// An open network namespace; it lives at least as long as this.
#[derive(Debug)]
pub struct Netns {
    file: File,
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// What a visit brought home: things that go on working in the visited namespace from outside.
#[derive(Debug)]
pub struct Visit {
    /// The namespace's rtnetlink socket.
    pub netlink: Netlink,
    /// Its sysctls.
    pub sysctls: Sysctls,
    /// What makes it itself.
    pub identity: Identity,
}

impl Netns {
    /// Opens the namespace of this path.
    ///
    /// # Errors
    /// [`Error::Missing`] if nothing is there, [`Error::NotOne`] if it is something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let system = |what, source| Error::System { what, path: path.to_path_buf(), source };
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.file_type().is_fifo() => return Err(Error::NotOne(path.to_path_buf())),
            Ok(_) => {}
            Err(error) if is_missing(&error) => return Err(Error::Missing(path.to_path_buf())),
            Err(error) => return Err(system("look at", error)),
        }
        let file = match std::fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Err(Error::Missing(path.to_path_buf())),
            Err(error) => return Err(system("open", error)),
        };
        let kind = fstatfs(&file).map_err(|errno| system("look at", errno.into()))?;
        if kind.filesystem_type() != NSFS_MAGIC {
            return Err(Error::NotOne(path.to_path_buf()));
        }
        let metadata = file.metadata().map_err(|error| system("look at", error))?;
        Ok(Self { file, path: path.to_path_buf(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// Opens the calling thread's own namespace.
    ///
    /// # Errors
    /// As [`Netns::open`].
    pub fn current() -> Result<Self, Error> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether both are the same namespace. Both are open, so neither inode can have been given away.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Opens socket and sysctls of the calling thread's own namespace, which is this one.
    ///
    /// # Errors
    /// Those of the socket and of `/proc`.
    pub fn settle(&self) -> Result<Visit, Error> {
        let netlink = Netlink::open().map_err(|source| Error::Netlink { path: self.path.clone(), source })?;
        let sysctls = Sysctls::open().map_err(|source| self.failed("read the sysctls of", source))?;
        let cookie = cookie().map_err(|source| self.failed("identify", source))?;
        Ok(Visit { netlink, sysctls, identity: Identity { cookie, device: self.device, inode: self.inode } })
    }

    /// Goes into this namespace, opens socket and sysctls there, and comes back to `home`, with no await in between: the
    /// runtime's thread is never elsewhere when another task runs on it. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::NotOne`] for a namespace of another kind, the system's, those of the socket.
    pub fn visit(&self, home: &Self) -> Result<Visit, Error> {
        self.inside(home, || self.settle())?
    }

    /// What makes it itself, for which it has to be entered.
    ///
    /// # Errors
    /// As [`Netns::inside`].
    pub fn identity(&self, home: &Self) -> Result<Identity, Error> {
        let cookie = self.inside(home, cookie)?.map_err(|source| self.failed("identify", source))?;
        Ok(Identity { cookie, device: self.device, inode: self.inode })
    }

    /// Runs `work` with the calling thread in this namespace, and comes back to `home`.
    ///
    /// # Errors
    /// [`Error::NotOne`] for a namespace of another kind; the system's.
    pub fn inside<T>(&self, home: &Self, work: impl FnOnce() -> T) -> Result<T, Error> {
        match setns(&self.file, CloneFlags::CLONE_NEWNET) {
            Ok(()) => {}
            Err(nix::errno::Errno::EINVAL) => return Err(Error::NotOne(self.path.clone())),
            Err(errno) => return Err(self.failed("enter", errno.into())),
        }
        let result = work();
        setns(&home.file, CloneFlags::CLONE_NEWNET).map_err(|errno| home.failed("come back to", errno.into()))?;
        Ok(result)
    }

    fn failed(&self, what: &'static str, source: std::io::Error) -> Error {
        Error::System { what, path: self.path.clone(), source }
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    // ESRCH: the process of a path below /proc has ended.
    matches!(error.kind(), NotFound | NotADirectory) || error.raw_os_error() == Some(nix::libc::ESRCH)
}

/// The cookie of the calling thread's namespace; nothing where the kernel has none.
#[expect(unsafe_code, reason = "no crate of ours has this socket option; the call writes 8 bytes into a u64 of ours")]
fn cookie() -> std::io::Result<Option<u64>> {
    let socket = UnixDatagram::unbound()?;
    let mut cookie = 0u64;
    let mut length = nix::libc::socklen_t::try_from(size_of::<u64>()).unwrap_or_default();
    // SAFETY: the descriptor is open for the whole call, and `cookie` and `length` are valid for writes of their sizes.
    let status = unsafe {
        nix::libc::getsockopt(
            socket.as_raw_fd(),
            nix::libc::SOL_SOCKET,
            nix::libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    match (status, std::io::Error::last_os_error()) {
        (0, _) => Ok(Some(cookie)),
        (_, error) if error.raw_os_error() == Some(nix::libc::ENOPROTOOPT) => Ok(None),
        (_, error) => Err(error),
    }
}
