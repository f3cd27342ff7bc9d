//! Network namespaces of pods, made by hand.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::{Host, HostCommand, Snapshot};

/// Where `ip netns` and container runtimes keep namespaces.
const FOLDER: &str = "/run/netns";

/// A network namespace at a path of a node, as a runtime hands it to CNI plugins in `CNI_NETNS`.
#[derive(Debug, Clone)]
pub struct PodNetns {
    host: Host,
    name: String,
    path: PathBuf,
}

impl PodNetns {
    pub(crate) fn make(host: Host, name: &str) -> Self {
        let path = Path::new(FOLDER).join(name);
        let target = path.clone();
        host.run(move || {
            fs::create_dir_all(FOLDER).expect("the folder of namespaces");
            File::create_new(&target).expect("a mount point for the namespace");
            on_a_thread(move || {
                unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                let none: Option<&str> = None;
                mount(Some("/proc/thread-self/ns/net"), &target, none, MsFlags::MS_BIND, none)
                    .expect("the namespace at its path");
            });
        });
        let pod = Self { host, name: name.into(), path };
        pod.command("ip").args(["link", "set", "lo", "up"]).run();
        pod
    }

    /// Its path in the node, for `CNI_NETNS`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command in this namespace; all else is the node's.
    #[must_use]
    pub fn command(&self, program: &str) -> HostCommand {
        self.host.command("nsenter").arg(format!("--net={}", self.path.display())).arg(program)
    }

    /// Runs a shell script in this namespace, which has to succeed, and gives what it wrote to stdout.
    pub fn sh(&self, script: &str) -> String {
        self.command("sh").args(["-ec", script]).run()
    }

    /// Runs a closure on a thread of its own in this namespace.
    ///
    /// # Panics
    ///
    /// When the closure does, or when the namespace is gone.
    pub fn run<T: Send + 'static>(&self, closure: impl FnOnce() -> T + Send + 'static) -> T {
        let path = self.path.clone();
        self.host.run(move || {
            on_a_thread(move || {
                let namespace = File::open(path).expect("the namespace's file");
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("entering the namespace");
                closure()
            })
        })
    }

    /// The state of its network.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of_network(&self.host, &["-n", &self.name])
    }

    /// Takes it away, as a runtime does when a pod is gone. The kernel ends the namespace when nothing else holds it.
    ///
    /// # Panics
    ///
    /// When it is gone already.
    pub fn destroy(&self) {
        let path = self.path.clone();
        self.host.run(move || {
            umount2(&path, MntFlags::MNT_DETACH).expect("the namespace's mount");
            fs::remove_file(&path).expect("the namespace's mount point");
        });
    }
}

fn on_a_thread<T: Send + 'static>(closure: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(closure).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
