//! The state that all handles share, and the rule that records and links change together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::api::{Api, Outage};
use crate::clock::Clock;
use crate::due::Dues;
use crate::error::Error;
use crate::hardware::{Board, Effect};
use crate::history::History;
use crate::ids::VpcId;
use crate::settle::settle;
use crate::state::State;
use crate::timing::Timing;
use crate::wire::{Returns, Wire, WireError};

/// What plays the machines and the VPCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Played {
    ByTheKernel,
    OnPaper,
}

#[derive(Debug)]
pub(crate) struct Cloud {
    inner: Mutex<Inner>,
    /// Held while effects run, so that they run in their order.
    effects: Mutex<()>,
    /// The next thing to come is another one.
    pub(crate) planned: Notify,
    /// What servers do about their sockets.
    pub(crate) outages: watch::Sender<Outage>,
    pub(crate) returns: Arc<Returns>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) wires: BTreeMap<VpcId, Wire>,
    pub(crate) keeping: bool,
    pub(crate) played: Played,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) dues: Dues,
    pub(crate) history: History,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) board: Board,
    pub(crate) api: Api,
    deleted: bool,
}

impl Inner {
    pub(crate) fn wire(&self, vpc: &VpcId) -> Result<&Wire, Error> {
        match self.played {
            Played::OnPaper => Err(Error::OnPaper),
            Played::ByTheKernel => self.wires.get(vpc).ok_or_else(|| Error::NotThere(vpc.to_string())),
        }
    }

    /// What is so has always been so, by a new clock.
    pub(crate) fn rebase(&mut self) {
        self.history.commit(&mut self.state, Duration::ZERO);
        self.history.rebase();
    }

    /// Lets everything happen that is due.
    pub(crate) fn settle(&mut self) -> Duration {
        let now = self.clock.now();
        settle(self, now);
        self.history.commit(&mut self.state, now);
        now
    }
}

impl Cloud {
    pub(crate) fn new(state: State, played: Played) -> Self {
        let inner = Inner {
            state,
            wires: BTreeMap::new(),
            keeping: false,
            played,
            clock: Clock::of_this_machine(),
            timing: Timing::default(),
            dues: Dues::default(),
            history: History::default(),
            effects: VecDeque::new(),
            board: Board::default(),
            api: Api::default(),
            deleted: false,
        };
        Self {
            inner: Mutex::new(inner),
            effects: Mutex::default(),
            planned: Notify::new(),
            outages: watch::Sender::default(),
            returns: Arc::default(),
        }
    }

    /// Reads, also what is left of a fabric that was deleted.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> Result<T, Error>) -> Result<T, Error> {
        self.look(|inner| read(&inner.state))
    }

    /// Reads of the past, too.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Inner) -> Result<T, Error>) -> Result<T, Error> {
        let looked = {
            let mut inner = self.lock();
            if !inner.deleted {
                inner.settle();
            }
            look(&inner)
        };
        self.act();
        looked
    }

    /// Changes. The lock is held over the kernel's part, so that no reader sees a record without its link.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Inner) -> Result<T, Error>) -> Result<T, Error> {
        let changed = {
            let mut inner = self.lock();
            if inner.deleted {
                return Err(Error::Deleted);
            }
            let before = inner.dues.next();
            inner.settle();
            let changed = change(&mut inner);
            inner.settle();
            if inner.dues.next() != before {
                self.planned.notify_one();
            }
            changed
        };
        self.act();
        changed
    }

    /// Takes everything down. All of it is tried; the first refusal is told.
    pub(crate) fn delete(&self) -> Result<(), WireError> {
        let mut inner = self.lock();
        inner.deleted = true;
        inner.effects.clear();
        let wires = std::mem::take(&mut inner.wires);
        wires.into_values().map(Wire::stop).fold(Ok(()), Result::and)
    }

    /// Plugs and unplugs what is to be. Who finds somebody at it leaves it to them: they go on until nothing is left.
    fn act(&self) {
        let acting = match self.effects.try_lock() {
            Ok(acting) => acting,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        while let Some((effect, board)) = self.next_effect() {
            crate::effects::run(self, &effect, &board);
        }
        drop(acting);
    }

    fn next_effect(&self) -> Option<(Effect, Board)> {
        let mut inner = self.lock();
        let effect = inner.effects.pop_front()?;
        Some((effect, inner.board.clone()))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
