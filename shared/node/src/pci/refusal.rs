//! Why a function is not handed to user space. Told before anything is taken from its driver.

use super::{Companion, Function, Group, Support, VFIO_PCI};
use crate::names::PciAddr;

/// What node.toml says about groups that no IOMMU protects anybody from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoIommu {
    /// They are not used.
    #[default]
    Refused,
    /// They are used where the kernel makes them.
    Allowed,
}

/// Why a function cannot be handed to user space.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No driver for it.
    #[error("the driver vfio-pci is not on this node: run modprobe vfio-pci, and have it loaded at boot")]
    NoDriver,
    /// No IOMMU has the function.
    #[error(
        "{address} is behind no IOMMU{}, and vfio's parameter enable_unsafe_noiommu_mode is off: switch one of them on",
        if *.iommu { ", though this machine has one" } else { "" }
    )]
    NoIommu {
        /// The function.
        address: PciAddr,
        /// Whether the machine has one all the same.
        iommu: bool,
    },
    /// The node does without, and may not.
    #[error(
        "{0} is behind no IOMMU, and node.toml does not say allow_no_iommu = true: whoever has the device reads all memory"
    )]
    NoIommuForbidden(PciAddr),
    /// Bound, it has no group.
    #[error("{0} is bound to vfio-pci and is in no IOMMU group: see the kernel's log")]
    NoGroup(PciAddr),
    /// Others are in the group.
    #[error("IOMMU group {group} of {address} has {} too, which whoever gets the group could reach", list(.others))]
    NotAlone {
        /// The function.
        address: PciAddr,
        /// Its group.
        group: Group,
        /// Which.
        others: Vec<Companion>,
    },
}

/// Why a function is not one to be handed to user space now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// A change of it that was begun goes on.
    InUse,
    /// It may not be.
    Refused(Refusal),
}

fn list(others: &[Companion]) -> String {
    let name = |one: &Companion| format!("{} ({})", one.address, one.driver.as_deref().unwrap_or("no driver"));
    others.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The group that a function is in, if it may be handed over in it; nothing if it will have one only once it is bound.
///
/// # Errors
/// [`Refusal`].
pub(super) fn group(function: &Function, support: Support, no_iommu: NoIommu) -> Result<Option<Group>, Refusal> {
    let address = function.address;
    let is_bound = function.driver.as_deref() == Some(VFIO_PCI);
    if !is_bound && !support.vfio_pci {
        return Err(Refusal::NoDriver);
    }
    match function.group {
        Some(Group::Iommu(_)) => {}
        None if is_bound => return Err(Refusal::NoGroup(address)),
        None if !support.no_iommu => return Err(Refusal::NoIommu { address, iommu: support.iommu }),
        Some(Group::NoIommu(_)) | None if no_iommu == NoIommu::Refused => {
            return Err(Refusal::NoIommuForbidden(address));
        }
        Some(Group::NoIommu(_)) | None => {}
    }
    let others: Vec<_> = function.companions.iter().filter(|one| !one.is_bridge()).cloned().collect();
    match function.group {
        Some(group) if !others.is_empty() => Err(Refusal::NotAlone { address, group, others }),
        group => Ok(group),
    }
}
