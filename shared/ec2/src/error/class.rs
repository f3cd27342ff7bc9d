//! What kind of refusal a code is: each has one policy.

use std::fmt;

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nothing was done, for too many requests: later.
    Throttled,
    /// EC2 or the way there failed; whether something was done is not known.
    Transient,
    /// What it was about is not there, or not yet to be seen.
    NotFound,
    /// What it was about is in a state that does not allow it now.
    InUse,
    /// The subnet has no free address, or EC2 no room.
    Capacity,
    /// A quota, or what a type of instance takes.
    Limit,
    /// The credentials: they are missing, expired, or not enough.
    Denied,
    /// The request makes no sense to EC2, and will not tomorrow.
    Misconfigured,
    /// A code that the table does not have.
    Unknown,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Throttled,
        Self::Transient,
        Self::NotFound,
        Self::InUse,
        Self::Capacity,
        Self::Limit,
        Self::Denied,
        Self::Misconfigured,
        Self::Unknown,
    ];

    /// A word for it, as labels of metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::NotFound => "not_found",
            Self::InUse => "in_use",
            Self::Capacity => "capacity",
            Self::Limit => "limit",
            Self::Denied => "denied",
            Self::Misconfigured => "misconfigured",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
