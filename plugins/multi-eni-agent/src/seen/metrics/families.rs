//! The metrics' names, labels and buckets.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Version {
    pub(super) version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ErrorType {
    pub(super) error_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Action {
    pub(super) action: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ActionResult {
    pub(super) action: &'static str,
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Result {
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    pub(super) kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Lock {
    pub(super) lock: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ObjectResult {
    pub(super) object: &'static str,
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SubnetResult {
    subnet: String,
    result: &'static str,
}

/// The subnets that have had a label. A NodeENI that is changed every hour must not make series without end.
#[derive(Debug, Default)]
pub(super) struct Subnets(Mutex<BTreeSet<String>>);

impl Subnets {
    const MOST: usize = 32;
    const OTHER: &str = "other";

    pub(super) fn labels(&self, subnet: &str, result: &'static str) -> SubnetResult {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(subnet) && known.len() < Self::MOST {
            known.insert(subnet.to_string());
        }
        let subnet = if known.contains(subnet) { subnet } else { Self::OTHER };
        SubnetResult { subnet: subnet.to_string(), result }
    }
}

type HistogramFamily<L> = Family<L, Histogram, fn() -> Histogram>;

/// EC2 answers within a second as a rule, and within a minute if at all.
const CLOUD_SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// What this machine does alone takes microseconds to a second.
const LOCAL_SECONDS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 5.0];
/// From an ENI that waits on the node to one that EC2 has to make.
const ACQUIRE_SECONDS: [f64; 10] = [0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

fn cloud() -> Histogram {
    Histogram::new(CLOUD_SECONDS)
}

fn local() -> Histogram {
    Histogram::new(LOCAL_SECONDS)
}

fn acquire() -> Histogram {
    Histogram::new(ACQUIRE_SECONDS)
}

pub(super) struct Families {
    pub(super) creation: HistogramFamily<SubnetResult>,
    pub(super) attachment_errors: Family<ErrorType, Counter>,
    pub(super) ec2_calls: Family<ActionResult, Counter>,
    pub(super) ec2_seconds: HistogramFamily<Action>,
    pub(super) throttled: Family<Action, Counter>,
    pub(super) throttle_seconds: Family<Action, Counter<f64, AtomicU64>>,
    pub(super) kubernetes_requests: Family<Result, Counter>,
    pub(super) plan_seconds: Histogram,
    pub(super) plans: Counter,
    pub(super) actions: Family<ActionResult, Counter>,
    pub(super) drift: Family<Kind, Counter>,
    pub(super) releases: Family<Result, Counter>,
    pub(super) lock_seconds: HistogramFamily<Lock>,
    pub(super) acquire_seconds: HistogramFamily<Result>,
    pub(super) link_ready_seconds: Histogram,
    pub(super) quarantined: Counter,
    pub(super) events: Family<Result, Counter>,
    pub(super) api_writes: Family<ObjectResult, Counter>,
}

impl Families {
    /// Makes them and registers them. A counter is registered without `_total`, which the encoder adds.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self {
            creation: Family::new_with_constructor(cloud),
            attachment_errors: Family::default(),
            ec2_calls: Family::default(),
            ec2_seconds: Family::new_with_constructor(cloud),
            throttled: Family::default(),
            throttle_seconds: Family::default(),
            kubernetes_requests: Family::default(),
            plan_seconds: local(),
            plans: Counter::default(),
            actions: Family::default(),
            drift: Family::default(),
            releases: Family::default(),
            lock_seconds: Family::new_with_constructor(local),
            acquire_seconds: Family::new_with_constructor(acquire),
            link_ready_seconds: local(),
            quarantined: Counter::default(),
            events: Family::default(),
            api_writes: Family::default(),
        };
        all.register_cloud(registry);
        all.register_kubernetes(registry);
        all.register_local(registry);
        all
    }

    fn register_cloud(&self, registry: &mut Registry) {
        let creation = "From the wish for an ENI to EC2's answer";
        registry.register("eni_creation_duration_seconds", creation, self.creation.clone());
        let errors = "Attachments of ENIs to the instance that failed, by class of error";
        registry.register("eni_attachment_errors", errors, self.attachment_errors.clone());
        registry.register("multi_eni_ec2_calls", "Calls of EC2, each attempt counted", self.ec2_calls.clone());
        registry.register("multi_eni_ec2_call_duration_seconds", "Time of a call of EC2", self.ec2_seconds.clone());
        let throttled = "Calls of EC2 that had to wait for their turn";
        registry.register("multi_eni_ec2_throttled", throttled, self.throttled.clone());
        let requests = "Requests to the API server of Kubernetes";
        registry.register("multi_eni_kubernetes_requests", requests, self.kubernetes_requests.clone());
        let waited = "Time that calls of EC2 waited for their turn";
        registry.register("multi_eni_ec2_throttle_wait_seconds", waited, self.throttle_seconds.clone());
    }

    fn register_kubernetes(&self, registry: &mut Registry) {
        let events = "Events for Kubernetes, by what became of them";
        registry.register("multi_eni_events", events, self.events.clone());
        let writes = "Requests to the Kubernetes API that write, by their answers";
        registry.register("multi_eni_kubernetes_writes", writes, self.api_writes.clone());
    }

    fn register_local(&self, registry: &mut Registry) {
        registry.register("multi_eni_plan_duration_seconds", "Time to make a plan", self.plan_seconds.clone());
        registry.register("multi_eni_plans", "Plans made", self.plans.clone());
        registry.register("multi_eni_actions", "Actions of plans that ended", self.actions.clone());
        let drift = "What was found not as declared and put right";
        registry.register("multi_eni_drift_repaired", drift, self.drift.clone());
        let releases = "Attachments of pods that are gone, given back by the agent";
        registry.register("multi_eni_releases", releases, self.releases.clone());
        registry.register("multi_eni_lock_wait_seconds", "Time that a lock was waited for", self.lock_seconds.clone());
        let acquire = "From a plugin's request for an ENI to its answer";
        registry.register("multi_eni_acquire_duration_seconds", acquire, self.acquire_seconds.clone());
        let ready = "From the kernel's showing an ENI's link to its being in the inventory";
        registry.register("multi_eni_link_ready_duration_seconds", ready, self.link_ready_seconds.clone());
        let quarantined = "Unreadable files of the records that were set aside";
        registry.register("multi_eni_quarantined_files", quarantined, self.quarantined.clone());
    }
}
