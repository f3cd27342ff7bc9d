//! What an error holds back, for how long, and what those who wait are told: one table.

use std::error::Error;

use ec2::Class;

use crate::text::short;

/// CNI's code for I/O (SPEC, "Error").
pub(crate) const IO: u32 = 5;
/// CNI's code for a configuration that cannot work.
pub(crate) const CONFIG: u32 = 7;
/// CNI's code for "try again later".
pub(crate) const TRY_AGAIN: u32 = 11;
/// Ours: EC2 denies it.
pub(crate) const DENIED: u32 = 100;
/// Ours: the subnet has no address left.
pub(crate) const SUBNET_FULL: u32 = 101;
/// Ours: a limit on ENIs.
pub(crate) const ENI_LIMIT: u32 = 102;

/// How long is waited after an error, and the CNI error code of those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Seconds after the first.
    pub(crate) first: u64,
    /// Seconds at most; each further one in a row doubles the time.
    pub(crate) most: u64,
    pub(crate) code: u32,
}

impl Policy {
    const fn new(first: u64, most: u64, code: u32) -> Self {
        Self { first, most, code }
    }

    /// That of a class of EC2's errors.
    pub(crate) fn of(class: Class) -> Self {
        match class {
            Class::Throttled => Self::new(5, 300, TRY_AGAIN),
            Class::Transient | Class::Unknown => Self::new(2, 120, TRY_AGAIN),
            // Eventual consistency, or a state on its way to another.
            Class::NotFound | Class::InUse => Self::new(2, 120, TRY_AGAIN),
            Class::Capacity => Self::new(120, 600, SUBNET_FULL),
            Class::Limit => Self::new(300, 900, ENI_LIMIT),
            Class::Denied => Self::new(600, 3600, DENIED),
            Class::Misconfigured => Self::new(600, 3600, CONFIG),
        }
    }

    /// That of this machine's own errors: its files, locks and links.
    pub(crate) const fn of_machine() -> Self {
        Self::new(2, 120, IO)
    }

    /// That of the instance metadata service.
    pub(crate) const fn of_metadata() -> Self {
        Self::new(2, 60, TRY_AGAIN)
    }

    /// The longest wait after so many errors in a row, in seconds. The wait itself is a random part of it, so that nodes that
    /// failed together do not come back together.
    pub(crate) fn ceiling(self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(32);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }
}

/// What EC2 puts at the end of a denial: another text each time, for `sts decode-authorization-message`, and longer than all else.
const ENCODED: &str = "Encoded authorization failure message";

/// An error in one line, with what lies below it. The same error is the same line: what is said of it and since when goes by that.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    const MOST: usize = 400;
    let mut parts = vec![error.to_string()];
    let mut below = error.source();
    while let Some(error) = below {
        let text = error.to_string();
        parts.push(text.split(ENCODED).next().unwrap_or_default().trim_end().to_string());
        below = error.source();
    }
    parts.dedup();
    short(&parts.join(": "), MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_cap() {
        let policy = Policy::of(Class::Throttled);
        assert_eq!([1, 2, 3, 6, 7, 1000].map(|failures| policy.ceiling(failures)), [5, 10, 20, 160, 300, 300]);
    }

    #[test]
    fn a_denial_is_the_same_line_each_time() {
        let denied = |encoded: &str| {
            let message = format!("You are not authorized. {ENCODED}: {encoded}");
            reason(&ec2::Error::new(ec2::Action::CreateTags, ec2::Code::UnauthorizedOperation).because(message))
        };
        assert_eq!(denied("4kzmVt"), denied("x9Kp2a"));
        assert!(denied("4kzmVt").ends_with(": You are not authorized."), "{}", denied("4kzmVt"));
    }

    #[test]
    fn every_class_has_a_policy_and_a_code_of_cni() {
        for class in Class::ALL {
            let policy = Policy::of(class);
            assert!(policy.first > 0 && policy.first <= policy.most, "{class}");
            assert!([TRY_AGAIN, CONFIG, DENIED, SUBNET_FULL, ENI_LIMIT].contains(&policy.code), "{class}");
        }
    }
}
