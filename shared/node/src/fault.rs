//! Death at a chosen place, for the tests of what a killed process leaves. Without the feature `fault-injection`, which no
//! shipped binary has, a point is nothing.

/// Counts one point; kills the process with SIGKILL if it is the one that `MULTI_ENI_KILL_AT` numbers, from 1.
#[cfg(feature = "fault-injection")]
pub fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    let chosen = std::env::var("MULTI_ENI_KILL_AT").ok().and_then(|number| number.parse().ok());
    if chosen == Some(passed) {
        log::warn!("killed at point {passed}, {name}");
        let _ignored_since_it_kills_this_process = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Nothing.
#[cfg(not(feature = "fault-injection"))]
pub fn point(_name: &str) {}
