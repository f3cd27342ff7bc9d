//! Folders that are watched whether they are there or not.
//!
//! inotify watches an inode. Of a folder that is not there, the nearest one above it that is there is watched instead; each batch
//! of events makes the watches anew, which costs a system call each and changes nothing where nothing moved.

use super::Error;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;

/// Files are written whole and then renamed, or by an editor or a user in any way; a folder may go.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// Folders, and what a change of each means.
#[derive(Debug)]
pub(super) struct Folders<E> {
    inotify: AsyncFd<Handle>,
    folders: Vec<Folder<E>>,
}

/// How the files of a folder are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Under a name with a dot before it, and then renamed: only that counts.
    Whole,
    /// In any way.
    Anyhow,
}

/// A folder to be watched.
#[derive(Debug)]
pub(super) struct Folder<E> {
    path: PathBuf,
    event: E,
    written: Written,
    /// The watch of the folder itself; nothing while it is not there.
    own: Option<WatchDescriptor>,
}

#[derive(Debug)]
struct Handle(Inotify);

impl AsRawFd for Handle {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl<E> Folder<E> {
    pub(super) fn new(path: PathBuf, event: E, written: Written) -> Self {
        Self { path, event, written, own: None }
    }
}

impl<E: Copy> Folders<E> {
    pub(super) fn watch(folders: Vec<Folder<E>>) -> Result<Self, Error> {
        let any = || folders.first().map(|folder| folder.path.clone()).unwrap_or_default();
        let failed = |source: std::io::Error| Error::Folder { path: any(), source };
        let inotify =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(|errno| failed(errno.into()))?;
        let inotify = registered(Handle(inotify)).map_err(failed)?;
        let mut watch = Self { inotify, folders };
        watch.arm()?;
        Ok(watch)
    }

    /// Takes all that there is to be read, and says what it means.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> Vec<E> {
        let mut changed = Vec::new();
        while let Poll::Ready(ready) = self.inotify.poll_read_ready(cx) {
            let Ok(mut ready) = ready else { break };
            match ready.get_inner().0.read_events() {
                Ok(events) => {
                    drop(ready);
                    changed.extend(events.iter().flat_map(|event| self.meaning(event)).collect::<Vec<_>>());
                    changed.extend(self.arm_or_say());
                }
                Err(nix::errno::Errno::EAGAIN) => ready.clear_ready(),
                Err(errno) => {
                    log::warn!("events of folders cannot be read: {errno}");
                    ready.clear_ready();
                }
            }
        }
        changed
    }

    fn meaning(&self, event: &InotifyEvent) -> Vec<E> {
        let lost = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        // The part of a write, which its end renames.
        let is_part = |folder: &Folder<E>| {
            let name = event.name.as_ref().map(|name| name.as_encoded_bytes()).unwrap_or_default();
            folder.written == Written::Whole && name.starts_with(b".")
        };
        let is_of = |folder: &&Folder<E>| lost || (folder.own == Some(event.wd) && !is_part(folder));
        self.folders.iter().filter(is_of).map(|folder| folder.event).collect()
    }

    fn arm_or_say(&mut self) -> Vec<E> {
        self.arm().unwrap_or_else(|error| {
            log::warn!("changes may go unseen until the next look: {error}");
            Vec::new()
        })
    }

    /// Watches every folder, or what is there above it; a folder that is another one than before has changed.
    fn arm(&mut self) -> Result<Vec<E>, Error> {
        let mut changed = Vec::new();
        let inotify = &self.inotify.get_ref().0;
        for folder in &mut self.folders {
            let own = watch_or_above(inotify, &folder.path)?;
            if own != folder.own {
                folder.own = own;
                changed.push(folder.event);
            }
        }
        Ok(changed)
    }
}

#[expect(
    unsafe_code,
    reason = "tokio wants to be promised what a handle of ours gives: that its descriptor stays open"
)]
fn registered(handle: Handle) -> std::io::Result<AsyncFd<Handle>> {
    // SAFETY: the handle owns the descriptor, and nothing replaces or closes it before the handle is dropped.
    Ok(unsafe { AsyncFd::register(handle) }?)
}

/// The watch of a folder, if it is there. The one above it is watched too: only there is it seen that it comes again.
fn watch_or_above(inotify: &Inotify, path: &Path) -> Result<Option<WatchDescriptor>, Error> {
    let mut above = path.parent();
    while let Some(folder) = above {
        if add(inotify, folder)?.is_some() {
            break;
        }
        above = folder.parent();
    }
    // Last, so that a folder that came while the one above it was not watched yet is not missed.
    add(inotify, path)
}

fn add(inotify: &Inotify, path: &Path) -> Result<Option<WatchDescriptor>, Error> {
    use nix::errno::Errno::{ENOENT, ENOTDIR};
    match inotify.add_watch(path, CHANGES) {
        Ok(watch) => Ok(Some(watch)),
        Err(ENOENT | ENOTDIR) => Ok(None),
        Err(errno) => Err(Error::Folder { path: path.to_path_buf(), source: errno.into() }),
    }
}
