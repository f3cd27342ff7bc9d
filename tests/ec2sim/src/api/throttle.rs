//! The token buckets of an account
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>): each request takes a token, reads and
//! writes from buckets of their own, and tokens come back at a steady rate.

use std::time::Duration;

use serde::Deserialize;

use super::action::Kind;
use super::refusal::Refusal;

/// The size of a bucket and how many tokens come back each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    pub capacity: u32,
    pub per_second: u32,
}

/// The buckets of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    pub reads: Bucket,
    pub writes: Bucket,
}

impl Default for Throttle {
    /// The numbers of the page's example for reads, and half of them for writes.
    fn default() -> Self {
        Self { reads: Bucket { capacity: 100, per_second: 20 }, writes: Bucket { capacity: 50, per_second: 10 } }
    }
}

const TOKEN: u64 = 1_000_000_000;

#[derive(Debug)]
struct Level {
    of: Bucket,
    /// In billionths of a token, so that a nanosecond brings `per_second` of them.
    left: u64,
    since: Duration,
}

impl Level {
    fn full(of: Bucket, since: Duration) -> Self {
        Self { of, left: u64::from(of.capacity) * TOKEN, since }
    }

    fn take(&mut self, now: Duration) -> bool {
        let passed = u64::try_from(now.saturating_sub(self.since).as_nanos()).unwrap_or(u64::MAX);
        let most = u64::from(self.of.capacity) * TOKEN;
        self.left = self.left.saturating_add(passed.saturating_mul(u64::from(self.of.per_second))).min(most);
        self.since = now;
        let enough = self.left >= TOKEN;
        self.left -= if enough { TOKEN } else { 0 };
        enough
    }
}

#[derive(Debug)]
pub(crate) struct Buckets {
    reads: Level,
    writes: Level,
}

impl Buckets {
    pub(crate) fn full(of: Throttle, now: Duration) -> Self {
        Self { reads: Level::full(of.reads, now), writes: Level::full(of.writes, now) }
    }

    pub(crate) fn take(&mut self, kind: Kind, now: Duration) -> Result<(), Refusal> {
        let level = match kind {
            Kind::Read => &mut self.reads,
            Kind::Write => &mut self.writes,
        };
        if level.take(now) { Ok(()) } else { Err(Refusal::new("RequestLimitExceeded", "Request limit exceeded.")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_gives_its_capacity_at_once_and_then_its_rate() {
        let mut level = Level::full(Bucket { capacity: 100, per_second: 20 }, Duration::ZERO);
        let burst = (0..150).filter(|_| level.take(Duration::ZERO)).count();
        assert_eq!(burst, 100);
        let second = (1..=1000).filter(|ms| level.take(Duration::from_millis(*ms))).count();
        assert_eq!(second, 20);
        assert_eq!((0..150).filter(|_| level.take(Duration::from_secs(60))).count(), 100);
    }
}
