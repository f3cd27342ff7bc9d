//! Faults to order: what the service does wrong, where, and how often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tokio::sync::watch;

use super::Snapshot;

/// Something that a test lets happen, instead of a time that passes. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Trigger(Arc<watch::Sender<bool>>);

impl Trigger {
    /// One that has not fired.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets go of everything that waits for it, now and later.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn fired(&self) {
        if self.0.subscribe().wait_for(|fired| *fired).await.is_err() {
            log::error!("a trigger has ended before its fault");
        }
    }
}

impl Default for Trigger {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Status(StatusCode),
    Empty,
    Stale(Box<Snapshot>),
    Hold,
    HoldUntil(Trigger),
    HoldFor(usize),
}

#[derive(Debug)]
struct Order {
    prefix: String,
    left: Option<u32>,
    kind: Kind,
}

#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Order>>);

impl Faults {
    /// The fault for a request to this path; it counts as used.
    pub(super) fn take(&self, path: &str) -> Option<Kind> {
        let mut orders = self.lock();
        let order = orders.iter_mut().find(|order| order.left != Some(0) && path.starts_with(&order.prefix))?;
        order.left = order.left.map(|left| left - 1);
        Some(order.kind.clone())
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault to be ordered, for every request unless [`FaultBuilder::times`] says how many.
#[derive(Debug)]
#[must_use = "nothing is ordered before the fault is named"]
pub struct FaultBuilder {
    faults: Arc<Faults>,
    prefix: String,
    times: Option<u32>,
}

impl FaultBuilder {
    pub(super) fn new(faults: Arc<Faults>, prefix: &str) -> Self {
        Self { faults, prefix: prefix.to_owned(), times: None }
    }

    /// Only for the next so many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Not there, 404.
    pub fn is_missing(self) {
        self.order(Kind::Status(StatusCode::NOT_FOUND));
    }

    /// Broken, 500.
    pub fn is_broken(self) {
        self.order(Kind::Status(StatusCode::INTERNAL_SERVER_ERROR));
    }

    /// Refuses, 401, whatever the token.
    pub fn refuses(self) {
        self.order(Kind::Status(StatusCode::UNAUTHORIZED));
    }

    /// 200 with nothing in it.
    pub fn is_empty(self) {
        self.order(Kind::Empty);
    }

    /// Answers as it would have when the snapshot was taken.
    pub fn is_stale(self, since: &Snapshot) {
        self.order(Kind::Stale(Box::new(since.clone())));
    }

    /// Holds the connection and never answers.
    pub fn hangs(self) {
        self.order(Kind::Hold);
    }

    /// Answers, with what is so then, when the trigger has fired.
    pub fn waits_for(self, trigger: &Trigger) {
        self.order(Kind::HoldUntil(trigger.clone()));
    }

    /// Answers, with what is so then, after so many more requests to any path.
    pub fn waits_for_requests(self, requests: usize) {
        self.order(Kind::HoldFor(requests));
    }

    fn order(self, kind: Kind) {
        self.faults.lock().push(Order { prefix: self.prefix, left: self.times, kind });
    }
}
