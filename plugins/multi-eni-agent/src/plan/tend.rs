//! What each ENI needs on its way, whatever its pool is short of.

mod link;

use node::inventory::{Entry, State};
use node::names::EniId;

use super::index::{World, is_for_user_space};
use super::shrink::may_take_down;
use super::{Action, Need, Plan};
use crate::declared::{Pool, Reference};
use crate::kernel::HostLink;
use crate::learn;
use crate::observe::{Hold, Subject};

/// Seconds in which the kernel shows what EC2 attaches, as a rule; after them EC2 is asked.
const SHOWN_WITHIN: u64 = 30;
/// Seconds after which an ENI that the kernel should show, and does not, is looked at.
const MISSED_AFTER: u64 = 10;
/// Seconds after which what has not come or gone is looked at no more often than the rest.
const LASTS: u64 = 600;
/// After so many failures in a row, an ENI is left alone until somebody looks: a new start of the agent tries again.
const GIVE_UP: u32 = 8;

pub(crate) fn plan(observed: &World<'_>, plan: &mut Plan) {
    for planned in &observed.creations {
        create_again(planned, observed, plan);
    }
    for entry in &observed.entries {
        let Some(of) = &entry.pool else {
            forget_stranger(entry, observed, plan);
            continue;
        };
        let (pool, link, first) = (observed.pool(&of.name), observed.link_of(entry), plan.actions.len());
        let eni = Eni { entry, pool, link, first, observed };
        eni.mark(plan);
        eni.follow(plan);
        eni.complete(plan);
        eni.repair_link(plan);
    }
}

/// A creation that no answer has ended.
fn create_again(planned: &crate::observe::Planned, observed: &World<'_>, plan: &mut Plan) {
    let token = &planned.request.client_token;
    if observed.leaving || observed.identity.is_none() || observed.is_busy(&Subject::Creation(token.clone())) {
        return;
    }
    match observed.hold(&Hold::Creation(token.clone())) {
        Some(held) => plan.wake(held.until),
        None => plan.act(Action::CreateAgain(planned.clone())),
    }
}

/// An ENI of somebody else's is in the inventory for as long as it is on the instance.
fn forget_stranger(entry: &Entry, observed: &World<'_>, plan: &mut Plan) {
    let Some(metadata) = &observed.metadata else { return };
    let is_there = metadata.iter().any(|interface| interface.id.as_str() == entry.network_interface_id.as_str());
    if is_there || observed.links.is_none() || observed.link_of(entry).is_some() || observed.is_held(entry) {
        return;
    }
    let (eni, why) = (entry.network_interface_id.clone(), "it is on this instance no more".to_string());
    plan.act_in_ec2(&entry.network_interface_id, [Action::Forget { eni, why }], observed);
}

struct Eni<'a> {
    entry: &'a Entry,
    /// Nothing if its pool is declared no more.
    pool: Option<&'a Pool>,
    link: Option<&'a HostLink>,
    /// Where its own actions begin in the plan.
    first: usize,
    observed: &'a World<'a>,
}

impl Eni<'_> {
    fn id(&self) -> &EniId {
        &self.entry.network_interface_id
    }

    fn age(&self) -> u64 {
        self.observed.now.saturating_sub(self.entry.upkeep.since)
    }

    fn is_link_busy(&self) -> bool {
        self.observed.is_busy(&Subject::Link(self.id().clone()))
    }

    /// The state follows the records.
    fn mark(&self, plan: &mut Plan) {
        let has_record = self.observed.held.get(self.id());
        let cooldown = self.entry.pool.as_ref().map_or(0, |pool| pool.cooldown_seconds);
        let (state, why) = match (self.entry.state, has_record) {
            (State::Ready | State::Cooling | State::Attached | State::Quarantined, Some(owner)) => {
                (State::InUse, format!("{owner} has it"))
            }
            (State::InUse, None) if cooldown == 0 => (State::Ready, "nobody has it".to_string()),
            (State::InUse, None) => (State::Cooling, format!("it rests for {cooldown} s")),
            (State::Cooling, None) => {
                let at = self.entry.upkeep.since.saturating_add(cooldown);
                if at > self.observed.now {
                    return plan.wake(at);
                }
                if !self.observed.is_home(self.entry) {
                    return;
                }
                (State::Ready, "it has rested".to_string())
            }
            _ => return,
        };
        if self.is_link_busy() {
            return;
        }
        match self.observed.hold(&Hold::Link(self.id().clone())) {
            Some(held) => plan.wake(held.until),
            None => plan.act(Action::Mark { eni: self.id().clone(), state, why }),
        }
    }

    /// What EC2 and the kernel are about to do with it.
    fn follow(&self, plan: &mut Plan) {
        let is_asked = self.observed.asked.contains(self.id());
        match self.entry.state {
            State::Attaching | State::Attached if self.is_on_host() => self.arrive(plan),
            State::Quarantined if self.is_on_host() => {
                if !self.observed.holds.contains_key(&Hold::Link(self.id().clone())) {
                    self.arrive(plan);
                }
            }
            // Whether EC2 was asked before this agent began, EC2 knows.
            State::Attaching if !is_asked && self.entry.upkeep.attachment_id.is_none() => self.look(plan, 0),
            State::Attaching | State::Attached => self.look(plan, SHOWN_WITHIN),
            // The answer to its attachment was lost, and with it what is to be set on it.
            State::Ready | State::InUse | State::Cooling if self.entry.upkeep.attachment_id.is_none() => {
                self.look(plan, 1);
            }
            State::Ready | State::Cooling | State::Quarantined
                if !self.observed.is_home(self.entry)
                    && self.observed.links.is_some()
                    && !self.observed.is_held(self.entry) =>
            {
                self.look(plan, MISSED_AFTER);
            }
            State::Detaching if !may_take_down(self.observed) => {}
            State::Detaching if !is_asked => {
                plan.act_in_ec2(self.id(), [Action::Detach { eni: self.id().clone() }], self.observed);
            }
            State::Detaching => self.look(plan, 1),
            State::Deleting => super::shrink::delete(self.entry, self.observed, plan),
            State::Deleted => {
                let why = "EC2 has it no more".to_string();
                plan.act_in_ec2(self.id(), [Action::Forget { eni: self.id().clone(), why }], self.observed);
            }
            State::Created | State::Detached if self.entry.upkeep.found => {
                // The second look, a grace period after the first.
                let first = self.entry.upkeep.unattached_since.unwrap_or(self.observed.now);
                let at = first.saturating_add(self.observed.limit.orphan_grace);
                if at > self.observed.now {
                    plan.wake(at);
                } else {
                    self.look(plan, 0);
                }
            }
            State::Creating
            | State::Created
            | State::Detached
            | State::Ready
            | State::InUse
            | State::Cooling
            | State::Quarantined => {}
        }
    }

    /// Of an ENI that was found, its subnet may not have been known: the next look at it writes down what is known by then.
    fn complete(&self, plan: &mut Plan) {
        let subnet = &self.entry.subnet;
        let lacks_ipv4 = subnet.ipv4_cidr.is_none() && !self.entry.ipv4_addresses.is_empty();
        let lacks_ipv6 = subnet.ipv6_cidrs.is_empty() && !self.entry.ipv6_addresses.is_empty();
        if !lacks_ipv4 && !lacks_ipv6 {
            return;
        }
        let metadata = self.observed.metadata.as_deref().unwrap_or_default();
        let told = learn::subnet_of(&subnet.id, self.observed.subnets.values().flatten(), metadata);
        let is_told = (lacks_ipv4 && told.ipv4_cidr.is_some()) || (lacks_ipv6 && !told.ipv6_cidrs.is_empty());
        plan.need(match is_told {
            true => Need::Look(self.id().clone()),
            false => Need::Subnet(Reference::Id(subnet.id.clone())),
        });
    }

    fn arrive(&self, plan: &mut Plan) {
        if self.is_link_busy() || self.observed.held.contains_key(self.id()) {
            return;
        }
        let failed = self.observed.holds.get(&Hold::Link(self.id().clone())).filter(|held| held.failures >= GIVE_UP);
        if let (Some(held), State::Attached) = (failed, self.entry.state) {
            let why = held.reason.clone();
            return plan.act(Action::Mark { eni: self.id().clone(), state: State::Quarantined, why });
        }
        match self.observed.hold(&Hold::Link(self.id().clone())) {
            Some(held) => plan.wake(held.until),
            None => plan.act(self.next_of_arrival()),
        }
    }

    /// A device for user space is taken in like any other, so that it is known where it sits, and bound then.
    fn next_of_arrival(&self) -> Action {
        let eni = self.id().clone();
        match (self.is_for_user_space(), self.observed.is_bound(self.entry)) {
            (true, false) if self.entry.pci_address.is_none() => {
                Action::Arrive { eni, name: self.name(), mtu: self.mtu() }
            }
            (true, _) => Action::HandOver { eni },
            (false, true) => Action::TakeBack { eni, name: self.name(), mtu: self.mtu() },
            (false, false) => Action::Arrive { eni, name: self.name(), mtu: self.mtu() },
        }
    }

    /// Whether there is something to be taken in.
    fn is_on_host(&self) -> bool {
        self.link.is_some() || self.observed.is_bound(self.entry)
    }

    fn is_for_user_space(&self) -> bool {
        is_for_user_space(self.entry)
    }

    /// Has EC2 asked how it stands, the more seldom the longer it lasts.
    fn look(&self, plan: &mut Plan, first_after: u64) {
        // What lasts costs no more than EC2 is asked anyway. One that was on the node has its age from better days.
        let is_new = match self.entry.upkeep.unattached_since {
            Some(since) => self.observed.now.saturating_sub(since) < LASTS,
            None => !self.entry.state.is_on_node() && self.age() < LASTS,
        };
        let seldom = if is_new { 60 } else { LASTS };
        let after_last = self.observed.looked.get(self.id()).map(|last| last + (self.age() / 2).clamp(2, seldom));
        let at = (self.entry.upkeep.since + first_after).max(after_last.unwrap_or_default());
        if at > self.observed.now {
            return plan.wake(at);
        }
        match self.observed.hold(&Hold::Look) {
            Some(held) => plan.wake(held.until),
            None => plan.need(Need::Look(self.id().clone())),
        }
    }

    /// A name that neither udev nor the order of arrival changes, unless the user wants one.
    fn name(&self) -> node::names::IfName {
        let wished = self.pool.and_then(|pool| pool.link_name.clone());
        wished.unwrap_or_else(|| self.id().fallback_name())
    }

    fn mtu(&self) -> Option<u32> {
        self.pool.and_then(|pool| pool.mtu)
    }
}
