//! `addresses`: which of the ENI's.

use serde::Deserialize;
use serde_json::Value;
use std::num::NonZeroUsize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Selection {
    /// The primary one of each family; of IPv6 the first where EC2 has called none primary.
    Primary,
    /// All of each family.
    All,
    /// So many of each family, the primary one first.
    Count(NonZeroUsize),
}

impl TryFrom<Value> for Selection {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).and_then(NonZeroUsize::new);
        match (value.as_str(), count) {
            (Some("primary"), _) => Ok(Self::Primary),
            (Some("all"), _) => Ok(Self::All),
            (None, Some(count)) => Ok(Self::Count(count)),
            _ => Err("has to be \"primary\", \"all\" or a number from 1"),
        }
    }
}
