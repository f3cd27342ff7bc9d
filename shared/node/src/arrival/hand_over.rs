//! An ENI of a pool of mode `vfio-pci`: user space has it from its arrival on, so that the node of its group is there before a
//! container is. Before it is detached, and when its pool is of another mode, the kernel has it again.

use super::{Arrived, Error, Occasion, Wish, lock, settle};
use crate::device::Device;
use crate::fault;
use crate::ground::{Ground, Outcome, Side};
use crate::host::View;
use crate::inventory::Entry;
use crate::names::PciAddr;
use crate::pci::{self, Bus, Change, Function, Group};
use crate::release::RETURN_LIMIT;
use crate::store::Store;

/// An ENI that user space has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// Where it sits.
    pub pci_address: PciAddr,
    /// The kernel driver that it had; nothing if it was handed over before this boot's inventory was written.
    pub original_driver: Option<String>,
    /// Its group at this moment.
    pub group: Group,
    /// What was changed, in words; nothing if it was handed over already.
    pub changed: Vec<String>,
}

/// Hands an ENI that nobody has over to user space, with its lock held. The entry must have its PCI address and its kernel's
/// driver, since that is to be on record before it is taken from it: [`super::arrive`] tells both. An ENI that was handed over
/// before is only looked at.
///
/// # Errors
/// [`Error`]. [`Error::Driver`] holds what is missing on the machine ([`pci::Refusal`]), which was found before anything was
/// changed, or what became of a change; then it is wholly the kernel's or not, and the next call goes on from there.
pub async fn hand_over(store: &Store, entry: &Entry, bus: &Bus) -> Result<HandedOver, Error> {
    let device = entry.device();
    let Some(_lock) = lock(store, entry)? else { return Err(Error::Held(device)) };
    let function = function(&device, bus)?;
    let failed = |source| refused(&device, source);
    let changes = bus.to_user_space(function.address).map_err(failed)?;
    if !changes.is_empty() {
        refuse_tied(&device).await?;
        let is_kernels = function.driver.is_some() && !function.is_for_user_space();
        if entry.original_driver.is_none() || (is_kernels && function.driver != entry.original_driver) {
            return Err(Error::NoDriverOnRecord(device));
        }
    }
    let changed = apply(&device, bus, function.address, &changes).await?;
    let group = bus.handed_over(function.address).map_err(failed)?;
    Ok(HandedOver { pci_address: function.address, original_driver: entry.original_driver.clone(), group, changed })
}

/// Gives an ENI that nobody has back to the kernel's driver of the entry, and makes its link as it is wished. One that the kernel
/// has is only looked at.
///
/// # Errors
/// [`Error`].
pub async fn take_back(store: &Store, wish: &Wish, bus: &Bus) -> Result<Arrived, Error> {
    let device = wish.entry.device();
    let Some(_lock) = lock(store, &wish.entry)? else { return Err(Error::Held(device)) };
    let function = function(&device, bus)?;
    let driver = match &function.driver {
        Some(driver) if !function.is_for_user_space() => driver,
        _ => wish.entry.original_driver.as_ref().ok_or_else(|| Error::NoDriverOnRecord(device.clone()))?,
    };
    let mut changed = apply(&device, bus, function.address, &pci::back(&function, Some(driver))).await?;
    Ground::new(Side::here()?, None, device).await_return(RETURN_LIMIT).await;
    let arrived = settle(wish, Occasion::Arrival, bus.sysfs()).await?;
    changed.extend(arrived.changed);
    Ok(Arrived { changed, ..arrived })
}

async fn apply(device: &Device, bus: &Bus, address: PciAddr, changes: &[Change]) -> Result<Vec<String>, Error> {
    let mut changed = Vec::new();
    for change in changes {
        let outcome = bus.apply(address, change).await.map_err(|source| refused(device, source))?;
        fault::point(&change.to_string());
        if outcome == Outcome::Changed {
            changed.push(change.to_string());
        }
    }
    Ok(changed)
}

fn function(device: &Device, bus: &Bus) -> Result<Function, Error> {
    let address = device.pci_address.ok_or_else(|| Error::Unplaced(device.clone()))?;
    let function = bus.function(address).map_err(|source| refused(device, source))?;
    function.ok_or_else(|| Error::Absent(device.clone()))
}

/// The link of the host's own device is the kernel's for ever.
async fn refuse_tied(device: &Device) -> Result<(), Error> {
    let view = View::read(&Side::here()?.visit.netlink).await?;
    match device.find(&view.links).and_then(|link| view.tie(link)) {
        Some(tie) => Err(Error::Tied { device: device.clone(), tie }),
        None => Ok(()),
    }
}

fn refused(device: &Device, source: pci::Error) -> Error {
    Error::Driver { device: device.clone(), source: Box::new(source) }
}
