//! What this machine has for drivers in user space.

use super::{VFIO_PCI, function};
use std::path::Path;

/// Whether a function can be handed to user space at all. What cannot be read is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    /// The module `vfio-pci` is loaded, or built in.
    pub vfio_pci: bool,
    /// An IOMMU is on.
    pub iommu: bool,
    /// vfio does without an IOMMU: its parameter `enable_unsafe_noiommu_mode` is on.
    pub no_iommu: bool,
}

impl Support {
    /// As it is now. `sysfs` is `/sys`.
    pub fn read(sysfs: &Path) -> Self {
        let parameter = sysfs.join("module/vfio/parameters/enable_unsafe_noiommu_mode");
        let parameter = std::fs::read_to_string(parameter).unwrap_or_default();
        Self {
            // A module that is loaded and about to register its driver has no folder of a driver yet.
            vfio_pci: sysfs.join("bus/pci/drivers").join(VFIO_PCI).exists(),
            iommu: function::names(&sysfs.join("class/iommu")).is_ok_and(|names| !names.is_empty()),
            no_iommu: matches!(parameter.trim(), "Y" | "1"),
        }
    }
}
