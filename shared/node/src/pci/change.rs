//! What can be done to a function, as data.

use super::Access;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One change of a function. Applying one that is already so changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Reserves it for a driver; nothing leaves it to whichever knows its kind.
    Override(Option<String>),
    /// Takes it from its driver.
    Unbind,
    /// Has the kernel look for its driver, which is to be this one then.
    Probe(String),
    /// Gives the node of its group to somebody.
    Node(Access),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Override(Some(driver)) => write!(f, "set driver override {driver}"),
            Self::Override(None) => f.write_str("clear driver override"),
            Self::Unbind => f.write_str("unbind driver"),
            Self::Probe(driver) => write!(f, "probe for driver {driver}"),
            Self::Node(access) => write!(f, "give group node to {access}"),
        }
    }
}
