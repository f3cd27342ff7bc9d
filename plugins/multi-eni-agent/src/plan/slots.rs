//! The places for ENIs in the instance, by network card and device index, those of others counted.

use std::collections::{BTreeMap, BTreeSet};

use ec2::{MetadataInterface, Slot};
use node::inventory::{Entry, State};
use serde::Serialize;

use super::index::World;

/// The highest device index that is used, but one. amazon-vpc-cni keeps its ENIs in a table of 100.
const INDICES: u32 = 100;

/// What is taken and what is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Slots {
    /// Of the whole instance, less what is kept free for others.
    pub(crate) limit: u32,
    /// By anybody's ENIs.
    #[serde(skip)]
    taken: BTreeSet<Slot>,
    /// How many ENIs each network card takes, by its index; nothing of a type whose cards EC2 does not tell.
    #[serde(skip)]
    cards: BTreeMap<u32, u32>,
    /// Promised to ENIs that are not attached yet, by network card.
    #[serde(skip)]
    promised: BTreeMap<u32, u32>,
    /// ENIs of the project that are made or attached.
    ours: u32,
    /// How many ENIs the project may have.
    most_of_ours: Option<u32>,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("the instance has all of its {0} interfaces")]
    Instance(u32),
    #[error("max_enis of node.toml allows {0} ENIs")]
    Setting(u32),
    #[error("network card {0} takes no further interface")]
    Card(u32),
    #[error("the instance has no network card {0}")]
    NoCard(u32),
}

impl Slots {
    /// Nothing, if the limits or what is attached are not known.
    pub(crate) fn of(observed: &World<'_>) -> Option<Self> {
        let (limits, metadata) = (observed.limits.as_ref()?, observed.metadata.as_ref()?);
        let mut taken: BTreeSet<Slot> = metadata.iter().map(|interface| interface.slot).collect();
        let ours = observed.entries.iter().filter(|entry| entry.pool.is_some());
        for entry in observed.entries.iter().filter(|entry| has_slot(entry.state)) {
            taken.insert(Slot { network_card_index: entry.network_card_index, device_index: entry.device_index });
        }
        let refused = observed.taken_slots.iter().filter(|&(_, &until)| until > observed.now);
        taken.extend(refused.map(|(slot, _)| *slot));
        let creations = u32::try_from(observed.creations.len()).unwrap_or(u32::MAX);
        let mut promised = BTreeMap::new();
        let unattached = ours.clone().filter(|entry| is_unattached(entry.state)).filter_map(Entry::pool_name);
        for pool in observed.creations.iter().map(|planned| &planned.pool).chain(unattached) {
            let card = observed.pool(pool).map_or(0, |pool| pool.network_card);
            *promised.entry(card).or_default() += 1;
        }
        Some(Self {
            limit: limits.interfaces.saturating_sub(still_reserved(observed, metadata)),
            taken,
            cards: limits.cards.iter().map(|card| (card.index, card.interfaces)).collect(),
            promised,
            ours: creations.saturating_add(u32::try_from(ours.count()).unwrap_or(u32::MAX)),
            most_of_ours: observed.limit.max_enis,
        })
    }

    /// How many slots are taken.
    pub(crate) fn used(&self) -> u32 {
        u32::try_from(self.taken.len()).unwrap_or(u32::MAX)
    }

    /// Promises a slot to an ENI that is to be made.
    pub(crate) fn promise(&mut self, card: u32) -> Result<(), NoRoom> {
        if let Some(most) = self.most_of_ours.filter(|&most| self.ours >= most) {
            return Err(NoRoom::Setting(most));
        }
        if self.used().saturating_add(self.promised.values().sum()) >= self.limit {
            return Err(NoRoom::Instance(self.limit));
        }
        self.room_on(card, self.promised.get(&card).copied().unwrap_or_default())?;
        *self.promised.entry(card).or_default() += 1;
        self.ours += 1;
        Ok(())
    }

    /// The lowest free slot for an ENI that was promised one, from an index on.
    pub(crate) fn take(&mut self, card: u32, base: u32) -> Result<Slot, NoRoom> {
        if self.used() >= self.limit {
            return Err(NoRoom::Instance(self.limit));
        }
        self.room_on(card, 0)?;
        let free = (base..INDICES).map(|device_index| Slot { network_card_index: card, device_index });
        let slot = free.into_iter().find(|slot| !self.taken.contains(slot)).ok_or(NoRoom::Card(card))?;
        self.taken.insert(slot);
        if let Some(promised) = self.promised.get_mut(&card) {
            *promised = promised.saturating_sub(1);
        }
        Ok(slot)
    }

    /// Whether a network card takes one more beside what is attached and what has been promised.
    fn room_on(&self, card: u32, promised: u32) -> Result<(), NoRoom> {
        let attached = self.taken.iter().filter(|slot| slot.network_card_index == card).count();
        let on_card = u32::try_from(attached).unwrap_or(u32::MAX).saturating_add(promised);
        match self.cards.get(&card) {
            None if self.cards.is_empty() => Ok(()),
            None => Err(NoRoom::NoCard(card)),
            Some(&most) if on_card >= most => Err(NoRoom::Card(card)),
            Some(_) => Ok(()),
        }
    }
}

/// How many slots are kept free for others, beside those that they have already. The primary ENI is everybody's.
fn still_reserved(observed: &World<'_>, metadata: &[MetadataInterface]) -> u32 {
    let of_pools = observed.entries.iter().filter(|entry| entry.pool.is_some());
    let ours: BTreeSet<&str> = of_pools.map(|entry| entry.network_interface_id.as_str()).collect();
    let primary = Slot { network_card_index: 0, device_index: 0 };
    let is_others = |interface: &&MetadataInterface| interface.slot != primary && !ours.contains(interface.id.as_str());
    let others = metadata.iter().filter(is_others).count();
    observed.limit.reserved_enis.saturating_sub(u32::try_from(others).unwrap_or(u32::MAX))
}

/// Whether an ENI in this state has, or is getting, or still has its slot.
fn has_slot(state: State) -> bool {
    matches!(
        state,
        State::Attaching
            | State::Attached
            | State::Ready
            | State::InUse
            | State::Cooling
            | State::Detaching
            | State::Quarantined
    )
}

/// Whether EC2 has it, and no instance does.
pub(crate) fn is_unattached(state: State) -> bool {
    matches!(state, State::Created | State::Detached)
}
