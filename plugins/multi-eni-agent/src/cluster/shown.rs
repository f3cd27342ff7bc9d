//! Where the cluster agent's work is shown: its pages and its metrics.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::apply::Outcome;
use super::health::Health;
use crate::agent::VERSION;
use crate::seen::metrics::{Metrics, Outcome as Seen};

/// A clone shows the same.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    leader: Gauge,
    orphans: Gauge,
}

impl Shown {
    pub(crate) fn new(health: Health) -> Self {
        let (leader, orphans) = (Gauge::default(), Gauge::default());
        let register = |registry: &mut Registry| {
            let held = "Whether this process holds the cluster agent's Lease";
            registry.register("multi_eni_cluster_leader", held, leader.clone());
            let seen = "ENIs that are attached to nothing and whose instance is gone, at the last look";
            registry.register("multi_eni_cluster_orphans", seen, orphans.clone());
        };
        let classes: Vec<&'static str> = ec2::Class::ALL.into_iter().map(ec2::Class::as_str).collect();
        let metrics = Metrics::with(VERSION, &classes, register);
        Self { health, metrics, leader, orphans }
    }

    /// This process has come to hold the Lease, or does no more.
    pub(crate) fn holds(&self, leader: Leader) {
        self.leader.set(i64::from(leader == Leader::Here));
        self.orphans.set(0);
        match leader {
            Leader::Here => self.health.passed(),
            Leader::Elsewhere => self.health.rests(),
        }
    }

    /// An action ended.
    pub(crate) fn acted(&self, outcome: &Outcome) {
        let seen = outcome.failed.map_or(Seen::Done, Seen::Failed);
        self.metrics.acted(outcome.action.kind(), seen);
    }

    /// So many orphans were seen.
    pub(crate) fn orphans(&self, number: usize) {
        self.orphans.set(i64::try_from(number).unwrap_or(i64::MAX));
    }
}

/// Who holds the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leader {
    Here,
    Elsewhere,
}
