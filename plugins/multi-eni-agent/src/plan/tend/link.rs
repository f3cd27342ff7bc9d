//! The kernel's side of an ENI: its link and its device, put right where somebody changed them.

use node::inventory::{Sharing, State};

use super::Eni;
use crate::declared::Pool;
use crate::kernel::HostLink;
use crate::observe::Hold;
use crate::plan::{Action, Plan};

impl Eni<'_> {
    /// What somebody changed since.
    pub(super) fn repair_link(&self, plan: &mut Plan) {
        let Some(pool) = self.pool else { return };
        self.take_note(pool, plan);
        self.take_back(plan);
        self.put_right(pool, plan);
    }

    fn put_right(&self, pool: &Pool, plan: &mut Plan) {
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
        let seen = self.observed.device_of(self.entry).or(self.entry.seen.as_ref());
        if let Some(of) = of
            && (Some(&of) != self.entry.pool.as_ref() || seen != self.entry.seen.as_ref())
            && !self.is_link_busy()
        {
            self.act_on_link(Action::Note { eni: self.id().clone(), pool: of, seen: seen.cloned() }, plan);
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
}
