//! The group of a function: what user space gets it by.

use super::function::{read_if_there, target_name};
use super::{Error, function};
use std::fmt;
use std::path::{Path, PathBuf};

/// What the kernel names a group that no IOMMU protects anybody from (`vfio_noiommu_group_alloc` in
/// drivers/vfio/group.c).
const NO_IOMMU: &str = "vfio-noiommu";

/// A group, by its number at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// An IOMMU keeps it apart.
    Iommu(u32),
    /// Nothing does: whoever has it reads and writes all memory.
    NoIommu(u32),
}

impl Group {
    /// Its number.
    pub fn number(self) -> u32 {
        match self {
            Self::Iommu(number) | Self::NoIommu(number) => number,
        }
    }

    /// Its node on the host. `dev` is `/dev`.
    pub fn host_node(self, dev: &Path) -> PathBuf {
        match self {
            Self::Iommu(number) => dev.join(format!("vfio/{number}")),
            Self::NoIommu(number) => dev.join(format!("vfio/noiommu-{number}")),
        }
    }

    /// The path at which a container has it, the same with and without an IOMMU (sriov-network-device-plugin does it so, and
    /// DPDK looks there first). `dev` is `/dev`.
    pub fn container_node(self, dev: &Path) -> PathBuf {
        dev.join(format!("vfio/{}", self.number()))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iommu(number) => write!(f, "{number}"),
            Self::NoIommu(number) => write!(f, "noiommu-{number}"),
        }
    }
}

/// The group of the function with this folder.
pub(super) fn of_function(folder: &Path) -> Result<Option<Group>, Error> {
    let link = folder.join("iommu_group");
    let Some(name) = target_name(&link)? else { return Ok(None) };
    let number = name.parse().map_err(|_| function::content(&link, &name, "number of a group"))?;
    let kind = read_if_there(&link.join("name"))?.unwrap_or_default();
    Ok(Some(if kind.trim() == NO_IOMMU { Group::NoIommu(number) } else { Group::Iommu(number) }))
}
