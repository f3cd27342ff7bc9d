//! The addresses that an owner has of a shared ENI, on record. All of it happens with the lock over addresses held.

use crate::error::Error;
use node::addresses::AddressUse;
use node::fault;
use node::record::Owner;
use node::store::Store;

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

/// Forgets the uses whose rest is over, and whose chain has released. What cannot be forgotten now is next time: it holds nothing
/// any more.
pub(crate) fn sweep(store: &Store, uses: &[AddressUse], now: u64) {
    for usage in uses.iter().filter(|usage| usage.is_over_at(now)) {
        if let Err(error) = store.remove_address_use(&usage.owner) {
            log::warn!("the rest of {} is over, but its record stays: {error}", usage.words());
        }
    }
}
