//! Waiting for what a test needs next.

use std::thread;
use std::time::{Duration, Instant};

use crate::LIMIT;

/// Between two looks. One may cost the agent a pass.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until this holds.
///
/// # Panics
///
/// When it does not come to hold within [`LIMIT`].
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(LIMIT, holds, || what.to_string());
}

/// As [`until`], with another limit, and words that are only looked for when they are needed.
///
/// # Panics
///
/// As [`until`].
#[track_caller]
pub(crate) fn until_within(limit: Duration, mut holds: impl FnMut() -> bool, what: impl FnOnce() -> String) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < limit, "not within {limit:?}: {}", what());
        thread::sleep(PAUSE);
    }
}
