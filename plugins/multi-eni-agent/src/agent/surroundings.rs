//! What surrounds ENIs, looked up: subnets and security groups as the manifests name them, and what the instance's type takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use ec2::VpcId;

use super::Agent;
use super::clock::Clock;
use super::looks;
use super::memory::Known;
use super::needs::Later;
use super::work::Job;
use crate::declared::Reference;
use crate::kernel::Machine;
use crate::plan::{Action, Need, Plan};

/// Seconds for which an answer is believed though the planner asks again.
const FRESH: u64 = 60;
/// Seconds after which what is known of a subnet is asked again when ENIs are made in it.
const OLD: u64 = 300;

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    pub(super) fn need_surroundings(&mut self, plan: &Plan, now: u64, later: &mut Later) {
        if self.pauses.surroundings.until > now {
            return later.at(self.pauses.surroundings.until);
        }
        if plan.needs.contains(&Need::Limits)
            && !self.work.runs(|job| *job == Job::Limits)
            && let Some(instance) = &self.memory.instance
        {
            let task = looks::limits(Arc::clone(&self.site), instance.instance_type.clone());
            self.work.start(Job::Limits, task);
        }
        let vpc = self.vpc();
        let doubted = self.doubted(plan, now, later);
        let mut subnets = self.wanted_subnets(plan, now);
        subnets.extend(doubted.iter().filter_map(subnet).cloned());
        let groups: BTreeSet<Reference> = plan.needs.iter().filter_map(group).cloned().collect();
        let mut groups =
            stale(groups, |reference| self.memory.security_groups.get(reference).map(|known| known.at), now, FRESH);
        groups.extend(doubted.iter().filter_map(group).cloned());
        if vpc.is_none() && subnets.iter().chain(&groups).any(is_name) {
            // Another VPC may have things of the same names.
            subnets.retain(|reference| !is_name(reference));
            groups.retain(|reference| !is_name(reference));
            self.need_metadata(now, later);
        }
        if !subnets.is_empty() && !self.work.runs(|job| *job == Job::Subnets) {
            self.work.start(Job::Subnets, looks::subnets(Arc::clone(&self.site), subnets, vpc.clone()));
        }
        if !groups.is_empty() && !self.work.runs(|job| *job == Job::SecurityGroups) {
            self.work.start(Job::SecurityGroups, looks::security_groups(Arc::clone(&self.site), groups, vpc));
        }
    }

    /// What was looked up in vain, and is due again.
    fn doubted(&mut self, plan: &Plan, now: u64, later: &mut Later) -> BTreeSet<Need> {
        if self.work.runs(|job| matches!(job, Job::Subnets | Job::SecurityGroups)) {
            return BTreeSet::new();
        }
        let due = self.memory.unclear.due(&plan.doubts, now);
        if let Some(next) = self.memory.unclear.next() {
            later.at(next);
        }
        due
    }

    /// Without knowing them, nobody can say how many ENIs a pool has to have whose manifest does not say it.
    pub(super) fn unknown_subnets(&self) -> impl Iterator<Item = &Reference> {
        let pools = self.manifests.declared.pools.iter().filter(|pool| pool.min.is_none());
        let declared = pools.flat_map(|pool| &pool.subnets);
        declared.filter(|reference| !self.memory.subnets.contains_key(*reference))
    }

    /// Those that the planner asks for, and those in which it makes ENIs and of which the free addresses may be others by now.
    fn wanted_subnets(&self, plan: &Plan, now: u64) -> BTreeSet<Reference> {
        let at = |reference: &Reference| self.memory.subnets.get(reference).map(|known| known.at);
        let needed: BTreeSet<Reference> = plan.needs.iter().filter_map(subnet).cloned().collect();
        let mut wanted = stale(needed, at, now, FRESH);
        wanted.extend(self.unknown_subnets().cloned());
        let growing = plan.actions.iter().filter_map(|action| match action {
            Action::Create(wanted) => Some(&wanted.subnet.id),
            _ => None,
        });
        for id in growing {
            let means = |known: &Known<Vec<ec2::Subnet>>| known.value.iter().any(|subnet| subnet.id == *id);
            let of_id = self.memory.subnets.iter().filter(|(_, known)| means(known));
            wanted.extend(stale(of_id.map(|(reference, _)| reference.clone()).collect(), at, now, OLD));
        }
        wanted
    }

    /// The instance's VPC, in which names are looked up.
    fn vpc(&self) -> Option<VpcId> {
        let (instance, metadata) = (self.memory.instance.as_ref()?, self.memory.metadata.as_ref()?);
        let primary = metadata.value.iter().find(|interface| interface.mac_address == instance.primary_mac);
        primary.map(|interface| interface.vpc.clone())
    }
}

fn is_name(reference: &Reference) -> bool {
    matches!(reference, Reference::Name(_))
}

fn subnet(need: &Need) -> Option<&Reference> {
    match need {
        Need::Subnet(reference) => Some(reference),
        Need::Metadata | Need::Limits | Need::SecurityGroup(_) | Need::Look(_) | Need::GivenOut => None,
    }
}

fn group(need: &Need) -> Option<&Reference> {
    match need {
        Need::SecurityGroup(reference) => Some(reference),
        Need::Metadata | Need::Limits | Need::Subnet(_) | Need::Look(_) | Need::GivenOut => None,
    }
}

/// Those of which nothing newer is known.
fn stale(
    wanted: BTreeSet<Reference>,
    at: impl Fn(&Reference) -> Option<u64>,
    now: u64,
    fresh: u64,
) -> BTreeSet<Reference> {
    wanted.into_iter().filter(|reference| at(reference).is_none_or(|at| at + fresh <= now)).collect()
}
