//! This machine: its links, namespaces and drivers, the steps that change them, and what this project keeps on record
//! about them.

pub mod addresses;
pub mod ask;
pub mod boot;
pub mod device;
pub mod fault;
pub mod files;
pub mod ground;
pub mod inventory;
pub mod liveness;
pub mod lock;
pub mod logger;
pub mod names;
pub mod netlink;
pub mod netns;
pub mod record;
pub mod release;
pub mod settings;
pub mod step;
pub mod store;
pub mod sysctl;
