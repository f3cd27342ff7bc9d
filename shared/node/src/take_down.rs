//! Giving a device back, as a whole: DEL, GC, ADD's rollback, the taking over of a dead pod's device and the agent's clean-up all
//! come through here. What runs an IPAM plugin is the caller's, since the protocol of plugins is not known here.

use crate::fault;
use crate::ground::{self, Ground, Side};
use crate::lock;
use crate::netns;
use crate::notes::Notes;
use crate::record::{Pending, Phase, Record};
use crate::release::{self, Ending, Release};
use crate::store::{self, Store};
use crate::verdict::{self, Life, Pods, Sight};
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

/// How long a device may take to come back from a namespace that died: the kernel tears namespaces down one after another,
/// behind everybody's back.
const RETURN_LIMIT: Duration = Duration::from_secs(2);

/// What came of the release of something that is taken to be dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is given back, and forgotten.
    Released,
    /// It is nobody's, but this could not be done yet: it is on record, and tried with the next release.
    Pending(Pending),
    /// It is not dead, or nobody can tell: nothing was done.
    Spared(Life),
    /// Another process works on it: nothing was done.
    Busy,
    /// Somebody else released it meanwhile.
    Nothing,
}

/// Why a release could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node's records.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The host's namespace.
    #[error(transparent)]
    Netns(#[from] netns::Error),
}

/// What came of taking down.
#[derive(Debug)]
pub struct Down<E> {
    /// What is left to do; the record is gone if that is nothing.
    pub pending: Pending,
    /// What the IPAM plugin said.
    pub freed: Result<(), E>,
    /// What could not be done to the device.
    pub errors: Vec<ground::Error>,
}

/// Gives back the device of a record, while `free` lets the IPAM plugin release. The caller holds the device's lock. Every step is
/// tried, and what could not be done is marked on the record.
///
/// # Errors
/// Those of writing the record.
pub async fn take_down<E: Display>(
    store: &Store,
    record: &Record,
    ground: &mut Ground,
    ending: Ending,
    free: impl Future<Output = Result<(), E>>,
) -> Result<Down<E>, store::Error> {
    if ground.pod().is_none() && record.device.pci_address.is_some() {
        ground.await_return(RETURN_LIMIT).await;
    }
    let release = Release { device: &record.device, home: &record.home, leftovers: &record.leftovers, ending };
    let (freed, released) = futures_util::future::join(free, release::run(ground, &release)).await;
    let vanished = ground.pod().is_none() && record.device.pci_address.is_none() && is_nowhere(ground).await;
    if vanished {
        log::warn!("{} died with its namespace, and is forgotten", record.device);
    }
    let pending = Pending { device: released.pending && !vanished, ipam: freed.is_err() };
    if pending.is_nothing() {
        store.remove_record(&record.owner)?;
    } else {
        log::warn!("{} is given back by {}, but not wholly: {pending:?}", record.device, record.owner);
        store.write_record(&Record { phase: Phase::Released, pending: pending.clone(), ..record.clone() })?;
    }
    fault::point("record of the release");
    Ok(Down { pending, freed, errors: released.errors })
}

async fn is_nowhere(ground: &mut Ground) -> bool {
    ground.locate().await.is_ok_and(|found| found.is_none())
}

/// Takes down an attachment that is taken to be dead, or what an earlier release of it left to do. Whether it is dead is looked at
/// again with the device's lock held. `free` lets the IPAM plugin of the record release.
///
/// # Errors
/// [`Error`]; what the device or the IPAM plugin refuse is [`Outcome::Pending`].
pub async fn of_dead<E: Display>(
    store: &Store,
    record: &Record,
    pods: Pods<'_>,
    proc_dir: &Path,
    free: impl AsyncFnOnce(&Record) -> Result<(), E>,
) -> Result<Outcome, Error> {
    let Some(_lock) = store.try_device_lock(&record.device.lock_name())? else { return Ok(Outcome::Busy) };
    // It may have been taken down meanwhile, and its owner may have another device by now.
    let now = store.record(&record.owner)?;
    let Some(record) = now.filter(|now| now.device == record.device) else { return Ok(Outcome::Nothing) };
    let sight = Sight::look(proc_dir).await;
    match verdict::of_record(&record, store, &sight, pods)? {
        Life::Gone => {}
        life => return Ok(Outcome::Spared(life)),
    }
    leave_note(store, &record);
    let others = store.records()?;
    if others.iter().any(|other| other.owner != record.owner && other.holds() && other.device.is_same(&record.device)) {
        log::warn!("{} has passed on to another attachment, and is left alone", record.device);
        return passed_on(store, &record, &free(&record).await);
    }
    let host = Side::here()?;
    let pod = match sight.open(&record.namespace.identity, &host.netns) {
        Some(netns) => Some(Side { visit: netns.visit(&host.netns)?, netns }),
        None => None,
    };
    let mut ground = Ground::new(host, pod, record.device.clone());
    let down = take_down(store, &record, &mut ground, Ending::Down, free(&record)).await?;
    for error in &down.errors {
        log::warn!("{}: {error}", record.device);
    }
    if let Err(error) = &down.freed {
        log::warn!("the IPAM plugin of {} does not release: {error}", record.owner);
    }
    if down.pending.device && is_nowhere(&mut ground).await && has_left_the_node(store, &record)? {
        log::warn!("{} has left the node, and is forgotten", record.device);
        return settle(store, &record, Pending { device: false, ..down.pending });
    }
    Ok(if down.pending.is_nothing() { Outcome::Released } else { Outcome::Pending(down.pending) })
}

/// Of an ADD that was killed, its record is all that tells.
fn leave_note(store: &Store, record: &Record) {
    if record.phase != Phase::Claimed {
        return;
    }
    if let Err(error) = Notes::open(store.path()).and_then(|notes| notes.leave_of(record)) {
        log::warn!("no note is left of how the ADD of {} ended: {error}", record.owner);
    }
}

/// Whether the inventory, which has every ENI of the node, has this one no more.
fn has_left_the_node(store: &Store, record: &Record) -> Result<bool, Error> {
    let Some(eni) = &record.device.network_interface_id else { return Ok(false) };
    Ok(store.inventory()?.iter().all(|entry| entry.network_interface_id != *eni))
}

/// Writes down what is left to do; nothing left is nothing written.
fn settle(store: &Store, record: &Record, pending: Pending) -> Result<Outcome, Error> {
    if pending.is_nothing() {
        store.remove_record(&record.owner)?;
        return Ok(Outcome::Released);
    }
    store.write_record(&Record { phase: Phase::Released, pending: pending.clone(), ..record.clone() })?;
    Ok(Outcome::Pending(pending))
}

/// The device is another's; only the addresses are left to give back.
fn passed_on<E: Display>(store: &Store, record: &Record, freed: &Result<(), E>) -> Result<Outcome, Error> {
    if let Err(error) = freed {
        log::warn!("the IPAM plugin of {} does not release: {error}", record.owner);
    }
    settle(store, record, Pending { device: false, ipam: freed.is_err() })
}
