//! The record of requests, for tests to assert on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::ImdsError;
use super::server::below_latest;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRequest {
    /// `GET`, `PUT`.
    pub method: String,
    /// With its leading slash, `/latest/meta-data/mac`.
    pub path: String,
    /// What was answered; nothing while the connection is held.
    pub status: Option<u16>,
}

impl MetadataRequest {
    pub(super) fn is_to(&self, prefix: &str) -> bool {
        below_latest(&self.path).starts_with(prefix)
    }
}

#[derive(Debug)]
pub(super) struct Journal {
    requests: Mutex<Vec<MetadataRequest>>,
    came: Condvar,
    count: watch::Sender<usize>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { requests: Mutex::default(), came: Condvar::new(), count: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Gives the request's number.
    pub(super) fn begin(&self, method: &str, path: &str) -> usize {
        let mut requests = self.lock();
        requests.push(MetadataRequest { method: method.to_owned(), path: path.to_owned(), status: None });
        self.count.send_replace(requests.len());
        self.came.notify_all();
        requests.len() - 1
    }

    pub(super) fn finish(&self, number: usize, status: u16) {
        if let Some(request) = self.lock().get_mut(number) {
            request.status = Some(status);
        }
    }

    /// Waits until this many more requests have come.
    pub(super) async fn after(&self, requests: usize) {
        let mut count = self.count.subscribe();
        let enough = *count.borrow() + requests;
        if count.wait_for(|count| *count >= enough).await.is_err() {
            log::error!("the journal has ended before its server");
        }
    }

    pub(super) fn all(&self) -> Vec<MetadataRequest> {
        self.lock().clone()
    }

    pub(super) fn wait(&self, path: &str, wanted: usize, limit: Duration) -> Result<Vec<MetadataRequest>, ImdsError> {
        let to =
            |all: &[MetadataRequest]| all.iter().filter(|request| request.is_to(path)).cloned().collect::<Vec<_>>();
        let waited = self.came.wait_timeout_while(self.lock(), limit, |all| to(all).len() < wanted);
        let seen = to(&waited.unwrap_or_else(PoisonError::into_inner).0);
        if seen.len() >= wanted {
            return Ok(seen);
        }
        Err(ImdsError::NotAsked { path: path.to_owned(), wanted, seen: seen.len(), limit })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<MetadataRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
