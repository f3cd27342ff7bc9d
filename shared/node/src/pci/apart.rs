//! Writing in a process of its own, which nobody has to wait for.
//!
//! It is this program once more, with arguments that no person types. It has nothing of its parent but the lock that says that it
//! still runs: a write that never ends holds up no lock of an attachment and no pipe of a runtime, and of each function there
//! is at most one.

use super::write::{Write, WriteError, Writing, Written};
use crate::files::Folder;
use crate::lock::{self, Lock};
use crate::names::PciAddr;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The first argument, which is nobody's verb.
const ARGUMENT: &str = "--write-to-a-driver";
/// The exit status of an error that has no number, or none that fits.
const NAMELESS: u8 = u8::MAX;
/// Who looks whether somebody writes has the lock for microseconds. Every process that this one starts meanwhile, an IPAM plugin, say,
/// has it from its fork until its exec, and a busy machine takes a while for that. A write that hangs has it for longer than all.
const OTHERS: Duration = Duration::from_secs(2);

/// Writes in a process of its own.
#[derive(Debug)]
pub(super) struct Apart {
    /// The folder of the locks.
    pub(super) locks: PathBuf,
}

impl Write for Apart {
    fn write<'a>(&'a self, writing: Writing<'a>) -> Written<'a> {
        Box::pin(self.run(writing))
    }

    fn goes_on(&self, address: PciAddr) -> bool {
        let asked = self.locks().map(|folder| Lock::is_held(&folder, &name(address)));
        matches!(asked, Ok(Ok(true)))
    }
}

impl Apart {
    fn locks(&self) -> io::Result<Folder> {
        Folder::create(&self.locks).map_err(io::Error::other)
    }

    /// The lock that a process that writes keeps until it ends.
    async fn lock(&self, address: PciAddr) -> Result<Lock, WriteError> {
        match Lock::take(&self.locks()?, &name(address), OTHERS).await {
            Ok(lock) => Ok(lock),
            Err(lock::Error::Held { .. }) => Err(WriteError::Earlier),
            Err(error) => Err(io::Error::other(error).into()),
        }
    }

    async fn run(&self, writing: Writing<'_>) -> Result<(), WriteError> {
        let lock = self.lock(writing.address).await?;
        let mut child = Command::new("/proc/self/exe")
            .arg(ARGUMENT)
            .arg(writing.path)
            .arg(writing.text)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::from(lock.passed_on()?))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        drop(lock);
        match timeout(writing.limit, child.wait()).await {
            Ok(status) => said(status?),
            Err(_) => Err(WriteError::Late),
        }
    }
}

fn name(address: PciAddr) -> String {
    format!("driver-{address}")
}

fn said(status: ExitStatus) -> Result<(), WriteError> {
    match status.code() {
        Some(0) => Ok(()),
        Some(number) if number != i32::from(NAMELESS) => Err(io::Error::from_raw_os_error(number).into()),
        _ => Err(io::Error::other(format!("the process that writes ended with {status}")).into()),
    }
}

/// What a program does first: if it was started to write for another one, it does that, and its exit status is this.
pub fn written_apart() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ARGUMENT)) {
        return None;
    }
    close_what_was_inherited();
    let number = match (arguments.next(), arguments.next()) {
        (Some(path), Some(text)) => write(path, &text).err().map_or(0, |error| number(&error)),
        _ => NAMELESS,
    };
    Some(ExitCode::from(number))
}

fn write(path: OsString, text: &OsStr) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(PathBuf::from(path))?;
    io::Write::write_all(&mut file, text.as_encoded_bytes())
}

fn number(error: &io::Error) -> u8 {
    error.raw_os_error().and_then(|number| u8::try_from(number).ok()).unwrap_or(NAMELESS)
}

/// What the parent opened is closed by now, but not what it inherited itself.
#[expect(unsafe_code, reason = "neither the standard library nor nix has close_range(2)")]
fn close_what_was_inherited() {
    // SAFETY: nothing has been opened in this process yet, so no value owns one of these descriptors.
    unsafe { nix::libc::syscall(nix::libc::SYS_close_range, 3, u32::MAX, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_the_lock_for_a_moment_makes_no_write_fail_and_a_write_that_hangs_does() {
        let root = tempfile::tempdir().unwrap();
        let apart = Apart { locks: root.path().join("lock") };
        let address = "0000:00:06.0".parse().unwrap();
        let other = apart.lock(address).await.unwrap();
        assert!(apart.goes_on(address));
        let passes = async {
            tokio::time::sleep(OTHERS / 2).await;
            drop(other);
        };
        let (lock, ()) = tokio::join!(apart.lock(address), passes);
        let lock = lock.unwrap();
        assert!(matches!(apart.lock(address).await, Err(WriteError::Earlier)));
        drop(lock);
        assert!(!apart.goes_on(address));
    }

    #[test]
    fn who_looks_whether_a_write_goes_on_is_none_to_others_who_look() {
        let root = tempfile::tempdir().unwrap();
        let apart = Apart { locks: root.path().join("lock") };
        let address = "0000:00:06.0".parse().unwrap();
        let looking = apart.locks().unwrap().lock_file(&name(address)).unwrap();
        looking.try_lock_shared().unwrap();
        assert!(!apart.goes_on(address));
    }
}
