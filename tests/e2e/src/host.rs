//! A node: namespaces of its own, in which a test's commands run and its closures too.

mod folders;
mod mounts;
mod place;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::Uid;
use tempfile::TempDir;

use crate::host::place::Place;
use crate::{HostCommand, PodNetns, Snapshot, binaries};

/// A node of a test. A clone is the same node; with the last one goes all that was in it: processes, links, mounts and
/// files. Nothing that runs in it changes the machine's `/run`, `/etc`, `/opt` or `/var`, nor its network.
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Runs closures, in the node's network and mount namespaces.
    node: Place,
    /// Starts processes, in the node's process namespace too. A thread whose children are to be in another process
    /// namespace may not start threads (copy_process in kernel/fork.c), and a thread does not find itself in a /proc of
    /// another one; so it is not the one that runs closures, and its /proc is its own. All other mounts both have.
    spawner: Place,
    /// Nothing where the node is the machine.
    init: Option<Mutex<Child>>,
    folder: TempDir,
}

impl Host {
    /// A fresh node: only the loopback link, up; an empty `/run`; `/etc`, `/opt` and `/var` as on the machine.
    ///
    /// # Panics
    ///
    /// Without root's rights.
    #[must_use]
    pub fn new() -> Self {
        assert!(Uid::effective().is_root(), "this test makes network and mount namespaces: run it as root");
        // Not below TMPDIR, which may be one of the folders that the node has its own of.
        let folder =
            tempfile::Builder::new().prefix("multi-eni-host-").tempdir_in("/tmp").expect("a folder of the node");
        let node = Place::start("node");
        let mount_point = folder.path().join("private");
        node.run(move || {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("namespaces of the node");
            mounts::make_private(&mount_point);
        });
        let spawner = node.run(|| Place::start("node-spawner"));
        let init = spawner.run(|| {
            unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS).expect("a process namespace of the node");
            mounts::keep_proc_apart();
            start_init()
        });
        let init = Some(Mutex::new(init));
        let host = Self { inner: Arc::new(Inner { node, spawner, init, folder }) };
        host.command("ip").args(["link", "set", "lo", "up"]).run();
        host
    }

    /// The machine itself, where that is a test's own, as a guest is.
    ///
    /// # Panics
    ///
    /// When its `/run` cannot be written.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let folder =
            tempfile::Builder::new().prefix("multi-eni-host-").tempdir_in("/run").expect("a folder of the node");
        let [node, spawner] = ["node", "node-spawner"].map(Place::start);
        let host = Self { inner: Arc::new(Inner { node, spawner, init: None, folder }) };
        host.command("ip").args(["link", "set", "lo", "up"]).run();
        host
    }

    /// A folder for the test's own files, the same inside the node and outside. It is not on record in snapshots.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.inner.folder.path()
    }

    /// Runs a closure on a thread of the node: its sockets, its files and the threads that it starts are the node's.
    ///
    /// # Panics
    ///
    /// When the closure does.
    pub fn run<T: Send + 'static>(&self, closure: impl FnOnce() -> T + Send + 'static) -> T {
        self.inner.node.run(closure)
    }

    /// A command to run in the node. It ends with the node at the latest.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> HostCommand {
        HostCommand::new(self.clone(), Command::new(program))
    }

    /// Runs a shell script in the node, which has to succeed, and gives what it wrote to stdout.
    pub fn sh(&self, script: &str) -> String {
        self.command("sh").args(["-ec", script]).run()
    }

    /// A network namespace made by hand, as a container runtime makes one, at `/run/netns/NAME` of the node.
    #[must_use]
    pub fn netns(&self, name: &str) -> PodNetns {
        PodNetns::make(self.clone(), name)
    }

    /// The state of the node's network and of all files below the given folders.
    #[must_use]
    pub fn snapshot(&self, folders: &[&str]) -> Snapshot {
        let folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
        Snapshot::of_network(self, &[]).with(self.run(move || Snapshot::of_files(&folders)))
    }

    pub(crate) fn spawn(&self, mut command: Command) -> std::io::Result<Child> {
        self.inner.spawner.run(move || command.spawn())
    }
}

/// Starts the node's first process, and waits until it has mounted the node's /proc.
fn start_init() -> Child {
    let mut command = Command::new(binaries::node_init());
    let mut init = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the first process of the node");
    let mut said = String::new();
    let stdout = init.stdout.take().expect("a pipe of the child");
    BufReader::new(stdout).read_line(&mut said).expect("the first process of the node");
    assert_eq!(said, "ready\n", "the first process of the node did not mount /proc");
    init
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    /// The kernel kills every process of the node with its first one, and that one is gone when all of them are. Ours
    /// have been waited for by then: each [`crate::Running`] holds the node.
    fn drop(&mut self) {
        let Some(init) = &mut self.init else { return };
        let init = init.get_mut().expect("the first process of the node");
        init.kill().expect("killing the first process of the node");
        init.wait().expect("waiting for the first process of the node");
    }
}
