//! The agent's metrics. A label's value is a static text, a configured name, or an id of a configured subnet: no error's
//! text can become one, so the number of series has a bound that the configuration sets.

mod families;
mod ledger;
#[cfg(test)]
mod tests;

use super::process::Process;
use crate::view::Status;
use families::{Families, Subnets};
use ledger::Ledger;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the text that [`Metrics::text`] gives is (Prometheus, "Exposition formats": the one that every reader has).
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics of one agent. A clone counts into the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    families: Families,
    subnets: Subnets,
    ledger: Ledger,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// How something that was tried ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// With the class of the error, which is one of a few.
    Failed(&'static str),
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Failed(class) => class,
        }
    }
}

impl Metrics {
    /// Metrics of an agent of this version, with a series at zero for each of these classes of errors, so that the first
    /// error of a class is an increase that an alert can see.
    pub(crate) fn new(version: &'static str, error_classes: &[&'static str]) -> Self {
        Self::with(version, error_classes, |_| {})
    }

    /// The same beside others of one kind of agent.
    pub(crate) fn with(
        version: &'static str,
        error_classes: &[&'static str],
        register: impl FnOnce(&mut Registry),
    ) -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        for &class in error_classes {
            drop(families.attachment_errors.get_or_create(&families::ErrorType { error_type: class }));
        }
        let info = Family::<families::Version, Gauge>::default();
        info.get_or_create(&families::Version { version }).set(1);
        registry.register("multi_eni_info", "The agent's version", info);
        register(&mut registry);
        let ledger = Ledger::default();
        registry.register_collector(Box::new(ledger.clone()));
        registry.register_collector(Box::new(Process::started_now()));
        Self { inner: Arc::new(Inner { registry, families, subnets: Subnets::default(), ledger }) }
    }

    /// All of it in the format of [`CONTENT_TYPE`].
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string never fails.
        let _infallible = prometheus_text::encode(&mut text, &self.inner.registry);
        text
    }

    /// The gauges of pools and slots become those of this status; pools that it has no more are gone.
    pub(crate) fn show(&self, status: &Status) {
        self.inner.ledger.set(status);
    }

    /// An ENI was created in this subnet, or could not be: the agent's whole way from the wish to EC2's answer.
    pub(crate) fn created(&self, subnet: &str, outcome: Outcome, took: Duration) {
        let labels = self.inner.subnets.labels(subnet, outcome.label());
        self.inner.families.creation.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// An ENI could not be attached.
    pub(crate) fn attachment_failed(&self, class: &'static str) {
        self.inner.families.attachment_errors.get_or_create(&families::ErrorType { error_type: class }).inc();
    }

    /// EC2 was called, once.
    pub(crate) fn ec2_called(&self, action: &'static str, outcome: Outcome, took: Duration) {
        let labels = families::ActionResult { action, result: outcome.label() };
        self.inner.families.ec2_calls.get_or_create(&labels).inc();
        self.inner.families.ec2_seconds.get_or_create(&families::Action { action }).observe(took.as_secs_f64());
    }

    /// A call had to wait for its turn, by our own bucket or after EC2's word.
    pub(crate) fn ec2_throttled(&self, action: &'static str, waited: Duration) {
        let labels = families::Action { action };
        self.inner.families.throttled.get_or_create(&labels).inc();
        self.inner.families.throttle_seconds.get_or_create(&labels).inc_by(waited.as_secs_f64());
    }

    /// The API server of Kubernetes answered, or did not.
    pub(crate) fn kubernetes_called(&self, outcome: Outcome) {
        let labels = families::Result { result: outcome.label() };
        self.inner.families.kubernetes_requests.get_or_create(&labels).inc();
    }

    /// A plan was made.
    pub(crate) fn planned(&self, took: Duration) {
        self.inner.families.plans.inc();
        self.inner.families.plan_seconds.observe(took.as_secs_f64());
    }

    /// An action of a plan ended.
    pub(crate) fn acted(&self, action: &'static str, outcome: Outcome) {
        let labels = families::ActionResult { action, result: outcome.label() };
        self.inner.families.actions.get_or_create(&labels).inc();
    }

    /// Something was not as declared and is again.
    pub(crate) fn drift_repaired(&self, kind: &'static str) {
        self.inner.families.drift.get_or_create(&families::Kind { kind }).inc();
    }

    /// An attachment whose pod is gone was released, or could not be.
    pub(crate) fn released(&self, outcome: Outcome) {
        self.inner.families.releases.get_or_create(&families::Result { result: outcome.label() }).inc();
    }

    /// A lock was waited for, whether it came or not.
    pub(crate) fn lock_waited(&self, lock: &'static str, waited: Duration) {
        self.inner.families.lock_seconds.get_or_create(&families::Lock { lock }).observe(waited.as_secs_f64());
    }

    /// A plugin's request for an ENI was answered.
    pub(crate) fn acquired(&self, outcome: Outcome, took: Duration) {
        let labels = families::Result { result: outcome.label() };
        self.inner.families.acquire_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A new ENI is in the inventory, this long after the kernel showed its link.
    pub(crate) fn link_ready(&self, took: Duration) {
        self.inner.families.link_ready_seconds.observe(took.as_secs_f64());
    }

    /// An event was written, folded into an earlier one, or dropped.
    pub(crate) fn event(&self, result: &'static str) {
        self.inner.families.events.get_or_create(&families::Result { result }).inc();
    }

    /// The Kubernetes API answered a request that writes this kind of object.
    pub(crate) fn api_written(&self, object: &'static str, result: &'static str) {
        self.inner.families.api_writes.get_or_create(&families::ObjectResult { object, result }).inc();
    }

    /// So many unreadable files were set aside so far.
    pub(crate) fn files_set_aside(&self, count: u64) {
        let counter = &self.inner.families.quarantined;
        counter.inc_by(count.saturating_sub(counter.get()));
    }
}
