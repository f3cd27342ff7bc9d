//! Texts of the metadata service as values.

use crate::metadata::MetadataError;
use std::str::FromStr;

/// The one value of a part.
pub(super) fn one<T>(path: &str, text: &str) -> Result<T, MetadataError>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.trim().parse().map_err(|error| MetadataError::Invalid { path: path.to_string(), source: Box::new(error) })
}

/// The values of a part, one a line; none if there is no such part.
pub(super) fn lines<T>(path: &str, text: Option<&str>) -> Result<Vec<T>, MetadataError>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let lines = text.unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| one(path, line)).collect()
}
