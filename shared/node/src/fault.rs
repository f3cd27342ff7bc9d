//! Death at a chosen place, for the tests of what a process leaves that dies. Without the feature `fault-injection`, which no
//! shipped binary has, a point is nothing.

/// Counts one point, from 1. Kills the process with SIGKILL if it is the one that `MULTI_ENI_KILL_AT` numbers, and panics
/// if it is the one of `MULTI_ENI_PANIC_AT`.
#[cfg(any(test, feature = "fault-injection"))]
pub fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    let chosen = |name| std::env::var(name).ok().and_then(|number| number.parse().ok()) == Some(passed);
    #[expect(clippy::panic, reason = "what it is for")]
    if chosen("MULTI_ENI_PANIC_AT") {
        panic!("at point {passed}, {name}");
    }
    if chosen("MULTI_ENI_KILL_AT") {
        log::warn!("killed at point {passed}, {name}");
        let _ignored_since_it_kills_this_process = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Nothing.
#[cfg(not(any(test, feature = "fault-injection")))]
pub fn point(_name: &str) {}
