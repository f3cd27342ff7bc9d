//! The handle of the API.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::Error;
use crate::fabric::Fabric;
use crate::facts::{self, EniFacts};
use crate::hardware::{Board, Hardware};
use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::policy::Policy;
use crate::rng::Rng;
use crate::timing::Timing;

use super::action::Action;
use super::calls::Call;
use super::fault::{ApiFaultBuilder, Outage};
use super::refusal::Refusal;
use super::request::Request;
use super::response::Response;
use super::throttle::{Buckets, Throttle};
use super::types::InstanceType;
use super::{Limits, pipeline};

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

    /// From now on this is the time. To be set before anything is to come: what is has then always been so.
    pub fn set_clock(&self, clock: Clock) {
        let mut inner = self.cloud.lock();
        inner.clock = clock;
        inner.rebase();
    }

    /// How long things take from now on; all at once unless said.
    pub fn set_timing(&self, timing: Timing) {
        self.cloud.lock().timing = timing;
    }

    /// What the account may have.
    pub fn set_limits(&self, limits: Limits) {
        self.cloud.lock().api.limits = limits;
    }

    /// What chance is made of. The same seed and the same calls are the same story.
    pub fn set_seed(&self, seed: u64) {
        self.cloud.lock().api.rng = Rng::of_seed(seed);
    }

    /// Who is told of NICs.
    pub fn set_hardware(&self, hardware: Arc<dyn Hardware>) {
        self.cloud.lock().board = Board(Some(hardware));
    }

    /// The buckets that calls are drawn from, full; none unless said.
    pub fn set_throttle(&self, throttle: Throttle) {
        let mut inner = self.cloud.lock();
        inner.api.buckets = Some(Buckets::full(throttle, inner.clock.now()));
    }

    /// What principals without a policy of their own may do. Everything is allowed unless said.
    pub fn set_policy(&self, policy: &Policy) {
        self.cloud.lock().api.policy = Some(Arc::new(policy.clone()));
    }

    /// Everything is allowed again to principals without a policy of their own.
    pub fn clear_policy(&self) {
        self.cloud.lock().api.policy = None;
    }

    /// What this principal may do.
    pub fn set_policy_of(&self, principal: &str, policy: &Policy) {
        self.cloud.lock().api.policies.insert(principal.to_owned(), Arc::new(policy.clone()));
    }

    /// A condition key that the principal brings, as `aws:PrincipalTag/node` or `ec2:SourceInstanceARN`.
    pub fn set_key_of(&self, principal: &str, key: &str, value: &str) {
        let mut inner = self.cloud.lock();
        inner.api.principals.entry(principal.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
    }

    /// The statements that have allowed something so far, by their `Sid`.
    #[must_use]
    pub fn granted(&self) -> Vec<String> {
        self.cloud.lock().api.granted.iter().cloned().collect()
    }

    /// The credentials of this principal have expired (`RequestExpired`).
    pub fn expire(&self, principal: &str) {
        self.cloud.lock().api.expired.insert(principal.to_owned());
    }

    /// They are good again.
    pub fn renew(&self, principal: &str) {
        self.cloud.lock().api.expired.remove(principal);
    }

    /// Orders a fault for an action.
    pub fn at(&self, action: Action) -> ApiFaultBuilder<'_> {
        ApiFaultBuilder::new(&self.cloud, Some(action))
    }

    /// Orders a fault for all actions.
    pub fn at_all(&self) -> ApiFaultBuilder<'_> {
        ApiFaultBuilder::new(&self.cloud, None)
    }

    /// Takes back every fault that was ordered.
    pub fn heal(&self) {
        self.cloud.lock().api.faults.clear();
    }

    /// What the whole API is like from now on.
    pub fn outage(&self, outage: Outage) {
        self.cloud.lock().api.outage = outage;
    }

    /// One more instance type, or other limits of one.
    pub fn define_type(&self, of: InstanceType) {
        self.cloud.lock().api.types.insert(of.name.clone(), of);
    }

    /// EC2 refuses more interfaces than this on the instance, whatever DescribeInstanceTypes says of its type.
    pub fn refuse_beyond(&self, instance: &InstanceId, interfaces: u32) -> Result<(), Error> {
        self.cloud.change(|inner| {
            let record = inner.state.instances.get_mut(instance);
            record.ok_or_else(|| Error::NotThere(instance.to_string()))?.refused_beyond = Some(interfaces);
            Ok(())
        })
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
