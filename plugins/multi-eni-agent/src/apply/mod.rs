//! Runs what the planner asks for: one function for each action, and no choice left to make. What EC2 is asked is on disk
//! before it is asked, and what it answers is on disk before the loop hears of it.

mod addresses;
mod adoption;
mod attachment;
mod attributes;
mod creation;
mod deletion;
mod device;
mod entry;
mod link;
pub(crate) mod policy;
mod release;
pub(crate) mod report;
mod state;

pub(crate) use creation::planned;
pub(crate) use report::{Effect, Report};

use std::sync::Arc;

use creation::Try;

use crate::agent::clock::Clock;
use crate::agent::site::{Facts, Site};
use crate::kernel::Machine;
use crate::observe::Planned;
use crate::plan::Action;

/// Something to run: an action, with a creation's token chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Errand {
    /// Its intent is on disk.
    Create(Planned),
    /// Any other action.
    Other(Action),
}

/// Runs it to its end.
pub(crate) async fn run<C: ec2::Cloud, M: Machine, K: Clock>(
    site: Arc<Site<C, M, K>>,
    facts: Arc<Facts>,
    errand: Errand,
) -> Report {
    let (site, facts) = (&*site, &*facts);
    let action = match errand {
        Errand::Create(planned) => return creation::create(site, facts, &planned, Try::First).await,
        Errand::Other(action) => action,
    };
    match action {
        // A wish becomes an intent before it is run.
        Action::Create(_) => Report::done([]),
        Action::CreateAgain(planned) => creation::create(site, facts, &planned, Try::Further).await,
        Action::Attach { eni, slot } => attachment::attach(site, facts, &eni, slot).await,
        Action::Modify { eni, change } => attributes::modify(site, &eni, &change).await,
        Action::Tag { eni, tags } => attributes::tag(site, &eni, &tags).await,
        Action::Adopt { eni, pool, tags } => adoption::adopt(site, facts, &eni, &pool, &tags).await,
        Action::Detach { eni } => attachment::detach(site, &eni).await,
        Action::Delete { eni } => deletion::delete(site, &eni).await,
        Action::AssignIpv4 { eni, count } => addresses::assign_ipv4(site, &eni, count).await,
        Action::AssignIpv6 { eni, count } => addresses::assign_ipv6(site, &eni, count).await,
        Action::UnassignIpv4 { eni, addresses } => addresses::unassign_ipv4(site, &eni, addresses).await,
        Action::UnassignIpv6 { eni, addresses } => addresses::unassign_ipv6(site, &eni, addresses).await,
        Action::Arrive { eni, name, mtu } => link::arrive(site, &eni, name, mtu).await,
        Action::LookAfter { eni, name, mtu, why } => link::look_after(site, &eni, name, mtu, &why).await,
        Action::HandOver { eni } => device::hand_over(site, &eni).await,
        Action::TakeBack { eni, name, mtu } => device::take_back(site, &eni, name, mtu).await,
        Action::Note { eni, pool, seen } => device::note(site, &eni, pool, seen).await,
        Action::Mark { eni, state, why } => state::mark(site, &eni, state, &why).await,
        Action::Forget { eni, why } => state::forget(site, &eni, &why).await,
        Action::Release { owner } => release::attachment(site, &owner).await,
        Action::ReleaseAddresses { owner } => release::addresses(site, &owner).await,
    }
}
