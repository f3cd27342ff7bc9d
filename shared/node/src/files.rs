//! Files of this project on the node: reached by a handle of their folder, so that no path is walked twice and no symbolic
//! link is followed; private whatever the umask; written whole or not at all.

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

mod lasting;

pub use lasting::mode_of;

/// Only root reads and enters.
const FOLDER_MODE: Mode = Mode::S_IRWXU;
/// Only root reads and writes.
const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);
/// All read, and nobody writes.
const PUBLISHED_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IRGRP).union(Mode::S_IROTH);
/// A file of ours has some kilobytes; more is not ours.
const GREATEST_FILE: u64 = 4 << 20;

/// What could not be done to which file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system call's own error.
    #[error("cannot {what} {}", path.display())]
    System {
        /// The operation, in the infinitive.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A path that is not absolute, or goes through `..`.
    #[error("{} is not an absolute path without ..", .0.display())]
    Path(PathBuf),
    /// A file name with a slash, an empty one, or `.` and `..`.
    #[error("{0:?} is not the name of a file")]
    Name(String),
    /// Something else stands where a file should be.
    #[error("{} is not a regular file of at most 4 MiB", .0.display())]
    NotAFile(PathBuf),
}

/// A handle of a folder that only root may enter.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder of this absolute path, and makes it and what is missing above it. The folder itself gets mode
    /// 0700; of what was there above it, nothing is changed, and its links are followed (`/var/run` is one).
    ///
    /// # Errors
    /// [`Error::Path`] for a path that is relative or has `..`; else the system's.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !path.is_absolute() || !plain {
            return Err(Error::Path(path.to_path_buf()));
        }
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        match open(path, flags, Mode::empty()) {
            Ok(handle) => Self { handle, path: path.to_path_buf() }.made_private(),
            Err(Errno::ENOENT) => {
                let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
                else {
                    return Err(Error::Path(path.to_path_buf()));
                };
                std::fs::create_dir_all(parent).map_err(failed("create folder", parent))?;
                let handle = open(parent, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
                    .map_err(|errno| failed("open folder", parent)(errno.into()))?;
                Self { handle, path: parent.to_path_buf() }.folder(name)
            }
            Err(errno) => Err(failed("open folder", path)(errno.into())),
        }
    }

    /// Opens a folder that others own too, and makes it if it is missing. Its mode stays.
    ///
    /// # Errors
    /// As [`Folder::create`].
    pub fn of_others(path: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(failed("create folder", path))?;
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let handle = open(path, flags, Mode::empty()).map_err(|errno| failed("open folder", path)(errno.into()))?;
        Ok(Self { handle, path: path.to_path_buf() })
    }

    /// Opens the folder of this name in this one, and makes it if it is missing. It gets mode 0700.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that is none; else the system's.
    pub fn folder(&self, name: &str) -> Result<Self, Error> {
        let path = self.path_of(name)?;
        match mkdirat(&self.handle, name, FOLDER_MODE) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed("create folder", &path)(errno.into())),
        }
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let handle = openat(&self.handle, name, flags, Mode::empty())
            .map_err(|errno| failed("open folder", &path)(errno.into()))?;
        Self { handle, path }.made_private()
    }

    fn made_private(self) -> Result<Self, Error> {
        let mode = fstat(&self.handle).map_err(|errno| failed("look at", &self.path)(errno.into()))?.st_mode;
        if Mode::from_bits_truncate(mode) != FOLDER_MODE {
            fchmod(&self.handle, FOLDER_MODE).map_err(|errno| failed("protect", &self.path)(errno.into()))?;
        }
        Ok(self)
    }

    /// Where the folder is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn path_of(&self, name: &str) -> Result<PathBuf, Error> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::Name(name.to_string()));
        }
        Ok(self.path.join(name))
    }

    /// The whole content of a file; nothing if there is none of this name.
    ///
    /// # Errors
    /// [`Error::NotAFile`] for a folder, a link, a device or a giant; else the system's.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path_of(name)?;
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let mut file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(Error::NotAFile(path)),
            Err(errno) => return Err(failed("open", &path)(errno.into())),
        };
        let metadata = file.metadata().map_err(failed("look at", &path))?;
        if !metadata.is_file() || metadata.len() > GREATEST_FILE {
            return Err(Error::NotAFile(path));
        }
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.read_to_end(&mut content).map_err(failed("read", &path))?;
        Ok(Some(content))
    }

    /// Whether there is anything of this name.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn has(&self, name: &str) -> Result<bool, Error> {
        let path = self.path_of(name)?;
        match fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(failed("look at", &path)(errno.into())),
        }
    }

    /// Writes a file whole, mode 0600: a reader sees the old content or the new one, never a part. At most one process at
    /// a time may write a file of this name.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.write_with(name, content, FILE_MODE)
    }

    /// As [`Folder::write`], for all to read: mode 0444.
    ///
    /// # Errors
    /// The system's.
    pub fn publish(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.write_with(name, content, PUBLISHED_MODE)
    }

    fn write_with(&self, name: &str, content: &[u8], mode: Mode) -> Result<(), Error> {
        self.replace(name, mode, |file| file.write_all(content))
    }

    fn replace(
        &self,
        name: &str,
        mode: Mode,
        fill: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.path_of(name)?;
        let part = part_name(name);
        // What a killed writer left under this name may be a link or a folder by now: it is never opened.
        match unlinkat(&self.handle, part.as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(failed("replace", &self.path.join(&part))(errno.into())),
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let handle = openat(&self.handle, part.as_str(), flags, FILE_MODE)
            .map_err(|errno| failed("create", &path)(errno.into()))?;
        let written = fchmod(&handle, mode)
            .map_err(|errno| failed("protect", &path)(errno.into()))
            .and_then(|()| fill(&mut File::from(handle)).map_err(failed("write", &path)))
            .and_then(|()| {
                let renamed = renameat(&self.handle, part.as_str(), &self.handle, name);
                renamed.map_err(|errno| failed("replace", &path)(errno.into()))
            });
        if written.is_err() {
            // On a file system that is full, a part would keep what the next write needs.
            unlinkat(&self.handle, part.as_str(), UnlinkatFlags::NoRemoveDir).ok();
        }
        written
    }

    /// Removes a file; whether there was one.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let path = self.path_of(name)?;
        match unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(failed("remove", &path)(errno.into())),
        }
    }

    /// Sets something unreadable aside as `<name>.bad`, in place of an earlier one. What is not there any more is aside.
    ///
    /// # Errors
    /// The system's.
    pub fn set_aside(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path_of(name)?;
        let aside = aside(name);
        let is_folder = |name: &str| {
            fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
        };
        // A folder takes the place of an empty folder only, and never that of a file.
        let way = if is_folder(&aside) { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
        if is_folder(name) || is_folder(&aside) {
            match unlinkat(&self.handle, aside.as_str(), way) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(failed("replace", &self.path.join(aside))(errno.into())),
            }
        }
        match renameat(&self.handle, name, &self.handle, aside.as_str()) {
            Ok(()) | Err(Errno::ENOENT) => Ok(self.path.join(aside)),
            Err(errno) => Err(failed("set aside", &path)(errno.into())),
        }
    }

    /// The names in the folder that end in this, sorted; parts of a write that was killed are not among them.
    ///
    /// # Errors
    /// The system's.
    pub fn names(&self, ending: &str) -> Result<Vec<String>, Error> {
        let unreadable = |errno: Errno| failed("list", &self.path)(errno.into());
        let mut folder = Dir::openat(self.handle.as_fd(), ".", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(unreadable)?;
        let mut names = Vec::new();
        for entry in folder.iter() {
            let entry = entry.map_err(unreadable)?;
            if let Ok(name) = entry.file_name().to_str()
                && name.ends_with(ending)
                && !name.starts_with('.')
            {
                names.push(name.to_string());
            }
        }
        names.sort();
        Ok(names)
    }

    /// A file that only grows, mode 0600.
    pub(crate) fn log_file(&self, name: &str) -> Result<File, Error> {
        self.kept_file(name, OFlag::O_WRONLY | OFlag::O_APPEND)
    }

    /// A file to lock on, made if it is missing; close-on-exec, since a lock lives as long as any child that inherited it.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, Error> {
        self.kept_file(name, OFlag::O_RDWR)
    }

    fn kept_file(&self, name: &str, access: OFlag) -> Result<File, Error> {
        let path = self.path_of(name)?;
        let flags = access | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let handle =
            openat(&self.handle, name, flags, FILE_MODE).map_err(|errno| failed("open", &path)(errno.into()))?;
        fchmod(&handle, FILE_MODE).map_err(|errno| failed("protect", &path)(errno.into()))?;
        Ok(File::from(handle))
    }
}

/// The name of what was set aside.
pub(crate) fn aside(name: &str) -> String {
    format!("{name}.bad")
}

fn part_name(name: &str) -> String {
    format!(".{name}.part")
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::System { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn sec_1_files_and_folders_are_private() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("wide")).unwrap();
        std::fs::set_permissions(root.path().join("wide"), std::fs::Permissions::from_mode(0o777)).unwrap();
        let folder = Folder::create(&root.path().join("wide")).unwrap();
        let inner = folder.folder("a").unwrap();
        inner.write("x.json", b"1").unwrap();
        inner.write("x.json", b"22").unwrap();
        assert_eq!(inner.read("x.json").unwrap().as_deref(), Some(&b"22"[..]));
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(inner.path()), 0o700);
        assert_eq!(mode(&inner.path().join("x.json")), 0o600);
        assert_eq!(inner.names(".json").unwrap(), ["x.json"]);
    }

    #[test]
    fn links_and_names_with_slashes_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("state")).unwrap();
        std::fs::write(root.path().join("victim"), "victim").unwrap();
        symlink(root.path().join("victim"), folder.path().join("x.json")).unwrap();
        symlink(root.path().join("victim"), folder.path().join(".x.json.part")).unwrap();
        assert!(matches!(folder.read("x.json"), Err(Error::NotAFile(_))));
        folder.write("x.json", b"ours").unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("victim")).unwrap(), "victim");
        assert_eq!(folder.read("x.json").unwrap().as_deref(), Some(&b"ours"[..]));
        for name in ["", ".", "..", "../victim", "a/b"] {
            assert!(matches!(folder.read(name), Err(Error::Name(_))), "{name:?}");
        }
        symlink(root.path(), root.path().join("link")).unwrap();
        assert!(Folder::create(&root.path().join("link")).is_err());
        assert!(matches!(Folder::create(Path::new("relative")), Err(Error::Path(_))));
        assert!(matches!(Folder::create(&root.path().join("../x")), Err(Error::Path(_))));
    }

    #[test]
    fn unreadable_things_are_set_aside_again_and_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("state")).unwrap();
        for _ in 0..2 {
            std::fs::create_dir(folder.path().join("x.json")).unwrap();
            assert!(matches!(folder.read("x.json"), Err(Error::NotAFile(_))));
            folder.set_aside("x.json").unwrap();
            folder.write("x.json", b"rubbish").unwrap();
            folder.set_aside("x.json").unwrap();
        }
        assert_eq!(folder.read("x.json").unwrap(), None);
        folder.set_aside("x.json").unwrap();
        assert!(folder.path().join("x.json.bad").exists(), "somebody else has set it aside");
        assert!(!folder.remove("x.json").unwrap());
    }
}
