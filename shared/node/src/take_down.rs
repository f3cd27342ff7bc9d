//! Giving a device back, as a whole: DEL, GC, ADD's rollback, the taking over of a dead pod's device and the agent's clean-up all
//! come through here. What runs an IPAM plugin is the caller's, since the protocol of plugins is not known here.

use crate::fault;
use crate::ground::{Ground, Side};
use crate::lock;
use crate::netns::{self, Netns};
use crate::notes::Notes;
use crate::pci::Bus;
use crate::record::{Pending, Phase, Record};
use crate::release::{self, Ending, RETURN_LIMIT, Release};
use crate::store::{self, Listed, Store};
use crate::verdict::{self, Life, Pods, Sight};
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

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

/// What is to be taken down, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The record as it was found; it is read again with the device's lock held.
    pub record: &'a Record,
    /// Under what condition.
    pub only: Only<'a>,
    /// How long the lock is waited for; nothing is not at all.
    pub patience: Option<Duration>,
    /// Where the runtime says that the pod's namespace is: believed only of the very namespace that the device went to.
    pub named: Option<&'a Path>,
    /// The processes among which the namespace is looked for.
    pub proc_dir: &'a Path,
    /// Where the device's function is.
    pub bus: &'a Bus,
}

/// Under what condition an attachment is taken down.
#[derive(Debug, Clone, Copy)]
pub enum Only<'a> {
    /// None: its runtime is done with it.
    Always,
    /// It is still the one that was found to be dead, since what is gone does not come back.
    IfTheSame,
    /// It is found dead under the lock.
    IfDead(Pods<'a>),
}

/// What came of taking down.
#[derive(Debug)]
pub enum Done<E> {
    /// The device is nobody's.
    Down(Down<E>),
    /// It is not dead, or nobody can tell: nothing was done.
    Spared(Life),
    /// Another process works on it: nothing was done.
    Busy,
    /// There is no such record any more: nothing was done.
    Nothing,
    /// Its owner has another one by now: nothing was done.
    Replaced,
}

/// What is left of an attachment that was taken down.
#[derive(Debug)]
pub struct Down<E> {
    /// What is left to do; the record is gone if that is nothing.
    pub pending: Pending,
    /// What the IPAM plugin said.
    pub freed: Result<(), E>,
}

/// The pod's namespace.
enum Pod {
    Open(Side),
    /// Nothing has it any more.
    Gone,
    /// It may be there, and cannot be reached.
    Unseen,
}

/// Takes an attachment down: under the device's lock, if the record is still that of this device. Every step is tried, and what
/// could not be done is marked on the record. `free` lets the IPAM plugin of the record release.
///
/// # Errors
/// [`Error`]; what the device or the IPAM plugin refuse is in [`Down`].
pub async fn take_down<E: Display>(
    store: &Store,
    wish: &Wish<'_>,
    free: impl AsyncFnOnce(&Record) -> Result<(), E>,
) -> Result<Done<E>, Error> {
    let name = wish.record.device.lock_name();
    let lock = match wish.patience {
        Some(limit) => Some(store.device_lock(&name, limit).await?),
        None => store.try_device_lock(&name)?,
    };
    let Some(_lock) = lock else { return Ok(Done::Busy) };
    // It may have been taken down while the lock was waited for, and its owner may have another device by now.
    let Some(record) = store.record(&wish.record.owner)? else { return Ok(Done::Nothing) };
    if record.device != wish.record.device {
        return Ok(Done::Replaced);
    }
    let sight = match wish.only {
        Only::Always => None,
        Only::IfTheSame if record.namespace.identity != wish.record.namespace.identity => return Ok(Done::Replaced),
        Only::IfTheSame => None,
        Only::IfDead(pods) => {
            let sight = Sight::look(wish.proc_dir, [record.namespace.identity]).await;
            match verdict::of_record(&record, store, &sight, pods)? {
                Life::Gone => Some(sight),
                life => return Ok(Done::Spared(life)),
            }
        }
    };
    leave_note(store, &record);
    let is_home = !record.holds() && !record.pending.device;
    if is_home || has_passed_on(store, &record)? {
        log::info!("{} is home, or another attachment's by now, and is left alone", record.device);
        let freed = free(&record).await;
        return Ok(Done::Down(settle(store, &record, Device::Done, freed)?));
    }
    let (host, named) = (Side::here()?, wish.named);
    let pod = match &record.bound {
        // What user space has is in no namespace.
        Some(_) => Pod::Unseen,
        None => pod(store, &record, Search { named, proc_dir: wish.proc_dir, sight }, &host).await?,
    };
    Ok(Done::Down(of_pod(store, &record, Field { host, bus: wish.bus, pod }, free(&record)).await?))
}

/// Where a device is looked for and put right.
struct Field<'a> {
    host: Side,
    bus: &'a Bus,
    pod: Pod,
}

async fn of_pod<E: Display>(
    store: &Store,
    record: &Record,
    Field { host, bus, pod }: Field<'_>,
    free: impl Future<Output = Result<(), E>>,
) -> Result<Down<E>, Error> {
    let is_gone = matches!(pod, Pod::Gone);
    let side = match pod {
        Pod::Open(side) => Some(side),
        Pod::Gone | Pod::Unseen => None,
    };
    let mut ground = Ground::new(host, side, record.device.clone()).with_bus(bus.clone());
    if ground.pod().is_none() && record.bound.is_none() && record.device.pci_address.is_some() {
        ground.await_return(RETURN_LIMIT).await;
    }
    let (freed, mut device) = give_back(&mut ground, record, Ending::Down, free).await;
    if device == Device::Pending && is_nowhere(&mut ground).await {
        if is_gone && record.device.pci_address.is_none() {
            log::warn!("{} died with its namespace, and is forgotten", record.device);
            device = Device::Done;
        } else if has_left_the_node(store, record)? {
            log::warn!("{} has left the node, and is forgotten", record.device);
            device = Device::Done;
        }
    }
    Ok(settle(store, record, device, freed)?)
}

/// Undoes an ADD that failed: the caller has the device's lock and the ground.
///
/// # Errors
/// Those of writing the record.
pub async fn roll_back<E: Display>(
    store: &Store,
    record: &Record,
    ground: &mut Ground,
    free: impl Future<Output = Result<(), E>>,
) -> Result<Down<E>, store::Error> {
    let (freed, device) = give_back(ground, record, Ending::AsBefore, free).await;
    settle(store, record, device, freed)
}

/// How a device is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    /// As it was, or there is none any more.
    Done,
    /// Not home, or not quite as it was.
    Pending,
}

/// Gives the device back, while `free` lets the IPAM plugin release.
async fn give_back<E>(
    ground: &mut Ground,
    record: &Record,
    ending: Ending,
    free: impl Future<Output = Result<(), E>>,
) -> (Result<(), E>, Device) {
    let release = Release {
        device: &record.device,
        home: record.home.as_ref(),
        bound: record.bound.as_ref(),
        leftovers: &record.leftovers,
        ending,
    };
    let (freed, released) = futures_util::future::join(free, release::run(ground, &release)).await;
    for error in &released.errors {
        log::warn!("{}: {}", record.device, in_words(error));
    }
    (freed, if released.pending { Device::Pending } else { Device::Done })
}

/// Writes down what is left to do; nothing left is nothing written.
fn settle<E: Display>(
    store: &Store,
    record: &Record,
    device: Device,
    freed: Result<(), E>,
) -> Result<Down<E>, store::Error> {
    if let Err(error) = &freed {
        log::warn!("the IPAM plugin of {} does not release: {error}", record.owner);
    }
    let pending = Pending { device: device == Device::Pending, ipam: freed.is_err() };
    if !is_still_its(store, record)? {
        log::warn!("the record of {} is about another device by now, and is left alone", record.owner);
    } else if pending.is_nothing() {
        store.remove_record(&record.owner)?;
    } else {
        log::warn!("{} is given back by {}, but not wholly: {pending:?}", record.device, record.owner);
        store.write_record(&Record { phase: Phase::Released, pending: pending.clone(), ..record.clone() })?;
    }
    fault::point("record of the release");
    Ok(Down { pending, freed })
}

/// Whether the owner's record is still about this attachment. A claim needs no lock of a device: it may have given the owner
/// another one meanwhile, or what was left of this one to somebody else.
fn is_still_its(store: &Store, record: &Record) -> Result<bool, store::Error> {
    Ok(match store.record(&record.owner)? {
        Some(now) => now.device == record.device,
        None => record.holds(),
    })
}

async fn is_nowhere(ground: &mut Ground) -> bool {
    ground.locate().await.is_ok_and(|found| found.is_none())
}

fn has_passed_on(store: &Store, record: &Record) -> Result<bool, store::Error> {
    let is_of_another = |other: &Record| other.owner != record.owner && other.device.is_same(&record.device);
    Ok(store.records()?.iter().any(|other| other.holds() && is_of_another(other)))
}

/// Where a pod's namespace is looked for.
struct Search<'a> {
    named: Option<&'a Path>,
    proc_dir: &'a Path,
    /// A look that was for it already.
    sight: Option<Sight>,
}

/// The pod's namespace, wherever it still is.
async fn pod(store: &Store, record: &Record, search: Search<'_>, host: &Side) -> Result<Pod, Error> {
    let identity = &record.namespace.identity;
    let sight = match search.sight {
        Some(sight) => sight,
        None => {
            for path in search.named.into_iter().chain([record.namespace.path.as_path()]) {
                match side_of(path, host)? {
                    Some(side) if side.visit.identity.is_same(identity) => return Ok(Pod::Open(side)),
                    Some(_) | None => {}
                }
            }
            Sight::look(search.proc_dir, [*identity]).await
        }
    };
    if let Some(netns) = sight.open(identity).await {
        return Ok(Pod::Open(Side { visit: netns.visit(&host.netns)?, netns }));
    }
    match sight.lacks(identity, store.process_namespace_of(&record.owner)?) {
        Ok(true) => Ok(Pod::Gone),
        Ok(false) => Ok(Pod::Unseen),
        Err(why) => {
            log::warn!("whether the namespace of {} is gone cannot be told: {why}", record.owner);
            Ok(Pod::Unseen)
        }
    }
}

/// The namespace of this path; nothing if none is there.
fn side_of(path: &Path, host: &Side) -> Result<Option<Side>, netns::Error> {
    let visited = Netns::open(path).and_then(|netns| Ok(Side { visit: netns.visit(&host.netns)?, netns }));
    match visited {
        Ok(side) => Ok(Some(side)),
        Err(netns::Error::Missing(_) | netns::Error::NotOne(_)) => Ok(None),
        Err(error) => Err(error),
    }
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
    bus: &Bus,
    free: impl AsyncFnOnce(&Record) -> Result<(), E>,
) -> Result<Outcome, Error> {
    let wish = Wish { record, only: Only::IfDead(pods), patience: None, named: None, proc_dir, bus };
    Ok(match take_down(store, &wish, free).await? {
        Done::Down(down) if down.pending.is_nothing() => Outcome::Released,
        Done::Down(down) => Outcome::Pending(down.pending),
        Done::Spared(life) => Outcome::Spared(life),
        Done::Busy => Outcome::Busy,
        Done::Nothing | Done::Replaced => Outcome::Nothing,
    })
}

/// Of an ADD that was killed, its record is all that tells.
fn leave_note(store: &Store, record: &Record) {
    let left =
        Notes::open_for(store.path(), record).and_then(|notes| notes.map_or(Ok(()), |notes| notes.leave_of(record)));
    if let Err(error) = left {
        log::warn!("no note is left of how the ADD of {} ended: {error}", record.owner);
    }
}

/// Whether the inventory, which has every ENI of the node, surely has this one no more.
fn has_left_the_node(store: &Store, record: &Record) -> Result<bool, store::Error> {
    let Some(eni) = &record.device.network_interface_id else { return Ok(false) };
    Ok(store.listed(eni)? == Listed::Absent)
}

fn in_words(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |words, source| format!("{words}: {source}"))
}

#[cfg(test)]
mod tests;
