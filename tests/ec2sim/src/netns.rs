//! Network namespaces, held by a descriptor: one stays alive while anything of the fabric refers to it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";

/// A network namespace. Clones are the same namespace.
#[derive(Debug, Clone)]
pub struct Netns(Arc<File>);

/// What could not be done with a namespace.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// The file that stands for the namespace could not be opened.
    #[error("cannot open the network namespace {path}")]
    Open { path: PathBuf, source: std::io::Error },
    /// `setns(2)` refused, for a file that is no namespace or a process without `CAP_SYS_ADMIN`.
    #[error("cannot enter the network namespace (this needs root)")]
    Enter(#[source] Errno),
    /// `unshare(2)` refused.
    #[error("cannot make a network namespace (this needs root)")]
    Make(#[source] Errno),
    /// The kernel gave no thread to work in.
    #[error("cannot start a thread for a network namespace")]
    Thread(#[source] std::io::Error),
    /// The work that was to be done in the namespace panicked.
    #[error("the work inside the network namespace panicked")]
    Panicked,
}

impl Netns {
    /// The namespace of the calling thread. In a test whose thread did `unshare(CLONE_NEWNET)` that is the machine.
    pub fn of_this_thread() -> Result<Self, NetnsError> {
        Self::at(Path::new(OF_THIS_THREAD))
    }

    /// The namespace that a file stands for: `/proc/<pid>/ns/net`, or a bind mount of one.
    pub fn at(path: &Path) -> Result<Self, NetnsError> {
        let file = File::open(path).map_err(|source| NetnsError::Open { path: path.to_owned(), source })?;
        Ok(Self(Arc::new(file)))
    }

    /// Puts the calling thread into a namespace that it makes, and gives it.
    pub fn unshare_this_thread() -> Result<Self, NetnsError> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(NetnsError::Make)?;
        Self::of_this_thread()
    }

    /// A new namespace; the calling thread stays where it is.
    pub fn create() -> Result<Self, NetnsError> {
        in_own_thread(Self::unshare_this_thread)?
    }

    /// Puts the calling thread into this namespace, for good.
    pub fn enter(&self) -> Result<(), NetnsError> {
        setns(self.0.as_fd(), CloneFlags::CLONE_NEWNET).map_err(NetnsError::Enter)
    }

    /// Does `work` inside this namespace, in a thread that ends with it: there is no way back that could fail.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        in_own_thread(|| self.enter().map(|()| work()))?
    }

    /// The descriptor, for a netlink attribute. It is good while `self` lives.
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn in_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("netns".into()).spawn_scoped(scope, work);
        thread.map_err(NetnsError::Thread)?.join().map_err(|_| NetnsError::Panicked)
    })
}
