//! When the API server is written to again.

use std::time::Duration;

use tokio::time::Instant;

/// Between two writes that went well.
const BETWEEN: Duration = Duration::from_secs(1);
/// After the first failure; each further one in a row doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest that is waited without the server's wish. All nodes of a cluster see it come back, and come back within this time.
const LONGEST: Duration = Duration::from_secs(60);

/// How it went so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    failures: u32,
    not_before: Instant,
}

impl Pace {
    /// Nothing was written yet.
    pub(crate) fn new() -> Self {
        Self { failures: 0, not_before: Instant::now() }
    }

    /// When it may be written.
    pub(crate) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// Nothing is left to write.
    pub(crate) fn well(&mut self) {
        self.failures = 0;
    }

    /// A write went well.
    pub(crate) fn done(&mut self) {
        (self.failures, self.not_before) = (0, Instant::now() + BETWEEN);
    }

    /// A write did not; the server may have said for how long it wants peace.
    pub(crate) fn failed(&mut self, wish: Option<Duration>) {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let spread = ceiling.mul_f64(fastrand::f64() / 2.0);
        // What the server wishes is the least, and it told the same to all who asked.
        let wait = wish.map_or(ceiling / 2, |wish| wish.max(ceiling / 2)) + spread;
        self.not_before = Instant::now() + wait;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_wait_ever_longer_up_to_a_bound_and_a_success_ends_that() {
        let mut pace = Pace::new();
        assert!(pace.not_before() <= Instant::now(), "the first change goes at once");
        let waits = (0..12).map(|_| {
            pace.failed(None);
            pace.not_before() - Instant::now()
        });
        let waits: Vec<Duration> = waits.collect();
        assert!(
            waits[0] <= FIRST && waits[11] >= LONGEST / 2 && waits.iter().all(|wait| *wait <= LONGEST),
            "{waits:?}"
        );
        pace.done();
        assert_eq!((pace.failures, pace.not_before() - Instant::now()), (0, BETWEEN));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_wishes_is_the_least_that_is_waited() {
        let mut pace = Pace::new();
        pace.failed(Some(Duration::from_secs(90)));
        assert!(pace.not_before() >= Instant::now() + Duration::from_secs(90));
    }
}
