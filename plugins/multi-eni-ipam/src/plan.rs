//! What is answered, from what was observed: no file, no clock, no network.

mod answer;
mod exclusive;
mod shared;

pub(crate) use answer::answer;
pub(crate) use exclusive::exclusive;
pub(crate) use shared::{Occupancy, shared};

use crate::config::Selection;
use crate::error::{Error, Sharing};
use crate::family::Family;
use node::inventory::Entry;
use std::net::IpAddr;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// `addresses`
    pub(crate) selection: Option<Selection>,
    /// `families`
    pub(crate) families: Option<&'a [Family]>,
    /// The addresses that the runtime asks for. They stand in place of the selection of their family, in their order; a
    /// family of which none is asked for is answered by the selection.
    pub(crate) requested: &'a [IpAddr],
}

impl Wish<'_> {
    fn requested_of(&self, family: Family) -> Vec<IpAddr> {
        self.requested.iter().copied().filter(|&address| Family::of(address) == family).collect()
    }

    /// The families to answer for, in order: those of the configuration, which have to be had, else those of which
    /// `count` finds addresses.
    fn families(&self, entry: &Entry, sharing: Sharing, count: impl Fn(Family) -> usize) -> Result<Vec<Family>, Error> {
        let eni = || entry.network_interface_id.clone();
        let Some(families) = self.families else {
            let had: Vec<Family> = Family::ALL.into_iter().filter(|&family| count(family) > 0).collect();
            return if had.is_empty() { Err(Error::NoAddresses { eni: eni(), shared: sharing }) } else { Ok(had) };
        };
        if let Some(&address) = self.requested.iter().find(|&&address| !families.contains(&Family::of(address))) {
            return Err(Error::FamilyNotWanted { address });
        }
        match families.iter().find(|&&family| count(family) == 0) {
            Some(&family) => Err(Error::NoAddress { eni: eni(), family, shared: sharing }),
            None => Ok(families.to_vec()),
        }
    }

    /// Whether EC2 has all that is asked for on the ENI.
    fn check_requested(&self, entry: &Entry) -> Result<(), Error> {
        let foreign = |address: &&IpAddr| !entry.addresses().any(|assigned| assigned == **address);
        match self.requested.iter().find(foreign) {
            Some(&address) => Err(Error::NotOnEni { eni: entry.network_interface_id.clone(), address }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
