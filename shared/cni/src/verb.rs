//! `CNI_COMMAND`.

use std::ffi::OsStr;
use std::fmt;

use crate::{Code, Error, Version};

/// What the runtime asks of a plugin, besides its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Add,
    Del,
    Check,
    Gc,
    Status,
}

impl Verb {
    const ALL: [Self; 5] = [Self::Add, Self::Del, Self::Check, Self::Gc, Self::Status];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
        }
    }

    /// The first version that has the verb.
    pub(crate) const fn since(self) -> Version {
        match self {
            Self::Add | Self::Del => Version::V0_3_0,
            Self::Check => Version::V0_4_0,
            Self::Gc | Self::Status => Version::V1_1_0,
        }
    }

    pub(crate) fn parse(command: &OsStr) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|verb| command == verb.as_str()).ok_or_else(|| {
            let msg = format!("CNI_COMMAND is {command:?}, it has to be ADD, DEL, CHECK, GC, STATUS or VERSION");
            Error::new(Code::ENVIRONMENT, msg)
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
