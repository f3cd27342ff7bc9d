//! PCI functions and their drivers, as sysfs shows them (kernel, `Documentation/ABI/testing/sysfs-bus-pci` and
//! `sysfs-kernel-iommu_groups`).
//!
//! Every path is below a root that the caller names, `/sys` and `/dev` on a real machine.

mod function;
mod group;
mod memtypes;
mod support;

pub use function::{Companion, DriverOverride, Function};
pub use group::Group;
pub use memtypes::{WriteCombining, write_combining};
pub use support::Support;

use std::path::PathBuf;

/// The driver that hands a function to user space.
pub const VFIO_PCI: &str = "vfio-pci";

/// Why sysfs could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The content of a file, or where a link leads.
    #[error("{} is {content:?}, which is no {expected}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is there, at most 80 characters.
        content: String,
        /// What should be.
        expected: &'static str,
    },
}

#[cfg(test)]
pub(crate) mod tree;
