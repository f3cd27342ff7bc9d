//! Errands made of requests: turns, deadlines, repetitions, pages and caches, in this one layer.
//!
//! It is the same code over the real EC2, over a simulated one and over thousands in virtual time, since it sleeps and
//! measures with tokio's clock and asks an [`Endpoint`] for one request at a time.

mod bucket;
mod cache;
mod errand;
mod known;
mod lifecycle;
mod limits;
mod lookup;
mod query;
mod sweep;

pub use bucket::{Bucket, Late};
pub use cache::Cache;
pub use limits::{Limits, Memory, Rate};

use crate::action::Kind;
use crate::cloud::{Metadata, Observer};
use crate::endpoint::Endpoint;
use crate::metadata::{Instance, MetadataError, MetadataInterface};
use crate::network::{InstanceTypeLimits, SecurityGroup, Subnet};
use known::Known;
use lookup::Key;
use std::fmt;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

/// EC2 with patience: all errands of [`Lifecycle`](crate::Lifecycle), [`Query`](crate::Query), [`Sweep`](crate::Sweep) and
/// [`Network`](crate::Network) over an [`Endpoint`], and its [`Metadata`] if it has such.
///
/// - A request waits for its turn in the bucket of its kind, and gets its own deadline; the errand has one over all.
/// - What EC2 throttled was not done and is sent again, after the pause that the bucket then makes. What failed on the
///   way is sent again after a random pause if doing it twice is doing it once.
/// - What is known of subnets, security groups and types of instances is believed for a while, also that there is none.
pub struct Limited<E> {
    endpoint: E,
    limits: Limits,
    reads: Bucket,
    writes: Bucket,
    observer: Arc<dyn Observer>,
    random: Mutex<fastrand::Rng>,
    subnets: Known<Key, Subnet>,
    security_groups: Known<Key, SecurityGroup>,
    types: Known<String, InstanceTypeLimits>,
}

impl<E: Endpoint> Limited<E> {
    /// Over this endpoint. The seed decides all random pauses: a real process takes a random one, or all nodes that
    /// start together would pause together.
    pub fn new(endpoint: E, limits: Limits, observer: Arc<dyn Observer>, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            endpoint,
            reads: Bucket::new(limits.reads, random.u64(..)),
            writes: Bucket::new(limits.writes, random.u64(..)),
            observer,
            random: Mutex::new(random),
            subnets: Known::new(limits.facts),
            security_groups: Known::new(limits.facts),
            types: Known::new(limits.types),
            limits,
        }
    }

    /// What it asks.
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }

    fn bucket(&self, kind: Kind) -> &Bucket {
        match kind {
            Kind::Read => &self.reads,
            Kind::Write => &self.writes,
        }
    }

    /// From 0 to 1.
    fn random_part(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

impl<E: fmt::Debug> fmt::Debug for Limited<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("endpoint", &self.endpoint)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<E: Endpoint + Metadata> Metadata for Limited<E> {
    async fn instance(&self) -> Result<Instance, MetadataError> {
        self.endpoint.instance().await
    }

    async fn interfaces(&self) -> Result<Vec<MetadataInterface>, MetadataError> {
        self.endpoint.interfaces().await
    }

    async fn leaving(&self) -> Result<bool, MetadataError> {
        self.endpoint.leaving().await
    }
}
