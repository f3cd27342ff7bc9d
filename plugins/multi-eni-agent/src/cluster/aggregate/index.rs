//! What the agents say, by pool: made once, so that a pass goes over all ENIs once and not once for each NodeENI.

use std::collections::{BTreeMap, BTreeSet};

use node::inventory::State;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use crate::api::{Eni, EniNodeStatus, PoolStatus};
use crate::cluster::world::World;

/// An ENI, and where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a str,
    pub(crate) instance: Option<&'a str>,
    pub(crate) eni: &'a Eni,
    /// Nothing if it is a state that this version does not know.
    pub(crate) state: Option<State>,
}

/// The agents' words by pool.
#[derive(Debug, Default)]
pub(crate) struct Index<'a> {
    enis: BTreeMap<&'a str, Vec<At<'a>>>,
    /// All that an agent has.
    known: BTreeSet<&'a str>,
    /// By node, those that report; and what they say of each pool.
    nodes: BTreeMap<&'a str, BTreeMap<&'a str, &'a PoolStatus>>,
    /// By node, why its report cannot be read.
    unreadable: BTreeMap<&'a str, &'a str>,
}

impl<'a> Index<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        let mut index = Self::default();
        for (node, report) in world.reports() {
            match &report.unreadable {
                Some(why) => drop(index.unreadable.insert(node, why)),
                None => index.add(node, &report.status),
            }
        }
        index
    }

    fn add(&mut self, node: &'a str, status: &'a EniNodeStatus) {
        self.nodes.insert(node, status.pools.iter().map(|pool| (pool.name.as_str(), pool)).collect());
        for eni in &status.enis {
            self.known.insert(&eni.id);
            let Some(pool) = eni.pool.as_deref() else { continue };
            let instance = status.instance_id.as_deref();
            self.enis.entry(pool).or_default().push(At { node, instance, eni, state: state(&eni.state) });
        }
    }

    /// The ENIs of a pool, by node.
    pub(crate) fn enis(&self, pool: &str) -> &[At<'a>] {
        self.enis.get(pool).map_or(&[], Vec::as_slice)
    }

    /// Whether an agent has this ENI.
    pub(super) fn knows(&self, eni: &str) -> bool {
        self.known.contains(eni)
    }

    /// Why what a node says cannot be read.
    pub(super) fn unreadable(&self, node: &str) -> Option<&'a str> {
        self.unreadable.get(node).copied()
    }

    /// What a node says of a pool: nothing if it says nothing at all, and nothing in it if not of this pool.
    pub(super) fn report(&self, node: &str, pool: &str) -> Option<Option<&'a PoolStatus>> {
        self.nodes.get(node).map(|pools| pools.get(pool).copied())
    }
}

fn state(word: &str) -> Option<State> {
    let word: StrDeserializer<'_, Error> = word.into_deserializer();
    State::deserialize(word).ok()
}
