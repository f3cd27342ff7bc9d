//! Taking an ENI out of what plugins may choose from: shrinking and claiming exclude each other here.

use crate::boot::seconds_since_boot;
use crate::fault;
use crate::inventory::{Entry, State};
use crate::lock;
use crate::names::EniId;
use crate::record::Owner;
use crate::store::{self, Store};
use std::time::Duration;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The entry, as it is written now.
    Out(Box<Entry>),
    /// Somebody has it, or an address of it.
    Held(Owner),
    /// It is in a state that it is not to be taken from.
    In(State),
    /// The inventory has it not, or cannot be read.
    Unknown,
}

/// Why it was not tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node's records.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The clock.
    #[error("the time since the boot cannot be read")]
    Clock(#[source] std::io::Error),
}

impl Store {
    /// Puts an ENI that is in one of the states `from`, and that nobody has, into the state `to`, and gives its entry back; else
    /// why not. Under the claim lock, so that no plugin chooses it meanwhile, and under the one over addresses, where it is
    /// shared. Who gets it back owns it: no plugin takes it any more.
    ///
    /// # Errors
    /// [`Error`]; a lock that does not come within `limit` among them.
    pub async fn take_out(&self, eni: &EniId, from: &[State], to: State, limit: Duration) -> Result<Taken, Error> {
        let _claims = self.claim_lock(limit).await?;
        let Some(entry) = self.entry(eni)? else { return Ok(Taken::Unknown) };
        let _addresses = match entry.is_shared() {
            true => Some(self.addresses_lock(limit).await?),
            false => None,
        };
        if !from.contains(&entry.state) {
            return Ok(Taken::In(entry.state));
        }
        if let Some(owner) = self.holder(&entry)? {
            return Ok(Taken::Held(owner));
        }
        let entry = Entry { state: to, ..entry };
        fault::point("an ENI is free and not yet taken out");
        self.write_entry(&entry)?;
        fault::point("an ENI is taken out");
        Ok(Taken::Out(Box::new(entry)))
    }

    fn holder(&self, entry: &Entry) -> Result<Option<Owner>, Error> {
        let device = entry.device();
        let mut records = self.records()?.into_iter();
        if let Some(record) = records.find(|record| record.holds() && record.device.is_same(&device)) {
            return Ok(Some(record.owner));
        }
        let now = seconds_since_boot().map_err(Error::Clock)?;
        let mut uses = self.address_uses()?.into_iter();
        let of_eni = uses.find(|usage| usage.network_interface_id == entry.network_interface_id && usage.holds_at(now));
        Ok(of_eni.map(|usage| usage.owner))
    }
}

#[cfg(test)]
mod tests;
