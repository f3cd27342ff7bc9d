//! What waits after an error, and for how long.

use std::collections::BTreeMap;

use crate::apply::policy::Policy;
use crate::observe::{Held, Hold};

/// Seconds after its end for which a wait is remembered, so that the next failure waits longer.
const REMEMBERED: u64 = 3600;

/// Everything that waits.
#[derive(Debug, Default)]
pub(crate) struct Holds(BTreeMap<Hold, Held>);

impl Holds {
    /// It failed once more.
    pub(crate) fn failed(&mut self, hold: Hold, policy: Policy, reason: String, now: u64) {
        let failures = self.0.get(&hold).map_or(0, |held| held.failures).saturating_add(1);
        let until = now.saturating_add(wait(policy, failures));
        // Some of it may be about two things at once: the longer wait counts.
        let until = self.0.get(&hold).map_or(until, |held| held.until.max(until));
        self.0.insert(hold, Held { until, failures, reason, code: policy.code });
    }

    /// It went well.
    pub(crate) fn clear(&mut self, hold: &Hold) {
        self.0.remove(hold);
    }

    /// Forgets those that are like this.
    pub(crate) fn forget(&mut self, is_meant: impl Fn(&Hold, &Held) -> bool) {
        self.0.retain(|hold, held| !is_meant(hold, held));
    }

    /// Forgets what is long over.
    pub(crate) fn prune(&mut self, now: u64) {
        self.forget(|_, held| held.until.saturating_add(REMEMBERED) < now);
    }

    pub(crate) fn all(&self) -> &BTreeMap<Hold, Held> {
        &self.0
    }
}

/// A random part of the ceiling: at least a second, and a quarter of the first ceiling, since a limit or a right that is missing is not
/// otherwise a second later.
pub(crate) fn wait(policy: Policy, failures: u32) -> u64 {
    let least = (policy.first / 4).max(1);
    fastrand::u64(least..=policy.ceiling(failures).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec2::Class;

    #[test]
    fn what_lasts_is_never_tried_again_at_once() {
        for (class, least) in [
            (Class::Throttled, 1),
            (Class::InUse, 1),
            (Class::Capacity, 30),
            (Class::Limit, 75),
            (Class::Denied, 150),
            (Class::Misconfigured, 150),
        ] {
            let policy = Policy::of(class);
            let waits: Vec<u64> = (0..2000).map(|_| wait(policy, 1)).collect();
            assert!(waits.iter().all(|wait| (least..=policy.ceiling(1)).contains(wait)), "{class}: {waits:?}");
            assert!(waits.iter().any(|&wait| wait < policy.ceiling(1) / 2 + 1), "{class}: nodes come back together");
        }
    }

    #[test]
    fn failures_in_a_row_wait_longer_and_a_success_ends_that() {
        let (mut holds, policy) = (Holds::default(), Policy::of(Class::Throttled));
        let mut now = 0;
        for failures in 1..=10 {
            holds.failed(Hold::Growth, policy, "why".to_string(), now);
            let held = &holds.all()[&Hold::Growth];
            assert_eq!(held.failures, failures);
            assert!(held.until > now && held.until - now <= policy.ceiling(failures));
            now = held.until;
        }
        holds.clear(&Hold::Growth);
        holds.failed(Hold::Growth, policy, "why".to_string(), now);
        assert_eq!(holds.all()[&Hold::Growth].failures, 1);
        holds.prune(now + 5 + REMEMBERED + 1);
        assert!(holds.all().is_empty());
    }
}
