//! The addresses that an owner has of a shared ENI, on record. All of it happens with the lock over addresses held.

use crate::error::Error;
use node::addresses::{AddressState, AddressUse};
use node::fault;
use node::inventory::Entry;
use node::names::EniId;
use node::record::Owner;
use node::store::Store;

/// The rest of an address whose ENI is not in the inventory any more: that of a pool that says nothing.
const DEFAULT_COOLDOWN: u64 = 30;

/// What was taken, and what stood in its place before.
#[derive(Debug)]
pub(crate) struct Reservation {
    owner: Owner,
    before: Option<AddressUse>,
}

impl Reservation {
    /// Writes down that the owner has these addresses.
    pub(crate) fn make(store: &Store, usage: &AddressUse, before: Option<&AddressUse>) -> Result<Self, Error> {
        fault::point("before the use of an address is written down");
        store.write_address_use(usage)?;
        fault::point("after the use of an address was written down");
        Ok(Self { owner: usage.owner.clone(), before: before.cloned() })
    }

    /// Puts back what was there: no pod has had the addresses yet, so they need no rest.
    pub(crate) fn undo(self, store: &Store) -> Result<(), Error> {
        match &self.before {
            Some(before) => Ok(store.write_address_use(before)?),
            None => Ok(store.remove_address_use(&self.owner)?),
        }
    }
}

/// Lets the addresses of a use rest, if they are used.
pub(crate) fn release(store: &Store, usage: &AddressUse, inventory: &[Entry], now: u64) -> Result<(), Error> {
    if usage.state != AddressState::Used {
        return Ok(());
    }
    fault::point("before addresses are given back");
    match cooldown(&usage.network_interface_id, inventory) {
        0 => store.remove_address_use(&usage.owner)?,
        rest => {
            let state = AddressState::Cooling { until: now.saturating_add(rest) };
            store.write_address_use(&AddressUse { state, ..usage.clone() })?;
        }
    }
    fault::point("after addresses were given back");
    log::info!("{} of {} given back by {}", words(usage), usage.network_interface_id, usage.owner);
    Ok(())
}

fn cooldown(eni: &EniId, inventory: &[Entry]) -> u64 {
    let entry = inventory.iter().find(|entry| entry.network_interface_id == *eni);
    entry.and_then(|entry| entry.pool.as_ref()).map_or(DEFAULT_COOLDOWN, |pool| pool.cooldown_seconds)
}

/// Forgets the uses whose rest is over. What cannot be forgotten now is next time: it holds nothing any more.
pub(crate) fn sweep(store: &Store, uses: &[AddressUse], now: u64) {
    for usage in uses.iter().filter(|usage| !usage.holds_at(now)) {
        if let Err(error) = store.remove_address_use(&usage.owner) {
            log::warn!("the rest of {} is over, but its record stays: {error}", words(usage));
        }
    }
}

/// The addresses of a use in words.
pub(crate) fn words(usage: &AddressUse) -> String {
    usage.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
