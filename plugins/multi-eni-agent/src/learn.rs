//! What an answer of EC2 changes in what is known. Pure: the answer may be old by seconds, and absence in one source proves
//! nothing, so nothing is believed gone that another source still shows, and nothing at the first look.

mod adopt;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use ec2::{MetadataInterface, NetworkInterface, Subnet};
use node::inventory::Entry;
use node::names::EniId;
use node::record::Owner;

pub(crate) use adopt::{entry_of, subnet_of};

use crate::declared::Pool;
use crate::kernel::HostLink;
use crate::observe::Planned;
use crate::tags::Identity;

/// What EC2 was asked, and so what its silence means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All that is attached to this instance.
    Attached,
    /// All that bears this agent's tags.
    Tagged,
    /// These.
    Ids(BTreeSet<EniId>),
}

/// What is known beside EC2's answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) pools: &'a [Pool],
    /// Every subnet that was looked up.
    pub(crate) subnets: &'a [Subnet],
    pub(crate) metadata: Option<&'a [MetadataInterface]>,
    pub(crate) links: Option<&'a [HostLink]>,
    pub(crate) held: &'a BTreeMap<EniId, Owner>,
    /// Seconds between two sightings that count as two.
    pub(crate) orphan_grace: u64,
}

/// What to write, and what to forget with the reason.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Learned {
    pub(crate) write: Vec<Entry>,
    pub(crate) forget: Vec<(EniId, String)>,
    /// For the log.
    pub(crate) notes: Vec<String>,
}

/// How often EC2 must have left an ENI out, each time in another look, before it is believed gone.
const LOOKS: u32 = 3;
/// Seconds between two looks that count as two.
const APART: u64 = 10;
/// Seconds in which EC2's answers may not know of a change that was ours.
const STALE: u64 = 60;

/// Learns from one answer.
pub(crate) fn learn(
    entries: &[Entry],
    creations: &[Planned],
    answer: &[NetworkInterface],
    scope: &Scope,
    known: &Known<'_>,
    now: u64,
) -> Learned {
    let mut learned = Learned::default();
    let find = |id: &EniId| answer.iter().find(|eni| eni.id.as_str() == id.as_str());
    for entry in entries {
        let id = &entry.network_interface_id;
        let change = match (find(id), scope) {
            (Some(eni), _) => update::seen(entry, eni, known, now),
            (None, _) if entry.pool.is_none() => continue,
            (None, Scope::Attached) => update::not_attached(entry, known, now),
            (None, Scope::Tagged) => update::unseen(entry, known, now),
            (None, Scope::Ids(asked)) if asked.contains(id) => update::unseen(entry, known, now),
            (None, Scope::Ids(_)) => continue,
        };
        match change {
            update::Change::Entry(new) if *new != *entry => learned.write.push(*new),
            update::Change::Entry(_) => {}
            update::Change::Gone(why) => learned.forget.push((id.clone(), why)),
        }
    }
    let is_known =
        |eni: &&NetworkInterface| !entries.iter().any(|one| one.network_interface_id.as_str() == eni.id.as_str());
    for eni in answer.iter().filter(is_known) {
        match adopt::adopt(eni, creations, known, now) {
            Ok(Some(entry)) => learned.write.push(entry),
            Ok(None) => {}
            Err(why) => learned.notes.push(format!("{}: {why}", eni.id)),
        }
    }
    learned
}
