//! The kubelet's device plugin API: each resource of the node's pools is served to the kubelet on a socket of its own, and what it
//! gives out is remembered until no pod has it any more.
//!
//! A device is an attached ENI, its id the PCI address; the list is the inventory, so an ENI that was hot-plugged is offered like
//! any other. The loop writes what is offered, the servers only read it.

mod allocations;
mod answer;
mod api;
mod document;
mod kubelet;
mod offer;
mod preference;
mod registrar;
mod server;
mod sockets;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use self::allocations::Allocations;
pub(crate) use self::kubelet::{Error as KubeletError, GivenOut, given_out};
pub(crate) use self::offer::{Device, Facts, Health, Offers, offers};
pub(crate) use self::registrar::serve;
pub(crate) use self::server::Service;
pub(crate) use self::state::{Devices, Places};
