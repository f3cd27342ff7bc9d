//! A machine of its own with real PCI NICs, for what namespaces cannot show: a NIC that comes back when its namespace dies,
//! hot-plug, drivers and IOMMU groups, power cuts.
//!
//! A test boots it ([`Machine`]) and plays the region on its own loopback ([`Region`]). When that attaches an ENI, the machine
//! gets a NIC; when it detaches it, the NIC goes ([`Slots`]). In the guest the program `guest` runs the [`scenarios`] on a
//! [`Node`]: it sees this machine's files, so our programs and Debian's are where they are here.

mod brief;
mod machine;
mod network;
mod node;
mod program;
mod qmp;
mod region;
pub mod scenarios;
mod serial;
mod slots;
mod testpmd;

pub use brief::{Brief, Part};
pub use machine::Machine;
pub use node::Node;
pub use program::run;
pub use qmp::Qmp;
pub use region::Region;
pub use scenarios::Scenario;
pub use slots::Slots;
pub use testpmd::Testpmd;

/// What every line that is for people begins with.
pub const SAYS: &str = "guest: ";
/// The line that asks for a power cut.
pub const CUT: &str = "guest: cut the power";
