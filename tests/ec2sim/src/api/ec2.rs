//! The handle of the API.

use std::sync::Arc;
use std::time::Duration;

use crate::cloud::Cloud;
use crate::error::Error;
use crate::fabric::Fabric;
use crate::facts::{self, EniFacts};
use crate::ids::InstanceId;
use crate::instance::Instance;

use super::action::Action;
use super::calls::Call;
use super::pipeline;
use super::refusal::Refusal;
use super::request::Request;
use super::response::Response;

/// How an answer comes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Whole, after this time.
    After(Duration),
    /// Never: the connection stays open and silent.
    Never,
    /// The connection is closed instead.
    Dropped,
}

/// What a call brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub request_id: String,
    /// What EC2 did, also if the client is never told.
    pub outcome: Result<Response, Refusal>,
    pub delivery: Delivery,
}

/// The EC2 API of a region. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Ec2 {
    pub(crate) cloud: Arc<Cloud>,
}

impl Ec2 {
    /// The API of this fabric.
    #[must_use]
    pub fn of(fabric: &Fabric) -> Self {
        Self { cloud: Arc::clone(&fabric.cloud) }
    }

    /// Calls it as `principal`, which is an access key. What is due is done first; the call takes no time itself.
    pub fn call(&self, principal: &str, request: impl Into<Request>) -> Reply {
        let request = request.into();
        let called = self.cloud.change(|inner| Ok(pipeline::call(inner, principal, &request)));
        called.unwrap_or_else(|error| Reply {
            request_id: String::new(),
            outcome: Err(error.into()),
            delivery: Delivery::Dropped,
        })
    }

    /// Lets everything happen that is due, and says when there is more to come. A server sleeps until then; a test in
    /// virtual time advances its clock.
    pub fn tick(&self) -> Option<Duration> {
        let next = self.cloud.change(|inner| Ok(inner.dues.next()));
        next.ok().flatten()
    }

    /// Lets everything happen when it is due, for good, by the clock of the tokio runtime that it runs on. With
    /// [`Clock::of_tokio`](crate::Clock::of_tokio) and paused time, that is virtual time. A server does this by itself.
    pub async fn keep_time(&self) {
        loop {
            match self.tick() {
                Some(due) => {
                    let wait = due.saturating_sub(self.now());
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.cloud.planned.notified() => {}
                    }
                }
                None => self.cloud.planned.notified().await,
            }
        }
    }

    /// When something is to come, without doing what is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.cloud.lock().dues.next()
    }

    /// The time of the region.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.cloud.lock().clock.now()
    }

    /// All ENIs of the region with all that is known of them, by identifier.
    pub fn enis(&self) -> Result<Vec<EniFacts>, Error> {
        self.cloud.read(|state| state.enis().keys().map(|id| facts::eni(state, id)).collect())
    }

    /// An instance of the region.
    pub fn instance(&self, id: &str) -> Result<Instance, Error> {
        let missing = || Error::NotThere(id.to_owned());
        let id = InstanceId::new(id).map_err(|_| missing())?;
        self.cloud.read(|state| state.instance(&id).map(drop))?;
        Ok(Instance { cloud: Arc::clone(&self.cloud), id })
    }

    /// Every call so far, in the order they came.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.cloud.lock().api.calls.clone()
    }

    /// The calls of this action.
    #[must_use]
    pub fn calls_of(&self, action: Action) -> Vec<Call> {
        let inner = self.cloud.lock();
        inner.api.calls.iter().filter(|call| call.action == action).cloned().collect()
    }

    /// Forgets the calls so far, and gives them.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.cloud.lock().api.calls)
    }
}
