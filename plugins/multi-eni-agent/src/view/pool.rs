//! A pool, and how many of what it has.

use super::{AddressState, EniView, state_word};
use node::inventory::{Sharing, State};
use node::names::PoolName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A pool of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolView {
    pub(crate) name: PoolName,
    #[serde(default)]
    pub(crate) sharing: Sharing,
    /// What its NodeENI asks for; nothing if there is none, or if this comes from the records.
    #[serde(default)]
    pub(crate) declared: Option<Declared>,
    /// That of its NodeENI, as it is acted on; nothing if it is not the API server's.
    #[serde(default)]
    pub(crate) generation: Option<i64>,
    /// How many ENIs it should have now.
    #[serde(default)]
    pub(crate) target: Option<u32>,
    /// How many ENIs it has in each state, by [`state_word`]; filled by [`Status::counted`].
    #[serde(default)]
    pub(crate) enis: BTreeMap<String, u32>,
    /// The addresses that its ENIs have for pods; filled by [`Status::counted`].
    #[serde(default)]
    pub(crate) addresses: AddressCounts,
    /// Why it is not as declared, one reason an entry.
    #[serde(default)]
    pub(crate) waiting: Vec<String>,
}

/// What a NodeENI asks for, in ENIs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Declared {
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) warm: u32,
}

/// Addresses of a shared pool that pods can have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AddressCounts {
    pub(crate) free: u32,
    pub(crate) cooling: u32,
    pub(crate) used: u32,
}

impl PoolView {
    /// A pool without a NodeENI that counts.
    pub(crate) fn undeclared(name: PoolName, sharing: Sharing) -> Self {
        let (enis, addresses) = (BTreeMap::new(), AddressCounts::default());
        Self { name, sharing, declared: None, generation: None, target: None, enis, addresses, waiting: Vec::new() }
    }

    pub(super) fn count(&mut self, enis: &[EniView]) {
        self.enis.clear();
        self.addresses = AddressCounts::default();
        for eni in enis.iter().filter(|eni| eni.pool.as_ref() == Some(&self.name)) {
            *self.enis.entry(state_word(eni.state).to_string()).or_default() += 1;
            // What is not on the node can be given to no pod.
            for address in eni.addresses.iter().filter(|_| eni.state.is_on_node()) {
                match address.state {
                    AddressState::Free => self.addresses.free += 1,
                    AddressState::Cooling { .. } => self.addresses.cooling += 1,
                    AddressState::Used { .. } => self.addresses.used += 1,
                    AddressState::OfEni | AddressState::OfHost => {}
                }
            }
        }
    }

    /// How many of its ENIs are in this state.
    pub(crate) fn in_state(&self, state: State) -> u32 {
        self.enis.get(state_word(state)).copied().unwrap_or_default()
    }
}
