//! What can go wrong with the machine.

use node::{addresses, arrival, netlink, netns, store, take_down, watch};

/// Why the machine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A device that arrives, or is looked after.
    #[error(transparent)]
    Arrival(#[from] arrival::Error),
    /// An attachment that is taken down.
    #[error(transparent)]
    TakeDown(#[from] take_down::Error),
    /// Addresses that are given back.
    #[error(transparent)]
    Addresses(#[from] addresses::Error),
    /// The node's records.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The host's namespace.
    #[error(transparent)]
    Netns(#[from] netns::Error),
    /// Reading the kernel.
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    /// Being told of changes.
    #[error(transparent)]
    Watch(#[from] watch::Error),
}
