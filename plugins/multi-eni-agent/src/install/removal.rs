//! Removing what was installed, the network configuration first: what nobody calls any more is missed by nobody.

use std::path::{Path, PathBuf};

use node::files::{self, Folder};

use super::digest::Digest;
use super::{Error, Installation, unreadable};

/// What came of a file on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It is gone.
    Gone(PathBuf),
    /// It is not as it was installed any more, and so somebody's own.
    Kept(PathBuf),
    /// The folder that it was in is not there, so it may be elsewhere: it stays on record.
    Unseen(PathBuf),
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(path) => write!(f, "removed {}", path.display()),
            Self::Kept(path) => write!(f, "kept {}: it is not as it was installed", path.display()),
            Self::Unseen(path) => write!(f, "not found: the folder of {}; it stays on record", path.display()),
        }
    }
}

/// Removes what is on record, as far as it is as it was installed.
pub(crate) fn remove(installation: &mut Installation) -> Result<Vec<Removed>, Error> {
    let networks = installation.places.networks.clone();
    let mut files = installation.record.files();
    files.sort_by_key(|path| !path.starts_with(&networks));
    files.into_iter().map(|path| remove_file(installation, path)).collect()
}

fn remove_file(installation: &mut Installation, path: PathBuf) -> Result<Removed, Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(Error::Name(path));
    };
    let Some(folder) = Folder::there(&installation.places.on_host(parent))? else {
        return Ok(Removed::Unseen(path));
    };
    let is_ours = match digest(&folder, name, &path)? {
        Found::File(digest) => installation.record.has(&path, &digest),
        Found::Nothing => true,
        Found::Other => false,
    };
    if is_ours {
        folder.uninstall(name)?;
    }
    installation.record.forget(&path)?;
    Ok(if is_ours { Removed::Gone(path) } else { Removed::Kept(path) })
}

enum Found {
    File(Digest),
    Nothing,
    /// A link, a folder: nothing that was installed.
    Other,
}

fn digest(folder: &Folder, name: &str, path: &Path) -> Result<Found, Error> {
    match folder.open(name) {
        Ok(Some(mut file)) => Ok(Found::File(Digest::of(&mut file).map_err(unreadable(path))?)),
        Ok(None) => Ok(Found::Nothing),
        Err(files::Error::NotAFile(_)) => Ok(Found::Other),
        Err(error) => Err(error.into()),
    }
}
