//! What the fake was asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call that the fake got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// The environment, all of it.
    pub environment: BTreeMap<String, String>,
    /// What was on stdin.
    pub stdin: String,
}

impl Call {
    /// Its `CNI_COMMAND`.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.environment.get("CNI_COMMAND").map_or("", String::as_str)
    }

    /// The network configuration that it got.
    ///
    /// # Panics
    ///
    /// When that is not JSON.
    #[must_use]
    pub fn config(&self) -> Value {
        serde_json::from_str(&self.stdin).unwrap_or_else(|error| panic!("{error}: {}", self.stdin))
    }
}
