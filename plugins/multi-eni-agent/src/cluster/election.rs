//! Who of several agents holds a Lease: the rules, without a clock and an API server.
//!
//! As client-go does it. A Lease is free when whoever looks has seen it unchanged for its duration by its own clock; the times in it
//! are for people, so that clocks that differ make no second holder. A holder gives up well before that, by its own clock, too.

use std::time::Duration;

/// How long a Lease has to be seen unchanged before it is taken from its holder.
pub(crate) const DURATION: Duration = Duration::from_secs(15);
/// How long a holder works on after it has sent its last renewal that was taken.
pub(crate) const TENURE: Duration = Duration::from_secs(10);
/// How long lies between two looks, or renewals.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);

/// What a Lease says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Nothing, or an empty text, if it was given back.
    pub(crate) holder: Option<String>,
    /// How long its holder asks others to wait.
    pub(crate) duration: Duration,
    /// The API server's version of it, which every write changes.
    pub(crate) version: Option<String>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is none: make one, and hold it.
    Create,
    /// Take it, or renew it: the write has to be of the version that was seen.
    Take,
    /// Somebody else holds it.
    Wait,
}

/// What was seen of a Lease. Times are by one clock that never goes back.
#[derive(Debug)]
pub(crate) struct Election {
    me: String,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    record: Record,
    /// Since when it is as it is.
    since: Duration,
}

impl Election {
    /// Nothing was seen yet. The name is this process's, and no other's ever.
    pub(crate) fn new(me: String) -> Self {
        Self { me, seen: None }
    }

    /// This process's name.
    pub(crate) fn me(&self) -> &str {
        &self.me
    }

    /// Whoever holds it, as far as was seen.
    pub(crate) fn holder(&self) -> Option<&str> {
        self.seen.as_ref().and_then(|seen| seen.record.holder.as_deref()).filter(|holder| !holder.is_empty())
    }

    /// The Lease was seen, or that there is none.
    pub(crate) fn see(&mut self, record: Option<Record>, now: Duration) {
        self.seen = record.map(|record| match self.seen.take() {
            Some(seen) if seen.record == record => seen,
            _ => Seen { record, since: now },
        });
    }

    /// What to do with what was seen.
    pub(crate) fn step(&self, now: Duration) -> Step {
        let Some(seen) = &self.seen else { return Step::Create };
        let is_mine_or_free = self.holder().is_none_or(|holder| holder == self.me);
        let is_over = now.saturating_sub(seen.since) >= seen.record.duration;
        if is_mine_or_free || is_over { Step::Take } else { Step::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn record(holder: &str, version: u32) -> Option<Record> {
        let (holder, version) = (Some(holder.to_string()), Some(version.to_string()));
        Some(Record { holder, duration: DURATION, version })
    }

    fn election() -> Election {
        Election::new("one".to_string())
    }

    #[test]
    fn what_is_not_there_is_made_and_what_was_given_back_is_taken() {
        let mut election = election();
        assert_eq!(election.step(seconds(0)), Step::Create);
        election.see(record("", 1), seconds(0));
        assert_eq!((election.step(seconds(0)), election.holder()), (Step::Take, None));
    }

    #[test]
    fn what_another_holds_is_taken_once_it_was_unchanged_for_its_duration() {
        let mut election = election();
        election.see(record("two", 1), seconds(0));
        assert_eq!(election.step(seconds(14)), Step::Wait);
        election.see(record("two", 2), seconds(14));
        election.see(record("two", 2), seconds(20));
        assert_eq!((election.step(seconds(28)), election.step(seconds(29))), (Step::Wait, Step::Take));
    }

    #[test]
    fn one_that_was_deleted_and_made_again_is_seen_for_the_first_time() {
        let mut election = election();
        election.see(record("two", 1), seconds(0));
        election.see(None, seconds(10));
        election.see(record("two", 1), seconds(11));
        assert_eq!(election.step(seconds(20)), Step::Wait);
    }

    /// Two agents, one of which loses the API server at any time, whose looks are late by any time: the other one never takes the
    /// Lease while the first one works.
    fn never_two(renewals: u32, first_look: u64, late: Vec<u64>) -> Result<(), TestCaseError> {
        let lost = seconds(2 * u64::from(renewals));
        let ends = lost + TENURE;
        let mut other = Election::new("two".to_string());
        let mut now = seconds(first_look);
        for millis in late {
            now += PAUSE + Duration::from_millis(millis);
            // What the API server has at this time.
            let version = now.as_secs().min(lost.as_secs()) / 2;
            other.see(record("one", u32::try_from(version).unwrap()), now);
            if other.step(now) == Step::Take {
                prop_assert!(now >= ends, "taken at {now:?}, and held until {ends:?}");
                return Ok(());
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_lease_is_taken_while_its_holder_works(
            renewals in 0..50_u32,
            first_look in 0..100_u64,
            late in prop::collection::vec(0..6000_u64, 1..60),
        ) {
            never_two(renewals, first_look, late)?;
        }
    }
}
