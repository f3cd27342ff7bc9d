//! A settings file of a newer version, as an older program reads it for a release.

use super::{Settings, hint};

/// The settings without the keys that nobody here knows, and which those are; nothing where the file is wrong otherwise. A key that
/// is nearly one of ours, or one of ours at the wrong place, is a mistake: what was meant by it has to be known.
pub(super) fn read(text: &str) -> Option<(Settings, Vec<String>)> {
    if hint::of(text).is_some() {
        return None;
    }
    let mut file: toml::Table = toml::from_str(text).ok()?;
    let mut unknown = Vec::new();
    for (table, known) in hint::TABLES {
        let content =
            if table.is_empty() { Some(&mut file) } else { file.get_mut(table).and_then(toml::Value::as_table_mut) };
        let Some(content) = content else { continue };
        for key in content.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect::<Vec<_>>() {
            let value = content.remove(&key)?;
            if holds_ours(&value) {
                return None;
            }
            unknown.push(if table.is_empty() { key } else { format!("{table}.{key}") });
        }
    }
    Some((file.try_into().ok()?, unknown))
}

/// Whether keys of the file itself stand in a table that is none of ours: they were written below it by mistake.
fn holds_ours(value: &toml::Value) -> bool {
    let [(_, ours), ..] = hint::TABLES;
    value.as_table().is_some_and(|table| table.keys().any(|key| ours.contains(&key.as_str())))
}
