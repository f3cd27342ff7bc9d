//! An ENI that the kernel has just shown, and one that it shows still: out of the hands of the host's daemons, named, with its
//! MTU, and marked.
//!
//! What is there is compared with what is wished until nothing is left to do, so the look that ends it is the proof, and an ENI
//! that is as wished costs one look.

mod hand_over;
mod plan;

pub use hand_over::{HandedOver, hand_over, take_back};
pub use plan::{Observed, plan};

use crate::device::Device;
use crate::ground::{self, Ground, Side};
use crate::host::{Tie, View, driver, pci_address_of};
use crate::inventory::Entry;
use crate::lock::{self, Lock};
use crate::names::{IfName, PciAddr};
use crate::netlink::{self, Link};
use crate::netns;
use crate::pci;
use crate::step::Place;
use crate::store::{self, Store};
use crate::sysctl::Sysctl;
use std::path::Path;

/// How often it is put right and looked at again: a daemon that reacts to each change may be in the middle of its own.
const ROUNDS: usize = 4;

/// How an ENI's link is to be on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What is known of the ENI; its PCI address need not be.
    pub entry: Entry,
    /// The name of its link.
    pub name: IfName,
    /// In bytes; what the driver cannot do is brought within its range. Nothing leaves it as it is.
    pub mtu: Option<u32>,
}

/// How an ENI's link is on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The link's number in the host's namespace.
    pub index: u32,
    /// Where it sits, if it is a PCI device's.
    pub pci_address: Option<PciAddr>,
    /// Its driver, if it is a PCI device's.
    pub driver: Option<String>,
    /// Its name: the wished one, or while another link goes by that, the ENI's own to fall back to.
    pub host_name: IfName,
    /// Bytes.
    pub mtu: u32,
    /// What others had configured on it and is gone, in words.
    pub cleaned: Vec<String>,
    /// All that was changed, what is in `cleaned` among it, in words.
    pub changed: Vec<String>,
}

/// What came of looking after an ENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Care {
    /// A plugin has it, or works on it at this moment: it was not touched.
    Held,
    /// It is as wished. Where nothing had to be done for that, `changed` is empty.
    Right(Arrived),
}

/// When the link is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It is new: nobody uses it yet.
    Arrival,
    /// It has been ready before: pods may have addresses of it, if they share it.
    Later,
}

/// Why an ENI's link is not as wished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not show it.
    #[error("the kernel has no link of {0}")]
    Absent(Device),
    /// It is the host's own.
    #[error("{device} is not touched: {tie}")]
    Tied {
        /// The device.
        device: Device,
        /// Why.
        tie: Tie,
    },
    /// It is the instance's primary ENI.
    #[error("{0} is not touched: it is the instance's primary ENI")]
    Primary(Device),
    /// A plugin has it.
    #[error("{0} is in the hands of a plugin")]
    Held(Device),
    /// It bears a name that no link can be given, and neither the wished name nor that to fall back to is free.
    #[error("{0} can have no name: others have what is wished and what it could fall back to")]
    Nameless(Device),
    /// It was put right again and again, and each time somebody changed it.
    #[error("{device} does not stay as it is wished ({step}): does a daemon of the host configure it?")]
    Restless {
        /// The device.
        device: Device,
        /// What would have been next.
        step: String,
    },
    /// Nothing says at which PCI address it sits.
    #[error("it is not known where {0} sits")]
    Unplaced(Device),
    /// Its kernel driver has to be written down before it is taken from it.
    #[error("the kernel driver of {0} is not in the inventory")]
    NoDriverOnRecord(Device),
    /// Its driver.
    #[error("{device} cannot change hands")]
    Driver {
        /// The device.
        device: Device,
        /// Why.
        #[source]
        source: Box<pci::Error>,
    },
    /// A step.
    #[error("{device} cannot be put right")]
    Step {
        /// The device.
        device: Device,
        /// Why.
        #[source]
        source: Box<ground::Error>,
    },
    /// Reading the kernel.
    #[error("the host's links cannot be read")]
    Netlink(#[from] netlink::Error),
    /// The host's namespace.
    #[error(transparent)]
    Netns(#[from] netns::Error),
    /// The node's records.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The device's lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
}

/// Makes the link of an ENI that is new on the node as it is wished. `sysfs` is `/sys`.
///
/// # Errors
/// [`Error`].
pub async fn arrive(store: &Store, wish: &Wish, sysfs: &Path) -> Result<Arrived, Error> {
    match alone(store, wish, Occasion::Arrival, sysfs).await? {
        Care::Right(arrived) => Ok(arrived),
        Care::Held => Err(Error::Held(wish.entry.device())),
    }
}

/// Makes the link of an ENI that has been ready before as it is wished again. `sysfs` is `/sys`.
///
/// # Errors
/// [`Error`], but for [`Error::Held`].
pub async fn look_after(store: &Store, wish: &Wish, sysfs: &Path) -> Result<Care, Error> {
    alone(store, wish, Occasion::Later, sysfs).await
}

/// With the device's lock held, unless a plugin has the device.
async fn alone(store: &Store, wish: &Wish, occasion: Occasion, sysfs: &Path) -> Result<Care, Error> {
    let Some(_lock) = lock(store, &wish.entry)? else { return Ok(Care::Held) };
    Ok(Care::Right(settle(wish, occasion, sysfs).await?))
}

/// The device's lock; nothing if a plugin has the device, or works on it at this moment.
fn lock(store: &Store, entry: &Entry) -> Result<Option<Lock>, Error> {
    let device = entry.device();
    if entry.is_primary_eni() {
        return Err(Error::Primary(device));
    }
    let Some(lock) = store.try_device_lock(&device.lock_name())? else { return Ok(None) };
    let is_held = store.records()?.iter().any(|record| record.holds() && record.device.is_same(&device));
    Ok((!is_held).then_some(lock))
}

async fn settle(wish: &Wish, occasion: Occasion, sysfs: &Path) -> Result<Arrived, Error> {
    let device = wish.entry.device();
    let mut ground = Ground::new(Side::here()?, None, device.clone());
    let (mut cleaned, mut changed) = (Vec::new(), Vec::new());
    for round in 0.. {
        let (observed, link) = observe(&ground, &device).await?;
        let steps = plan(wish, &link, &observed, occasion)?;
        let Some(next) = steps.first() else {
            return Ok(Arrived { cleaned, changed, ..arrived(&link, &device, sysfs)? });
        };
        if round == ROUNDS {
            return Err(Error::Restless { device, step: next.to_string() });
        }
        ground = ground.with_link(Place::Host, &link);
        for step in &steps {
            let outcome = ground.apply(step).await;
            let outcome = outcome.map_err(|source| Error::Step { device: device.clone(), source: Box::new(source) })?;
            if outcome == ground::Outcome::Changed {
                cleaned.extend(plan::is_cleaning(step).then(|| step.to_string()));
                changed.push(step.to_string());
            }
        }
    }
    Err(Error::Absent(device))
}

async fn observe(ground: &Ground, device: &Device) -> Result<(Observed, Link), Error> {
    let visit = &ground.host().visit;
    let view = View::read(&visit.netlink).await?;
    let link = device.find(&view.links).cloned().ok_or_else(|| Error::Absent(device.clone()))?;
    // Of a link that goes at this moment, nothing is known; the next look says so.
    let accept_ra = visit.sysctls.read(&link.name, Sysctl::AcceptRa).ok().flatten();
    Ok((Observed { view, accept_ra }, link))
}

fn arrived(link: &Link, device: &Device, sysfs: &Path) -> Result<Arrived, Error> {
    let pci_address = pci_address_of(link, sysfs);
    Ok(Arrived {
        index: link.index,
        pci_address,
        driver: pci_address.and_then(|address| driver(address, sysfs)),
        host_name: link.name.parse().map_err(|_| Error::Nameless(device.clone()))?,
        mtu: link.mtu,
        cleaned: Vec::new(),
        changed: Vec::new(),
    })
}
