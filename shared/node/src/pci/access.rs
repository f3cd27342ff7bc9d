//! Who may open the node of a group.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

/// Owner and mode of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
    /// The twelve bits of `chmod`.
    pub mode: u32,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {:04o}", self.user, self.group, self.mode)
    }
}

impl Access {
    /// Those of the node at this path. It is not opened, since a group can be open once only.
    pub(super) fn of(node: &Path) -> io::Result<Self> {
        let metadata = std::fs::symlink_metadata(node)?;
        if metadata.is_symlink() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link"));
        }
        Ok(Self { user: metadata.uid(), group: metadata.gid(), mode: metadata.mode() & 0o7777 })
    }

    /// Gives them to the node at this path. The mode comes last: a change of the owner may take bits from it.
    pub(super) fn give(self, node: &Path) -> io::Result<()> {
        lchown(node, Some(self.user), Some(self.group))?;
        std::fs::set_permissions(node, Permissions::from_mode(self.mode))
    }
}
