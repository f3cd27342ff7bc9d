//! The one hand that writes the inventory. Each change is of what is on disk at that moment, so two that end at the same time
//! never undo each other.

use std::time::Duration;

use node::inventory::{Entry, State};
use node::names::EniId;
use node::record::Owner;
use node::store::{self, Store};
use node::take_out::{self, Taken};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::learn::Learned;
use crate::life::{self, Illegal};

/// The claim lock is held for a few files of `/run`; a plugin that holds it longer is out of order.
const CLAIM_LIMIT: Duration = Duration::from_secs(5);

/// Why an entry was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Illegal(#[from] Illegal),
    #[error(transparent)]
    TakeOut(#[from] take_out::Error),
    #[error("{eni} is {held}, and is left alone")]
    Held { eni: EniId, held: Holding },
    #[error("the inventory has no {0}")]
    Unknown(EniId),
}

/// Why an ENI is not taken out.
#[derive(Debug)]
pub(crate) enum Holding {
    By(Owner),
    In(State),
}

impl std::fmt::Display for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::By(owner) => write!(f, "held by {owner}"),
            Self::In(state) => write!(f, "{state}"),
        }
    }
}

/// The inventory, for those who change it.
#[derive(Debug)]
pub(crate) struct Ledger {
    store: Arc<Store>,
    turn: Mutex<()>,
}

impl Ledger {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, turn: Mutex::default() }
    }

    /// Changes an ENI's entry, and gives it back as it is written. One that the change leaves as it is, is not written.
    ///
    /// # Errors
    /// [`Error::Unknown`], a transition that is not legal, and those of the files.
    pub(crate) async fn change(
        &self,
        eni: &EniId,
        change: impl FnOnce(&mut Entry) -> Result<(), Illegal> + Send,
    ) -> Result<Entry, Error> {
        self.turn().await.change(eni, change)
    }

    /// An ENI's entry.
    ///
    /// # Errors
    /// [`Error::Unknown`], and those of the files.
    pub(crate) fn entry(&self, eni: &EniId) -> Result<Entry, Error> {
        find(&self.store, eni)
    }

    /// Adds an ENI, unless it is known already.
    ///
    /// # Errors
    /// Those of the files.
    pub(crate) async fn add(&self, entry: &Entry) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        match find(&self.store, &entry.network_interface_id) {
            Ok(_) => Ok(()),
            Err(Error::Unknown(_)) => Ok(self.store.write_entry(entry)?),
            Err(error) => Err(error),
        }
    }

    /// Forgets an ENI, if it is known.
    ///
    /// # Errors
    /// A state that nothing ends in, and those of the files.
    pub(crate) async fn forget(&self, eni: &EniId, now: u64) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let mut entry = match find(&self.store, eni) {
            Ok(entry) => entry,
            Err(Error::Unknown(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        life::become_state(&mut entry, State::Deleted, now)?;
        Ok(self.store.remove_entry(&entry)?)
    }

    /// Takes an ENI out of what plugins may claim, on its way to its detachment, and gives its entry. One that is on that way
    /// already is given as it is. How long the plugins' lock was waited for is told, and not how long the ledger was.
    ///
    /// # Errors
    /// [`Error::Held`], [`Error::Unknown`], and those of the files and locks.
    pub(crate) async fn take_out(
        &self,
        eni: &EniId,
        now: u64,
        waited: impl FnOnce(Duration) + Send,
    ) -> Result<Entry, Error> {
        let _turn = self.turn.lock().await;
        let from = [State::Ready, State::Cooling, State::Attached, State::Attaching, State::Quarantined];
        let held = |held| Error::Held { eni: eni.clone(), held };
        let asked = Instant::now();
        let taken = self.store.take_out(eni, &from, State::Detaching, CLAIM_LIMIT).await;
        waited(asked.elapsed());
        match taken? {
            Taken::Out(entry) => {
                let mut entry = *entry;
                entry.upkeep.since = now;
                self.store.write_entry(&entry)?;
                Ok(entry)
            }
            Taken::In(State::Detaching) => find(&self.store, eni),
            Taken::In(state) => Err(held(Holding::In(state))),
            Taken::Held(owner) => Err(held(Holding::By(owner))),
            Taken::Unknown => Err(Error::Unknown(eni.clone())),
        }
    }

    /// Makes an ENI that was nobody's one of the project, unless a plugin has it: from now on it is on its way to its pool's
    /// plugins.
    ///
    /// # Errors
    /// As [`Ledger::take_out`].
    pub(crate) async fn take_in(
        &self,
        eni: &EniId,
        now: u64,
        waited: impl FnOnce(Duration) + Send,
        change: impl FnOnce(&mut Entry) + Send,
    ) -> Result<Entry, Error> {
        let _turn = self.turn.lock().await;
        let held = |held| Error::Held { eni: eni.clone(), held };
        let asked = Instant::now();
        // One that is `Attached` and nobody's was half taken in when the agent ended.
        let from = [State::Ready, State::Attached];
        let taken = self.store.take_out(eni, &from, State::Attached, CLAIM_LIMIT).await;
        waited(asked.elapsed());
        match taken? {
            Taken::Out(entry) => {
                let mut entry = *entry;
                entry.upkeep.since = now;
                change(&mut entry);
                self.store.write_entry(&entry)?;
                Ok(entry)
            }
            Taken::In(state) => Err(held(Holding::In(state))),
            Taken::Held(owner) => Err(held(Holding::By(owner))),
            Taken::Unknown => Err(Error::Unknown(eni.clone())),
        }
    }

    /// The right to read and write several files as one.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn { store: &self.store, _turn: self.turn.lock().await }
    }

    /// The same, if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        Some(Turn { store: &self.store, _turn: self.turn.try_lock().ok()? })
    }
}

fn find(store: &Store, eni: &EniId) -> Result<Entry, Error> {
    store.entry(eni)?.ok_or_else(|| Error::Unknown(eni.clone()))
}

/// The ledger in one hand.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    store: &'a Store,
    _turn: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Writes what was learnt.
    ///
    /// # Errors
    /// Those of the files.
    pub(crate) fn write(&self, learned: &Learned) -> Result<(), Error> {
        for entry in &learned.write {
            self.store.write_entry(entry)?;
        }
        for (eni, why) in &learned.forget {
            self.store.remove_entry(&find(self.store, eni)?)?;
            log::info!("{eni} is forgotten: {why}");
        }
        Ok(())
    }

    /// As [`Ledger::change`].
    ///
    /// # Errors
    /// As [`Ledger::change`].
    pub(crate) fn change(
        &self,
        eni: &EniId,
        change: impl FnOnce(&mut Entry) -> Result<(), Illegal>,
    ) -> Result<Entry, Error> {
        let before = find(self.store, eni)?;
        let mut entry = before.clone();
        change(&mut entry)?;
        if entry != before {
            self.store.write_entry(&entry)?;
        }
        Ok(entry)
    }
}
