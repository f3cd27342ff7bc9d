//! Which ENIs nobody looks after any more, and which of them may go. Pure; EC2 is asked in [`super::apply`].
//!
//! An ENI is an orphan if it bears this cluster's tag, or that of one that the administrator says is gone, is attached to nothing, and
//! its instance is gone: neither the API server has a Node of it, nor has EC2 it other than terminated. It goes when it was seen as one
//! twice, a grace period apart. Who comes to hold the Lease begins his own two sightings: a restart costs a grace period, and no record
//! of another's can be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ec2::{InstanceId, InstanceState, NetworkInterface, NetworkInterfaceId, Status};
use node::settings::ClusterId;

use super::world::World;
use crate::tags;

/// What is swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) cluster: ClusterId,
    pub(crate) gone_clusters: BTreeSet<ClusterId>,
    /// Between the two sightings.
    pub(crate) grace: Duration,
}

/// What EC2 said in one look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    /// ENIs that are attached to nothing.
    pub(crate) unattached: Vec<NetworkInterface>,
    /// Of their instances those that EC2 knows.
    pub(crate) instances: BTreeMap<InstanceId, InstanceState>,
}

/// The orphans of the last look, each with the time when it was first seen as one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sightings(BTreeMap<NetworkInterfaceId, Duration>);

impl Sightings {
    /// Takes a look in, and says what of it may go.
    pub(crate) fn see(
        &mut self,
        survey: &Survey,
        world: &World,
        rules: &Rules,
        now: Duration,
    ) -> Vec<NetworkInterfaceId> {
        let living: BTreeSet<InstanceId> = world.instances().collect();
        let orphans = survey.unattached.iter().filter(|eni| is_orphan(eni, survey, &living, world, rules));
        let first = |id: &NetworkInterfaceId| self.0.get(id).copied().unwrap_or(now);
        self.0 = orphans.map(|eni| (eni.id.clone(), first(&eni.id))).collect();
        let is_over = |first: &Duration| now.saturating_sub(*first) >= rules.grace;
        self.0.iter().filter(|(_, first)| is_over(first)).map(|(id, _)| id.clone()).collect()
    }

    /// When the first of them has been seen for the grace period and may be deleted; nothing of those that are being deleted.
    pub(crate) fn next(
        &self,
        rules: &Rules,
        may_go: impl Fn(&NetworkInterfaceId) -> Option<Duration>,
    ) -> Option<Duration> {
        self.0.iter().filter_map(|(id, first)| Some((*first + rules.grace).max(may_go(id)?))).min()
    }

    /// Whether it was one of them at the last look.
    pub(crate) fn has(&self, id: &NetworkInterfaceId) -> bool {
        self.0.contains_key(id)
    }

    /// An ENI is no more.
    pub(crate) fn forget(&mut self, id: &NetworkInterfaceId) {
        self.0.remove(id);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn is_orphan(
    eni: &NetworkInterface,
    survey: &Survey,
    living: &BTreeSet<InstanceId>,
    world: &World,
    rules: &Rules,
) -> bool {
    let is_attached = eni.status != Status::Available || eni.attachment.is_some();
    let Some(instance) = instance_of(eni) else { return false };
    let is_alive = living.contains(&instance) || survey.instances.get(&instance).is_some_and(|state| !state.is_over());
    !is_attached && !is_alive && is_swept(eni, world, rules)
}

/// Whether nobody wants it to be there after its instance: a NodeENI of this cluster may, for as long as it is there itself.
fn is_swept(eni: &NetworkInterface, world: &World, rules: &Rules) -> bool {
    let Some(cluster) = eni.tags.get(tags::CLUSTER) else { return false };
    if cluster == rules.cluster.as_str() {
        let pool = eni.tags.get(tags::POOL).and_then(|pool| world.node_enis.get(pool));
        return !pool.is_some_and(|pool| pool.keeps_its_enis && !pool.is_deleted);
    }
    rules.gone_clusters.iter().any(|gone| gone.as_str() == cluster)
}

/// The instance that it was made for; nothing if that cannot be told, and then it is nobody's to take away.
pub(crate) fn instance_of(eni: &NetworkInterface) -> Option<InstanceId> {
    eni.tags.get(tags::INSTANCE)?.parse().ok()
}
