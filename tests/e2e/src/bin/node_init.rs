//! The first process of a test's node: it mounts a /proc that shows the node's processes by the numbers that they know
//! themselves by, says so on stdout, then waits for orphans, as an init does. It ends when the thread that started it
//! ends, and the kernel ends all other processes of the node with it.

use std::io::{self, Write, stdout};

use nix::mount::{MsFlags, mount};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

fn main() -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>)?;
    stdout().write_all(b"ready\n")?;
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    loop {
        signals.wait()?;
        while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive) | Err(_)) {}
    }
}
