//! The public bug reports that this project must not repeat, and which tests hold each: a test of case `DEL-1` has
//! `del_1_` in front of its name.

mod page;
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use page::page;
pub use scan::{Test, tests};

/// A case, as `tests/e2e/cases.toml` has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its id, for instance `DEL-1`.
    pub id: String,
    /// What sort of fault it is.
    pub kind: String,
    /// What it takes to hold it: see the head of the file. Empty if it can be held anywhere.
    #[serde(default)]
    pub benches: Vec<String>,
    /// What this project does not have yet, and the case is about.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What went wrong.
    pub title: String,
    /// Why no test holds it yet.
    pub waiting: Option<String>,
    /// What of it the tests do not hold yet, and why.
    pub rest: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// The top of the source tree.
#[must_use]
pub fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the generated page is.
#[must_use]
pub fn page_path() -> PathBuf {
    tree().join("tests/CASES.md")
}

/// All cases, in the order of their file.
///
/// # Panics
///
/// When the file is not right.
#[must_use]
pub fn all() -> Vec<Case> {
    let path = tree().join("tests/e2e/cases.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.case
}

/// What ids start with: `DEL`, `IP6` and so on.
#[must_use]
pub fn families(cases: &[Case]) -> Vec<&str> {
    let mut families: Vec<&str> = cases.iter().filter_map(|case| case.id.split('-').next()).collect();
    families.dedup();
    families
}

impl Case {
    /// The id as it stands in the names of tests: `del_1`.
    #[must_use]
    pub fn prefix(&self) -> String {
        self.id.to_lowercase().replace('-', "_")
    }

    /// Its tests.
    #[must_use]
    pub fn tests<'t>(&self, tests: &'t [Test]) -> Vec<&'t Test> {
        tests.iter().filter(|test| test.cases.contains(&self.id)).collect()
    }
}
