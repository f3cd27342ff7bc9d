//! What a test sets: how the region is, what goes wrong, who may do what.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Error;
use crate::hardware::{Board, Hardware};
use crate::ids::InstanceId;
use crate::policy::Policy;
use crate::rng::Rng;
use crate::timing::Timing;

use super::Limits;
use super::action::Action;
use super::ec2::Ec2;
use super::fault::{ApiFaultBuilder, Outage};
use super::throttle::{Buckets, Throttle};
use super::types::InstanceType;

impl Ec2 {
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
        self.cloud.outages.send_replace(outage);
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
}
