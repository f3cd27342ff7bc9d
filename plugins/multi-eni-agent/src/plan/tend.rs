//! What each ENI needs on its way, whatever its pool is short of.

use node::inventory::{Entry, Sharing, State};
use node::names::EniId;

use super::groups::security_groups;
use super::index::{World, is_for_user_space};
use super::shrink::{may_take_down, unless_held_back};
use super::{Action, Change, Need, Plan};
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
        eni.repair(plan);
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
    unless_held_back(&eni.clone(), observed, plan, Action::Forget { eni, why });
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
                let action = Action::Detach { eni: self.id().clone() };
                unless_held_back(self.id(), self.observed, plan, action);
            }
            State::Detaching => self.look(plan, 1),
            State::Deleting => super::shrink::delete(self.entry, self.observed, plan),
            State::Deleted => {
                let why = "EC2 has it no more".to_string();
                unless_held_back(self.id(), self.observed, plan, Action::Forget { eni: self.id().clone(), why });
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

    /// What somebody changed since.
    fn repair(&self, plan: &mut Plan) {
        let Some(pool) = self.pool else { return };
        self.take_note(pool, plan);
        self.take_back(plan);
        self.repair_link(pool, plan);
        let is_attached = matches!(self.entry.state, State::Attaching | State::Attached)
            || self.entry.state.is_on_node() && self.entry.state != State::Quarantined;
        if self.observed.leaving || !is_attached || self.entry.upkeep.attachment_id.is_none() {
            return;
        }
        if let Some(action) = self.repair_in_ec2(pool, plan) {
            unless_held_back(self.id(), self.observed, plan, action);
        }
    }

    fn repair_link(&self, pool: &Pool, plan: &mut Plan) {
        let (State::Ready, Some(link)) = (self.entry.state, self.link) else { return };
        if self.observed.is_held(self.entry) && pool.sharing == Sharing::Exclusive || self.is_link_busy() {
            return;
        }
        if self.is_for_user_space() {
            // Somebody gave it back to the kernel.
            return self.act_on_link(Action::HandOver { eni: self.id().clone() }, plan);
        }
        let Some(why) = self.difference(pool, link) else { return };
        self.act_on_link(Action::LookAfter { eni: self.id().clone(), name: self.name(), mtu: self.mtu(), why }, plan);
    }

    /// Of a pool that is the kernel's, one that user space was given by its pod's configuration, and that was not given back.
    fn take_back(&self, plan: &mut Plan) {
        let rests = matches!(self.entry.state, State::Ready | State::Cooling);
        let is_free = !self.observed.is_held(self.entry) && !self.is_link_busy();
        if rests && is_free && !self.is_for_user_space() && self.observed.is_bound(self.entry) {
            let action = Action::TakeBack { eni: self.id().clone(), name: self.name(), mtu: self.mtu() };
            self.act_on_link(action, plan);
        }
    }

    /// What its pool says of it now, and how its device is. While somebody has it, it stays what it was when it was given.
    fn take_note(&self, pool: &Pool, plan: &mut Plan) {
        let is_free = !self.observed.is_held(self.entry) && !self.observed.is_allocated(self.entry);
        let is_settled = matches!(self.entry.state, State::Attached | State::Ready | State::Cooling);
        let of = match is_free && is_settled && pool.sharing == Sharing::Exclusive {
            true => Some(pool.for_eni_at(self.entry.pci_address)),
            false => self.entry.pool.clone(),
        };
        let seen = self.observed.device_of(self.entry).or(self.entry.seen.as_ref()).cloned();
        if let Some(of) = of
            && (Some(&of) != self.entry.pool.as_ref() || seen != self.entry.seen)
            && !self.is_link_busy()
        {
            self.act_on_link(Action::Note { eni: self.id().clone(), pool: of, seen }, plan);
        }
    }

    fn act_on_link(&self, action: Action, plan: &mut Plan) {
        // One thing at a time.
        let mut own = plan.actions.iter().skip(self.first);
        if own.any(|other| other.subject() == action.subject()) {
            return;
        }
        match self.observed.hold(&Hold::Link(self.id().clone())) {
            Some(held) => plan.wake(held.until),
            None => plan.act(action),
        }
    }

    /// Its wished name is another link's, and it has the one that it falls back to.
    fn has_fallen_back(&self, link: &HostLink) -> bool {
        link.name == self.id().fallback_name().as_str()
            && self.observed.has_other_link_called(self.name().as_str(), link)
    }

    fn difference(&self, pool: &Pool, link: &HostLink) -> Option<String> {
        if link.name != self.name().as_str() && !self.has_fallen_back(link) {
            return Some(format!("its name is {}", link.name));
        }
        if let Some(mtu) = self.mtu().filter(|&mtu| mtu != link.mtu && link.mtu_range.contains(&mtu)) {
            return Some(format!("its MTU is {} and not {mtu}", link.mtu));
        }
        if link.alias.as_deref() != Some(self.id().as_str()) {
            return Some("it does not bear its id".to_string());
        }
        if !link.addresses.is_empty() {
            return Some("a daemon of the host has given it addresses".to_string());
        }
        let should_be_up = pool.sharing == Sharing::Shared;
        (link.up != should_be_up).then(|| if should_be_up { "it is down" } else { "it is up" }.to_string())
    }

    /// The first thing that differs: EC2 takes one change in a call.
    fn repair_in_ec2(&self, pool: &Pool, plan: &mut Plan) -> Option<Action> {
        let eni = self.id().clone();
        let upkeep = &self.entry.upkeep;
        let modify = |change| Some(Action::Modify { eni: eni.clone(), change });
        if upkeep.delete_on_termination.is_some_and(|found| found != pool.delete_on_termination) {
            return modify(Change::DeleteOnTermination(pool.delete_on_termination));
        }
        if upkeep.source_dest_check.is_some_and(|found| found != pool.source_dest_check) {
            return modify(Change::SourceDestCheck(pool.source_dest_check));
        }
        // On the way in, EC2 has just been told the rest.
        if !self.entry.state.is_on_node() {
            return None;
        }
        if !upkeep.security_groups.is_empty()
            && let Some(groups) = security_groups(pool, self.observed, plan, &mut Vec::new())
        {
            let mut wished: Vec<_> = groups.iter().map(ToString::to_string).collect();
            let mut found = upkeep.security_groups.clone();
            wished.sort();
            found.sort();
            if wished != found {
                return modify(Change::SecurityGroups(groups));
            }
        }
        let lacking = self.lacking_tags(pool);
        if !lacking.is_empty() {
            return Some(Action::Tag { eni, tags: lacking });
        }
        self.lacking_addresses(pool)
    }

    fn lacking_tags(&self, pool: &Pool) -> ec2::Tags {
        match (&self.observed.identity, self.entry.tags.is_empty()) {
            (Some(identity), false) => identity.lacking(&pool.name, &pool.tags, &self.entry.tags),
            _ => ec2::Tags::new(),
        }
    }

    /// Of an ENI that pods take whole; those of a shared one come and go.
    fn lacking_addresses(&self, pool: &Pool) -> Option<Action> {
        if pool.sharing == Sharing::Shared {
            return None;
        }
        // How many it has is not known before EC2 has told: what was asked for may have been done.
        if self.observed.doubtful.contains(self.id()) {
            return None;
        }
        let has = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let secondary = has(self.entry.ipv4_addresses.iter().filter(|address| !address.primary).count());
        let eni = self.id().clone();
        if secondary < pool.secondary_ipv4 {
            return Some(Action::AssignIpv4 { eni, count: pool.secondary_ipv4 - secondary });
        }
        let ipv6 = has(self.entry.ipv6_addresses.len());
        (ipv6 < pool.ipv6).then(|| Action::AssignIpv6 { eni, count: pool.ipv6 - ipv6 })
    }
}
