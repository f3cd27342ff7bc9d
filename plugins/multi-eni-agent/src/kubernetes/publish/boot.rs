//! The times of the records on the clock of people. The records count from the boot; the moment of the boot is taken once and kept,
//! so that a time of theirs is the same text in every pass and after a restart.

use k8s_openapi::jiff::Timestamp;
use node::store::{self, Kept, Store};
use serde::{Deserialize, Serialize};

/// Seconds by which the clock may have been moved since without a new moment: both clocks count whole seconds, and NTP corrects
/// fractions.
const TOLERANCE: i64 = 60;

/// The moment of the boot, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BootTime {
    booted_at: i64,
}

impl Kept for BootTime {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        Self::FILE.to_string()
    }
}

impl BootTime {
    /// The name of its file.
    const FILE: &'static str = "boot-time.json";

    /// By these two clocks, now.
    pub(crate) fn by(clock: Timestamp, since_boot: u64) -> Self {
        Self { booted_at: clock.as_second().saturating_sub_unsigned(since_boot) }
    }

    /// The moment on record, unless the clock was set since: then it is taken anew and written down.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn keep(store: &Store, clock: Timestamp, since_boot: u64) -> Result<Self, store::Error> {
        let now = Self::by(clock, since_boot);
        match store.agents_own::<Self>(Self::FILE)? {
            Some(kept) if (kept.booted_at - now.booted_at).abs() <= TOLERANCE => Ok(kept),
            Some(_) | None => store.write_agents_own(&now).map(|()| now),
        }
    }

    /// A time of the records, as RFC 3339 has it.
    pub(crate) fn rfc3339(self, since_boot: u64) -> Option<String> {
        let second = self.booted_at.checked_add_unsigned(since_boot)?;
        Timestamp::from_second(second).ok().map(|time| time.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_time_of_the_records_is_the_same_in_every_pass_and_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("state")).unwrap();
        let first = BootTime::keep(&store, at(1_764_056_036), 36).unwrap();
        assert_eq!(first.rfc3339(6).as_deref(), Some("2025-11-25T07:33:26Z"));
        // The two clocks tick at different moments, and NTP moves one of them.
        for (clock, since_boot) in [(1_764_056_037, 36), (1_764_056_040, 41), (1_764_060_000, 4010)] {
            assert_eq!(BootTime::keep(&store, at(clock), since_boot).unwrap(), first);
        }
    }

    #[test]
    fn after_the_clock_was_set_times_are_right_again() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("state")).unwrap();
        let wrong = BootTime::keep(&store, at(36), 36).unwrap();
        assert_eq!(wrong.rfc3339(36).as_deref(), Some("1970-01-01T00:00:36Z"));
        let right = BootTime::keep(&store, at(1_764_056_046), 46).unwrap();
        assert_eq!(right.rfc3339(36).as_deref(), Some("2025-11-25T07:33:56Z"));
        assert_eq!(BootTime::keep(&store, at(1_764_056_050), 50).unwrap(), right);
    }
}
