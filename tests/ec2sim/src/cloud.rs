//! The state that all handles share, and the rule that records and links change together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::ids::VpcId;
use crate::state::State;
use crate::wire::{Returns, Wire, WireError};

#[derive(Debug)]
pub(crate) struct Cloud {
    inner: Mutex<Inner>,
    pub(crate) returns: Arc<Returns>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) wires: BTreeMap<VpcId, Wire>,
    pub(crate) keeping: bool,
    deleted: bool,
}

impl Inner {
    pub(crate) fn wire(&self, vpc: &VpcId) -> Result<&Wire, Error> {
        self.wires.get(vpc).ok_or_else(|| Error::NotThere(vpc.to_string()))
    }
}

impl Cloud {
    pub(crate) fn new(state: State) -> Self {
        let inner = Inner { state, wires: BTreeMap::new(), keeping: false, deleted: false };
        Self { inner: Mutex::new(inner), returns: Arc::default() }
    }

    /// Reads, also what is left of a fabric that was deleted.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> Result<T, Error>) -> Result<T, Error> {
        read(&self.lock().state)
    }

    /// Changes. The lock is held over the kernel's part, so that no reader sees a record without its link.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Inner) -> Result<T, Error>) -> Result<T, Error> {
        let mut inner = self.lock();
        if inner.deleted {
            return Err(Error::Deleted);
        }
        change(&mut inner)
    }

    /// Takes everything down. All of it is tried; the first refusal is told.
    pub(crate) fn delete(&self) -> Result<(), WireError> {
        let mut inner = self.lock();
        inner.deleted = true;
        let wires = std::mem::take(&mut inner.wires);
        wires.into_values().map(Wire::stop).fold(Ok(()), Result::and)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
