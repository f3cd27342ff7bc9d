//! What the fake is told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the fake does when it is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    /// Prints this and exits 0.
    Print(String),
    /// Prints an error of the CNI specification and exits 1.
    Fail { code: u32, msg: String },
    /// Prints this and exits with that status.
    Exit { status: i32, stdout: String, stderr: String },
    /// Ends by this signal.
    Crash { signal: i32 },
    /// Waits until a file of this name is in its folder ([`FakeIpam::release`]), then does the other.
    HoldUntil { released: String, then: Box<Answer> },
    /// Never ends.
    Hang,
}

impl Answer {
    /// A result with these addresses (`10.0.0.5/24`), each the only one of its subnet, and no gateway or route.
    #[must_use]
    pub fn addresses(version: &str, addresses: &[&str]) -> Self {
        let ips: Vec<Value> = addresses.iter().map(|address| json!({"address": address})).collect();
        Self::Print(json!({"cniVersion": version, "ips": ips}).to_string())
    }

    /// Success with nothing to say.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Print(String::new())
    }

    /// A failure with one of the codes of the specification.
    #[must_use]
    pub fn fail(code: u32, msg: &str) -> Self {
        Self::Fail { code, msg: msg.into() }
    }
}

/// The answers to one verb, from the call on that came after so many.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Script {
    pub(super) after: usize,
    pub(super) answers: Vec<Answer>,
}

impl Script {
    pub(super) fn answer(&self, earlier: usize) -> Answer {
        let turn = earlier.saturating_sub(self.after).min(self.answers.len().saturating_sub(1));
        self.answers.get(turn).cloned().unwrap_or_else(Answer::nothing)
    }
}
