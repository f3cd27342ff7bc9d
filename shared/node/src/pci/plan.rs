//! What has to be done to a function so that user space has it, and so that the kernel has it again. Pure.

use super::refusal::{NoIommu, Refusal, group};
use super::{Change, DriverOverride, Function, Support, VFIO_PCI};

/// The changes that hand a function to user space, in order; none if it is there.
///
/// # Errors
/// [`Refusal`].
pub fn to_user_space(function: &Function, support: Support, no_iommu: NoIommu) -> Result<Vec<Change>, Refusal> {
    group(function, support, no_iommu)?;
    Ok(to_vfio_pci(function))
}

fn to_vfio_pci(function: &Function) -> Vec<Change> {
    if function.driver.as_deref() == Some(VFIO_PCI) {
        return Vec::new();
    }
    // Reserved first: between the two others no driver of the kernel takes it.
    let mut changes = Vec::new();
    if function.driver_override != DriverOverride::To(VFIO_PCI.to_string()) {
        changes.push(Change::Override(Some(VFIO_PCI.to_string())));
    }
    if function.driver.is_some() {
        changes.push(Change::Unbind);
    }
    changes.push(Change::Probe(VFIO_PCI.to_string()));
    changes
}

/// The changes that give a function back to the driver that it had, or to none, in order; none if it is so. It is reserved for
/// none of the kernel's then.
pub fn back(function: &Function, driver: Option<&str>) -> Vec<Change> {
    if driver == Some(VFIO_PCI) {
        return to_vfio_pci(function);
    }
    let mut changes = Vec::new();
    if function.driver_override != DriverOverride::No {
        changes.push(Change::Override(None));
    }
    if function.driver.as_deref() == driver {
        // Without a driver nothing was read, and nothing has to be as it was but that it has none.
        return if driver.is_none() { Vec::new() } else { changes };
    }
    if function.driver.is_some() {
        changes.push(Change::Unbind);
    }
    changes.extend(driver.map(|driver| Change::Probe(driver.to_string())));
    changes
}
