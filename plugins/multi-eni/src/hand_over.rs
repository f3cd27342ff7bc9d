//! Mode `vfio-pci`: the device goes to user space, and into no namespace. The node of its group gets into a container by the
//! kubelet alone.

use crate::choose::{Refusal, Taken};
use crate::config::{Config, GroupNode};
use crate::error::Error;
use crate::node_here::Node;
use crate::observe::World;
use node::pci::{Access, Bus, Change, VFIO_PCI};
use node::record::{Bound, Record};
use node::step::Step;

/// What a claim will do to the device's function, and how that is now. What is missing on the machine is an error here, when
/// nothing is claimed yet.
///
/// # Errors
/// Code 7 for what is no PCI device, 103 for a device that another driver keeps, 105.
pub(crate) fn bound(node: &Node, config: &Config, world: &World, taken: &Taken) -> Result<Bound, Error> {
    let Some(address) = taken.device.pci_address else {
        return Err(Error::Plan(format!("mode vfio-pci needs a PCI device, and {} is none", taken.device)));
    };
    // A link that is of no pool was not looked at.
    let function = match world.function(Some(address)) {
        Some(function) => function.clone(),
        None => node.bus.function(address)?.ok_or_else(|| Refusal::Away { device: taken.device.clone() })?,
    };
    let before = taken.unfinished.as_ref().and_then(|unfinished| unfinished.bound.clone());
    let before = before.map_or(function.driver.clone(), |bound| bound.before);
    if let Some(driver) = function.driver.filter(|driver| node::pci::is_for_user_space(driver) && driver != VFIO_PCI) {
        if config.selector.pci.is_none() {
            return Err(Refusal::InUserSpace { device: taken.device.clone(), driver }.into());
        }
        return Ok(Bound { before: Some(driver.clone()), driver, node: None });
    }
    node.bus.to_user_space(address)?;
    let of_kernel = taken.entry.as_ref().and_then(|entry| entry.original_driver.clone());
    Ok(Bound { driver: VFIO_PCI.to_string(), before: before.or(of_kernel), node: None })
}

/// The steps that hand the device over.
///
/// # Errors
/// Code 105.
pub(crate) fn steps(bus: &Bus, record: &Record) -> Result<Vec<Step>, Error> {
    let (Some(address), Some(bound)) = (record.device.pci_address, &record.bound) else { return Ok(Vec::new()) };
    if bound.driver != VFIO_PCI {
        return Ok(Vec::new());
    }
    Ok(bus.to_user_space(address)?.into_iter().map(Step::ChangeFunction).collect())
}

/// Looks whether the device is in the hands of the driver that is on record, with a group that has its node.
///
/// # Errors
/// Codes 104 and 105.
pub(crate) fn verify(bus: &Bus, record: &Record) -> Result<(), Error> {
    let (Some(address), Some(bound)) = (record.device.pci_address, &record.bound) else { return Ok(()) };
    if bound.driver == VFIO_PCI {
        return Ok(bus.handed_over(address).map(drop)?);
    }
    match bus.function(address)? {
        Some(function) if function.driver.as_ref() == Some(&bound.driver) => Ok(()),
        Some(function) => {
            Err(node::pci::Error::NotBound { address, wished: bound.driver.clone(), found: function.driver }.into())
        }
        None => Err(node::pci::Error::Absent(address).into()),
    }
}

/// Who may open the node of the group now, and the step that gives it to whom the configuration says; nothing if it says nothing.
///
/// # Errors
/// Those of the node; code 7 for a driver whose devices have no group.
pub(crate) fn access(bus: &Bus, record: &Record, wish: GroupNode) -> Result<Option<(Access, Step)>, Error> {
    let (Some(address), Some(bound)) = (record.device.pci_address, &record.bound) else { return Ok(None) };
    let Some(key) = wish.keys().next() else { return Ok(None) };
    if bound.driver != VFIO_PCI {
        return Err(Error::Plan(format!("{key} is of a group, and {} has none for {}", bound.driver, record.device)));
    }
    let before = bus.access(address)?;
    let (user, group) = wish.owner.unwrap_or((before.user, before.group));
    let access = Access { user, group, mode: wish.mode.unwrap_or(before.mode) };
    Ok(Some((before, Step::ChangeFunction(Change::Node(access)))))
}
