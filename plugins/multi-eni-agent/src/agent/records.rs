//! The node's records, read at one moment.

use std::collections::BTreeMap;

use node::addresses::AddressUse;
use node::intent::{Intent, Token};
use node::inventory::Entry;
use node::names::EniId;
use node::record::{Owner, Record};
use node::store::{self, Store};

use crate::observe::Planned;
use crate::tags::TOKEN;

/// What is on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    pub(crate) entries: Vec<Entry>,
    pub(crate) records: Vec<Record>,
    pub(crate) uses: Vec<AddressUse>,
    pub(crate) creations: Vec<Planned>,
}

impl Records {
    /// Reads them, for one who only looks.
    ///
    /// # Errors
    /// Those of the files: what cannot be read is not known, and nothing is concluded from it.
    pub(crate) fn read(store: &Store) -> Result<Self, store::Error> {
        Ok(Self::over(store.inventory()?, store)?.0)
    }

    /// Reads them, for the one who keeps them: an entry that is none is set aside, and an intent whose ENI is in the inventory
    /// is fulfilled, and goes.
    ///
    /// # Errors
    /// Those of the files, as [`Records::read`].
    pub(crate) fn keep(store: &Store) -> Result<Self, store::Error> {
        let (records, fulfilled) = Self::over(store.inventory_to_keep()?, store)?;
        fulfilled.iter().try_for_each(|token| store.remove_intent(token))?;
        Ok(records)
    }

    /// The rest beside this inventory, and the tokens of what is fulfilled.
    fn over(entries: Vec<Entry>, store: &Store) -> Result<(Self, Vec<Token>), store::Error> {
        let (records, uses) = (store.records()?, store.address_uses()?);
        let (mut creations, mut fulfilled) = (Vec::new(), Vec::new());
        for Intent { token, content } in store.intents::<Planned>()? {
            match entries.iter().any(|entry| entry.tags.get(TOKEN).is_some_and(|of| of == token.as_str())) {
                true => fulfilled.push(token),
                false => creations.push(content),
            }
        }
        Ok((Self { entries, records, uses, creations }, fulfilled))
    }

    /// Who has which ENI.
    pub(crate) fn held(&self) -> BTreeMap<EniId, Owner> {
        let holding: Vec<&Record> = self.records.iter().filter(|record| record.holds()).collect();
        let held = self.entries.iter().filter_map(|entry| {
            let device = entry.device();
            let record = holding.iter().find(|record| record.device.is_same(&device))?;
            Some((entry.network_interface_id.clone(), record.owner.clone()))
        });
        held.collect()
    }
}
