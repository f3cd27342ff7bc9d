//! A file of manifests: YAML or JSON, one or several documents.

use serde_json::Value;
use std::path::Path;

/// What a file may have: a folder of manifests that holds a disk image has another fault than its content.
const MOST_BYTES: u64 = 1 << 20;

/// Why a file is no manifests.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("has {0} bytes; a file of manifests may have 1 MiB")]
    Size(u64),
    #[error("is empty, as one that is being written; take it away if its pools are to go")]
    Empty,
    #[error("is no YAML: {0}")]
    Yaml(Box<serde_saphyr::Error>),
    #[error("is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Its documents in their order, the empty ones left out.
pub(super) fn documents(path: &Path) -> Result<Vec<Value>, Error> {
    let size = std::fs::metadata(path)?.len();
    if size > MOST_BYTES {
        return Err(Error::Size(size));
    }
    let text = std::fs::read_to_string(path)?;
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    if path.extension().is_some_and(|ending| ending == "json") { json(&text) } else { yaml(&text) }
}

/// Keys that stand twice are an error here, and aliases are bounded.
pub(super) fn yaml(text: &str) -> Result<Vec<Value>, Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| Error::Yaml(Box::new(error)))
}

/// JSON is YAML, but for a tab here and there; a parser of its own says better what is wrong.
pub(super) fn json(text: &str) -> Result<Vec<Value>, Error> {
    Ok(serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>()?)
}
