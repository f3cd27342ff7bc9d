//! What was installed, on record beside the node's settings: a file is this project's while it is as it was installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use node::files::Folder;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::{Error, FILE_MODE};

const NAME: &str = "installed.json";

/// The record of a host.
#[derive(Debug)]
pub(super) struct Record {
    folder: Folder,
    content: Content,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// By their paths on the host. One of two digests is being replaced, or was when its installer was killed.
    files: BTreeMap<PathBuf, BTreeSet<Digest>>,
}

impl Record {
    /// That in this folder; an empty one if there is none.
    pub(super) fn read(folder: Folder) -> Result<Self, Error> {
        let content = match folder.read(NAME)? {
            Some(text) => serde_json::from_slice(&text).map_err(failed(&folder))?,
            None => Content::default(),
        };
        Ok(Self { folder, content })
    }

    /// Whether a file of this content at this path is this project's.
    pub(super) fn has(&self, path: &Path, digest: &Digest) -> bool {
        self.content.files.get(path).is_some_and(|known| known.contains(digest))
    }

    /// The files that were installed.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.content.files.keys().cloned().collect()
    }

    /// A file of this content is about to be at this path.
    pub(super) fn intend(&mut self, path: &Path, digest: Digest) -> Result<(), Error> {
        self.content.files.entry(path.to_path_buf()).or_default().insert(digest);
        self.write()
    }

    /// A file of this content is at this path.
    pub(super) fn settle(&mut self, path: &Path, digest: Digest) -> Result<(), Error> {
        let only = BTreeSet::from([digest]);
        if self.content.files.get(path) == Some(&only) {
            return Ok(());
        }
        self.content.files.insert(path.to_path_buf(), only);
        self.write()
    }

    /// No file of this project is at this path.
    pub(super) fn forget(&mut self, path: &Path) -> Result<(), Error> {
        self.content.files.remove(path);
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        if self.content.files.is_empty() {
            self.folder.uninstall(NAME)?;
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&self.content).map_err(failed(&self.folder))?;
        Ok(self.folder.install(NAME, &mut text.as_slice(), FILE_MODE)?)
    }
}

fn failed(folder: &Folder) -> impl FnOnce(serde_json::Error) -> Error {
    let path = folder.path().join(NAME);
    move |source| Error::Record { path, source }
}
