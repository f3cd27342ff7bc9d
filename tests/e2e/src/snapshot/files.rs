//! Facts about files: path, kind, mode and content.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A line for `path` and for each path below it. What is not there has none.
pub(super) fn facts(path: &Path) -> Vec<String> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    let mut facts = vec![format!("file {} {mode:04o} {}", path.display(), content(path, &metadata))];
    if metadata.is_dir() {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        facts.extend(entries.flat_map(|entry| self::facts(&entry.expect("an entry of a folder").path())));
    }
    facts
}

fn content(path: &Path, metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    if kind.is_dir() {
        "folder".into()
    } else if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).expect("a symbolic link's target").display())
    } else if kind.is_socket() {
        "socket".into()
    } else if kind.is_file() {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let digest = Sha256::digest(&bytes);
        let start: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{} bytes, sha256 {start}", bytes.len())
    } else {
        format!("{kind:?}")
    }
}
