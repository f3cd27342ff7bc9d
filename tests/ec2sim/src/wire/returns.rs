//! The record of links that died with a namespace and were made anew.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::ids::EniId;

/// The name under which a link came back, or why it could not.
type Return = Result<String, String>;

#[derive(Debug, Default)]
pub(crate) struct Returns {
    of: Mutex<HashMap<EniId, Vec<Return>>>,
    changed: Condvar,
}

impl Returns {
    pub(super) fn record(&self, eni: &EniId, outcome: Return) {
        self.lock().entry(eni.clone()).or_default().push(outcome);
        self.changed.notify_all();
    }

    pub(crate) fn names(&self, eni: &EniId) -> Vec<String> {
        self.lock().get(eni).into_iter().flatten().filter_map(|outcome| outcome.clone().ok()).collect()
    }

    /// Waits until the link has come back for the `nth` time (the first is 1) and gives its name then.
    pub(crate) fn wait(&self, eni: &EniId, nth: usize, limit: Duration) -> Result<String, Error> {
        let missing = |all: &mut HashMap<EniId, Vec<Return>>| all.get(eni).is_none_or(|of| of.len() < nth);
        let waited = self.changed.wait_timeout_while(self.lock(), limit, missing);
        let (all, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let outcome = all.get(eni).and_then(|of| of.get(nth.saturating_sub(1))).cloned();
        let outcome = outcome.unwrap_or_else(|| Err(format!("nothing happened within {limit:?}")));
        outcome.map_err(|reason| Error::NotBack { eni: eni.clone(), reason })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EniId, Vec<Return>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
