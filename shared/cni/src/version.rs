//! The versions of the CNI specification that this crate speaks.

use std::fmt;
use std::str::FromStr;

/// A version of the CNI specification that is supported. The order is the order of publication.
///
/// Results before 0.3.0 cannot name interfaces, so a plugin that hands out interfaces starts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 0.3.0
    V0_3_0,
    /// 0.3.1
    V0_3_1,
    /// 0.4.0, the first with CHECK
    V0_4_0,
    /// 1.0.0, the first without `ips[].version`
    V1_0_0,
    /// 1.1.0, the first with GC, STATUS, MTUs and PCI addresses
    V1_1_0,
}

impl Version {
    /// All of them, oldest first.
    pub const ALL: [Self; 5] = [Self::V0_3_0, Self::V0_3_1, Self::V0_4_0, Self::V1_0_0, Self::V1_1_0];

    /// The newest.
    pub const LATEST: Self = Self::V1_1_0;

    /// The text that stands in `cniVersion`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// All of them as people write a list: `0.3.0, 0.3.1, …`.
    pub fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a supported version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// A version, but none that is spoken here: code 1.
    #[error("cniVersion {0:?} is not supported, use one of {list}", list = Version::list())]
    Unsupported(String),
    /// Not three numbers with dots between: code 6.
    #[error("cniVersion {0:?} is not a version, it has to look like \"1.0.0\"")]
    Malformed(String),
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if let Some(version) = Self::ALL.into_iter().find(|version| version.as_str() == text) {
            return Ok(version);
        }
        if looks_like_a_version(text) {
            Err(VersionError::Unsupported(text.to_owned()))
        } else {
            Err(VersionError::Malformed(text.to_owned()))
        }
    }
}

/// Whether the text is `X.Y.Z` with an optional pre-release or build part (semantic versioning, as the specification asks).
fn looks_like_a_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or(text);
    let mut numbers = 0;
    for number in core.split('.') {
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        numbers += 1;
    }
    numbers == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_reads_what_it_writes() {
        for version in Version::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        assert!(Version::ALL.is_sorted());
        assert_eq!(Version::ALL.last(), Some(&Version::LATEST));
    }

    #[test]
    fn an_unknown_version_is_told_apart_from_no_version() {
        for text in ["0.1.0", "0.2.0", "1.9.9", "0.0.0", "1.1.0-rc1", "2.0.0+build.7"] {
            assert_eq!(text.parse::<Version>(), Err(VersionError::Unsupported(text.to_owned())));
        }
        for text in ["", "1", "1.1", "1.1.0.0", "v1.1.0", "1..0", "one", " 1.1.0", "1.1.0 ", "-1.1.0", "1.1.٠"] {
            assert_eq!(text.parse::<Version>(), Err(VersionError::Malformed(text.to_owned())));
        }
    }

    #[test]
    fn an_unsupported_version_is_answered_with_the_list() {
        let error = "1.9.9".parse::<Version>().unwrap_err().to_string();
        assert_eq!(error, "cniVersion \"1.9.9\" is not supported, use one of 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
    }
}
