//! Every call of EC2, for metrics and health.

use std::time::Duration;

use ec2::{Action, Class, Observer};

use crate::apply::report::failed_with;
use crate::seen::health::{Answer, Checks};
use crate::seen::metrics::{Metrics, Outcome};

/// Who watches.
#[derive(Debug)]
pub(crate) struct Watch<H> {
    pub(crate) metrics: Metrics,
    pub(crate) health: H,
}

impl<H: Checks> Observer for Watch<H> {
    fn called(&self, action: Action, outcome: Result<(), Class>, took: Duration) {
        let seen = outcome.map_or_else(failed_with, |()| Outcome::Done);
        self.metrics.ec2_called(action.as_str(), seen, took);
        self.health.ec2(action.as_str(), answer(outcome));
    }

    fn throttled(&self, action: Action, waited: Duration) {
        self.metrics.ec2_throttled(action.as_str(), waited);
    }
}

/// A refusal of a request is an answer of a service that serves.
fn answer(outcome: Result<(), Class>) -> Answer {
    match outcome {
        Err(Class::Denied) => {
            Answer::Refused("the credentials are missing, have ended, or do not allow it".to_string())
        }
        Err(Class::Transient) => Answer::Silent("no answer".to_string()),
        Ok(())
        | Err(
            Class::Throttled
            | Class::NotFound
            | Class::InUse
            | Class::Capacity
            | Class::Limit
            | Class::Misconfigured
            | Class::Unknown,
        ) => Answer::Served,
    }
}
