//! A plugin's own keys in a network configuration, read one by one so that every fault is named at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Code, Error};

/// Keys that the specification and the runtimes put beside a plugin's own (CNI 1.1.0, "Plugin configuration objects";
/// Multus adds the last two to every plugin of a list).
const OF_THE_PROTOCOL: [&str; 12] = [
    "cniVersion",
    "name",
    "type",
    "args",
    "capabilities",
    "dns",
    "ipMasq",
    "ipam",
    "prevResult",
    "runtimeConfig",
    "deviceID",
    "pciBusID",
];

/// Reads the keys of one object, and remembers what was wrong with them.
#[derive(Debug)]
pub struct Keys<'a> {
    section: &'a Map<String, Value>,
    place: &'static str,
    known: Vec<&'static str>,
    faults: Vec<String>,
    /// Whether anything but an unknown key is wrong.
    misused: bool,
}

impl<'a> Keys<'a> {
    /// The keys of the configuration itself, beside those of the protocol.
    pub fn of_config(section: &'a Map<String, Value>) -> Self {
        Self { known: OF_THE_PROTOCOL.to_vec(), ..Self::of(section, "") }
    }

    /// The keys of an object in the configuration; `place` is its name there, for messages.
    pub fn of(section: &'a Map<String, Value>, place: &'static str) -> Self {
        Self { section, place, known: Vec::new(), faults: Vec::new(), misused: false }
    }

    /// The value of a key; nothing if it is absent or `null`. A value of another shape is a fault.
    pub fn read<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.known.push(key);
        let value = self.section.get(key).filter(|value| !value.is_null())?;
        match serde_path_to_error::deserialize(value) {
            Ok(value) => Some(value),
            Err(error) => {
                let inner = error.path().to_string();
                let place = if inner == "." { String::new() } else { format!(" at {inner}") };
                self.fault(key, format_args!("{}{place}", error.into_inner()));
                None
            }
        }
    }

    /// Notes a fault of a key.
    pub fn fault(&mut self, key: &str, why: impl std::fmt::Display) {
        self.misused = true;
        self.faults.push(format!("{}{key}: {why}", self.prefix()));
    }

    /// Takes over the faults of an object inside this one.
    pub fn include(&mut self, inner: Keys<'_>) {
        let inner = inner.with_unknown();
        self.misused |= inner.misused;
        self.faults.extend(inner.faults);
    }

    /// Ends the reading. A key that is nearly one of ours is a fault, since it is most likely meant to be one; any other
    /// unknown key is logged.
    ///
    /// # Errors
    /// All faults in one: code 2 if unknown keys are all that is wrong, else code 7.
    pub fn finish(self) -> Result<(), Error> {
        let done = self.with_unknown();
        if done.faults.is_empty() {
            return Ok(());
        }
        let code = if done.misused { Code::CONFIG } else { Code::UNSUPPORTED_FIELD };
        Err(Error::new(code, format!("network configuration: {}", done.faults.join("; "))))
    }

    fn with_unknown(mut self) -> Self {
        for (key, value) in self.section {
            if self.known.contains(&key.as_str()) || key.starts_with("cni.dev/") {
                continue;
            }
            if let Some(meant) = self.known.iter().find(|known| is_near(key, known)) {
                let value: String = value.to_string().chars().take(40).collect();
                self.faults.push(format!("{}{key} ({value}) is no key of this plugin; {meant} is", self.prefix()));
            } else {
                log::info!("{}{key} is no key of this plugin, and is left alone", self.prefix());
            }
        }
        self
    }

    fn prefix(&self) -> String {
        if self.place.is_empty() { String::new() } else { format!("{}.", self.place) }
    }
}

/// Whether a key was most likely meant to be the known one: within two edits, one for the shortest, case aside.
fn is_near(key: &str, known: &str) -> bool {
    let bound = if known.len() <= 4 { 1 } else { 2 };
    key.len().abs_diff(known.len()) <= bound && distance(&key.to_lowercase(), &known.to_lowercase()) <= bound
}

/// The least number of insertions, deletions and replacements that make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(section: &Value) -> Result<(Option<u32>, Option<String>), Error> {
        let mut keys = Keys::of_config(section.as_object().unwrap());
        let (mtu, pool) = (keys.read("mtu"), keys.read("pool"));
        keys.finish().map(|()| (mtu, pool))
    }

    #[test]
    fn keys_are_read_and_null_is_absent() {
        assert_eq!(read(&json!({"mtu": 1500, "pool": null, "name": "n"})).unwrap(), (Some(1500), None));
        assert_eq!(
            read(&json!({"deviceID": "x", "cni.dev/valid-attachments": [], "somebody": 1})).unwrap(),
            (None, None)
        );
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let error = read(&json!({"mtu": "big", "pool": 7, "mtuu": 1})).unwrap_err();
        assert_eq!(error.code, Code::CONFIG);
        for part in ["mtu: ", "pool: ", "mtuu (1) is no key of this plugin; mtu is"] {
            assert!(error.msg.contains(part) || error.details.contains(part), "{error:?}");
        }
    }

    #[test]
    fn a_key_that_is_nearly_ours_is_refused_with_ours_named() {
        for key in ["pol", "Pool", "pools", "MTU", "mut2", "runtimeconfig"] {
            let refused = read(&json!({ key: 1 }));
            let expected = key != "mut2";
            assert_eq!(refused.is_err(), expected, "{key}");
            if let Err(error) = refused {
                assert_eq!(error.code, Code::UNSUPPORTED_FIELD);
            }
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
