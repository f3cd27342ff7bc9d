//! What is wrong with a manifest, and where.

use crate::text::one_line;
use std::fmt;
use std::path::{Path, PathBuf};

/// One fault of a file, a document in it or a field of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The file, or the folder.
    pub(crate) file: PathBuf,
    /// The pool, if its name can be read.
    pub(crate) pool: Option<String>,
    /// The field, like `spec.subnetIDs[1]`; empty for the whole.
    pub(crate) path: String,
    /// What is wrong, and what to write; one line, whatever a parser or a manifest puts into its words.
    pub(crate) why: String,
}

impl Fault {
    /// A fault of a whole file.
    pub(crate) fn of_file(file: &Path, why: impl fmt::Display) -> Self {
        Self { file: file.to_path_buf(), pool: None, path: String::new(), why: one_line(&why.to_string()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        for part in self.pool.iter().chain(Some(&self.path).filter(|path| !path.is_empty())) {
            write!(f, "{}: ", part.escape_debug())?;
        }
        f.write_str(&self.why)
    }
}

/// The faults of one document, while it is looked at.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(String, String)>);

impl Faults {
    /// Notes a fault of a field.
    pub(super) fn push(&mut self, path: impl Into<String>, why: impl fmt::Display) {
        self.0.push((path.into(), one_line(&why.to_string())));
    }

    /// The value, or its fault.
    pub(super) fn take<T, E: fmt::Display>(&mut self, path: impl Into<String>, value: Result<T, E>) -> Option<T> {
        value.map_err(|why| self.push(path, why)).ok()
    }

    /// Leaves out those about a field that is of one kind with one of these keys: that `subnetIDs` is missing says nothing where
    /// `subnetID` cannot be read.
    pub(super) fn forget(&mut self, keys: &[String]) {
        self.0.retain(|(path, _)| !keys.iter().any(|key| kind(path.trim_start_matches("spec.")) == kind(key)));
    }

    /// Takes over others.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_inner(self) -> Vec<(String, String)> {
        self.0
    }
}

/// Fields of `spec` that stand for each other have a beginning in common.
const KINDS: [&str; 3] = ["nodeSelector", "subnet", "securityGroup"];

fn kind(path: &str) -> &str {
    let key = path.split(['.', '[']).next().unwrap_or(path);
    KINDS.into_iter().find(|kind| key.starts_with(kind)).unwrap_or(key)
}
