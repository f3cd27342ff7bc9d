//! Files that outlive a boot, in folders of the host that are not this project's alone: programs and configurations.

use super::{Error, Folder, failed, part_name};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path};

/// What a folder gets that is missing: all enter, and only root writes.
const SHARED_MODE: u32 = 0o755;

impl Folder {
    /// Opens a folder of the host, and makes it and what is missing above it. It may be no symbolic link; its mode stays.
    ///
    /// # Errors
    /// [`Error::Path`] for a path that is relative or has `..`; else the system's.
    pub fn of_host(path: &Path) -> Result<Self, Error> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(SHARED_MODE).create(plain(path)?);
        made.map_err(failed("create folder", path))?;
        Self::there(path)?.ok_or_else(|| failed("open folder", path)(Errno::ENOENT.into()))
    }

    /// As [`Folder::of_host`], without making it; nothing if it is missing.
    ///
    /// # Errors
    /// As [`Folder::of_host`].
    pub fn there(path: &Path) -> Result<Option<Self>, Error> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        match open(plain(path)?, flags, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle, path: path.to_path_buf() })),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(failed("open folder", path)(errno.into())),
        }
    }

    /// The regular file of this name, of any size, to be read; nothing if there is none.
    ///
    /// # Errors
    /// [`Error::NotAFile`] for a folder, a link or a device; else the system's.
    pub fn open(&self, name: &str) -> Result<Option<File>, Error> {
        let path = self.path_of(name)?;
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(Error::NotAFile(path)),
            Err(errno) => return Err(failed("open", &path)(errno.into())),
        };
        let metadata = file.metadata().map_err(failed("look at", &path))?;
        if metadata.is_file() { Ok(Some(file)) } else { Err(Error::NotAFile(path)) }
    }

    /// Writes a file whole, with this mode: it is on the disk before it has its name. What is of this name goes on for
    /// whoever has it open or runs it. A link is replaced, and not what it leads to.
    ///
    /// # Errors
    /// The system's.
    pub fn install(&self, name: &str, content: &mut impl Read, mode: u32) -> Result<(), Error> {
        self.replace(name, Mode::from_bits_truncate(mode), |file| {
            std::io::copy(content, file)?;
            file.sync_all()
        })?;
        self.sync()
    }

    /// Removes a file, and what a killed [`Folder::install`] of it left; whether there was one.
    ///
    /// # Errors
    /// The system's.
    pub fn uninstall(&self, name: &str) -> Result<bool, Error> {
        self.remove(&part_name(name))?;
        let removed = self.remove(name)?;
        self.sync()?;
        Ok(removed)
    }

    /// The folder itself as a file, opened anew: a lock on it is that of this file alone.
    pub(crate) fn itself(&self) -> Result<File, Error> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let handle = openat(&self.handle, ".", flags, Mode::empty());
        handle.map(File::from).map_err(|errno| failed("open folder", &self.path)(errno.into()))
    }

    fn sync(&self) -> Result<(), Error> {
        self.itself()?.sync_all().map_err(failed("write", &self.path))
    }
}

fn plain(path: &Path) -> Result<&Path, Error> {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain { Ok(path) } else { Err(Error::Path(path.to_path_buf())) }
}

/// The twelve bits of a file's mode.
///
/// # Errors
/// The system's.
pub fn mode_of(file: &File) -> std::io::Result<u32> {
    Ok(file.metadata()?.permissions().mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    fn folder(root: &tempfile::TempDir) -> Folder {
        Folder::of_host(&root.path().join("opt/cni/bin")).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        mode_of(&File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn a_program_that_runs_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(&root);
        folder.install("program", &mut File::open("/bin/sleep").unwrap(), 0o755).unwrap();
        let mut running = Command::new(folder.path().join("program")).arg("600").spawn().unwrap();
        folder.install("program", &mut &b"#!/bin/sh\necho new\n"[..], 0o755).unwrap();
        let said = Command::new(folder.path().join("program")).output().unwrap();
        assert_eq!(said.stdout, b"new\n");
        assert!(running.try_wait().unwrap().is_none());
        running.kill().unwrap();
        running.wait().unwrap();
    }

    #[test]
    fn a_link_is_replaced_and_never_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(&root);
        let victim = root.path().join("victim");
        std::fs::write(&victim, "victim").unwrap();
        symlink(&victim, folder.path().join("program")).unwrap();
        assert!(matches!(folder.open("program"), Err(Error::NotAFile(_))));
        folder.install("program", &mut &b"ours"[..], 0o755).unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"victim");
        assert_eq!(mode(&folder.path().join("program")), 0o755);

        symlink(root.path(), root.path().join("link")).unwrap();
        assert!(Folder::of_host(&root.path().join("link")).is_err());
        assert!(matches!(Folder::of_host(&root.path().join("x/../y")), Err(Error::Path(_))));
    }

    #[test]
    fn what_a_killed_installation_left_goes_with_its_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(&root);
        std::fs::write(folder.path().join(part_name("program")), "half").unwrap();
        assert!(!folder.uninstall("program").unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_there_keeps_its_mode() {
        let root = tempfile::tempdir().unwrap();
        assert!(Folder::there(&root.path().join("none")).unwrap().is_none());
        std::fs::create_dir(root.path().join("there")).unwrap();
        std::fs::set_permissions(root.path().join("there"), PermissionsExt::from_mode(0o711)).unwrap();
        Folder::of_host(&root.path().join("there")).unwrap();
        assert_eq!(mode(&root.path().join("there")), 0o711);
    }
}
