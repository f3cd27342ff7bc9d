//! PCI functions and their drivers, as sysfs shows and changes them (kernel, `Documentation/ABI/testing/sysfs-bus-pci` and
//! `sysfs-kernel-iommu_groups`).
//!
//! Every path is below a root that the caller names, `/sys` and `/dev` on a real machine.

mod access;
mod apart;
mod bus;
mod change;
mod function;
mod group;
mod memtypes;
mod plan;
mod refusal;
mod support;
mod write;

pub use access::Access;
pub use apart::written_apart;
pub use bus::Bus;
pub use change::Change;
pub use function::{Companion, DriverOverride, Function};
pub use group::Group;
pub use memtypes::{WriteCombining, write_combining};
pub use plan::{back, to_user_space};
pub use refusal::{NoIommu, Refusal, Unfit};
pub use support::Support;
pub use write::{Write, WriteError, Writing, Written};

use crate::names::PciAddr;
use std::path::PathBuf;

/// The driver that hands a function to user space.
pub const VFIO_PCI: &str = "vfio-pci";

/// Why a function could not be read or changed.
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
    /// There is no such function.
    #[error("this machine has no PCI device {0}")]
    Absent(PciAddr),
    /// It is not handed to user space.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A write, refused by the kernel.
    #[error("cannot change the driver of {address} by {}", path.display())]
    Write {
        /// The function.
        address: PciAddr,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A write that does not end.
    #[error("the kernel has not let go of {0} yet: a process has it open, and all goes on when that ends")]
    InUse(PciAddr),
    /// It is not bound to the driver that it should be bound to.
    #[error("{address} does not bind to {wished}, but {}: see the kernel's log", found.as_deref().map_or("has no driver".to_string(), |driver| format!("is bound to {driver}")))]
    NotBound {
        /// The function.
        address: PciAddr,
        /// To what it should be bound.
        wished: String,
        /// To what it is bound.
        found: Option<String>,
    },
    /// It is bound to its driver still.
    #[error("{driver} keeps {address} though it was told to let go: see the kernel's log")]
    StillBound {
        /// The function.
        address: PciAddr,
        /// Its driver.
        driver: String,
    },
    /// Its group has no node.
    #[error("{address} is bound, but there is no {}: is the module vfio_pci whole, and does anything make device nodes?", node.display())]
    NoNode {
        /// The function.
        address: PciAddr,
        /// What should be there.
        node: PathBuf,
    },
    /// The node of its group.
    #[error("cannot read or set the owner and mode of {}", node.display())]
    Node {
        /// The node.
        node: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Whether a driver is one by which user space has a function: it makes no network link.
pub fn is_for_user_space(driver: &str) -> bool {
    matches!(driver, VFIO_PCI | "uio_pci_generic" | "igb_uio")
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tree;
