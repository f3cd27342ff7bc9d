//! How patient, how fast and how forgetful.

use crate::action::Kind;
use std::time::Duration;

/// What [`Limited`](crate::Limited) keeps to.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Requests that look.
    pub reads: Rate,
    /// Requests that change.
    pub writes: Rate,
    /// How long one request that looks may take, from its turn to its answer.
    pub read_attempt: Duration,
    /// How long one request that changes something may take.
    pub write_attempt: Duration,
    /// How long an errand that looks may take in all: turns, pages and repetitions.
    pub read_total: Duration,
    /// How long an errand that changes something may take in all.
    pub write_total: Duration,
    /// How often a request is sent at most.
    pub attempts: u32,
    /// What EC2 said of subnets and security groups.
    pub facts: Memory,
    /// What EC2 said of types of instances, which does not change.
    pub types: Memory,
}

/// A token bucket: EC2 has such for each account and region, and all agents share it
/// (EC2, "Request throttling for the Amazon EC2 API").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens that come each second.
    pub per_second: f64,
    /// Tokens that it holds, at least 1.
    pub burst: f64,
}

/// How long and how much of answers is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// How long something that is there is believed.
    pub found: Duration,
    /// How long it is believed that something is not there.
    pub missing: Duration,
    /// The most entries.
    pub entries: usize,
}

impl Limits {
    pub(super) fn attempt(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Read => self.read_attempt,
            Kind::Write => self.write_attempt,
        }
    }

    pub(super) fn total(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Read => self.read_total,
            Kind::Write => self.write_total,
        }
    }
}

impl Default for Limits {
    /// For one agent of many: EC2 gives an account 20 reads and 5 to 10 writes in a second.
    fn default() -> Self {
        Self {
            reads: Rate { per_second: 2.0, burst: 10.0 },
            writes: Rate { per_second: 2.0, burst: 10.0 },
            read_attempt: Duration::from_secs(5),
            write_attempt: Duration::from_secs(15),
            read_total: Duration::from_secs(20),
            write_total: Duration::from_secs(40),
            attempts: 4,
            facts: Memory { found: Duration::from_secs(300), missing: Duration::from_secs(30), entries: 256 },
            types: Memory { found: Duration::from_secs(86_400), missing: Duration::from_secs(300), entries: 16 },
        }
    }
}
