//! The agent's hands in the kernel: what it sees of the host's links and of the pods' namespaces, and what it does to them.
//!
//! A trait, so that a storm of faults can run on a model in virtual time. [`Host`] is the real thing, and all of its work is
//! `node`'s: what the plugins do to a device and what the agent does to it is the same code.

mod error;
mod host;
mod ipam;

pub(crate) use error::Error;
pub(crate) use host::{Host, Places};
pub(crate) use node::arrival::{Arrived, Care, Wish as ArrivalWish};
pub(crate) use node::host::HostLink;
pub(crate) use node::take_down::Outcome;
pub(crate) use node::verdict::{Life, PodUids, Unseen, Verdict};
pub(crate) use node::watch::Event;

use crate::devices::{GivenOut, KubeletError};
use futures_util::Stream;
use node::addresses::AddressUse;
use node::inventory::{Entry, Seen};
use node::names::PciAddr;
use node::record::Record;
use std::future::Future;

/// What the agent asks of the machine that it runs on.
pub(crate) trait Machine: Send + Sync + 'static {
    /// The host's links, the loopback among them, out of one pass over links, addresses, routes and rules.
    ///
    /// # Errors
    /// Those of netlink.
    fn links(&self) -> impl Future<Output = Result<Vec<HostLink>, Error>> + Send;

    /// Takes an ENI that the kernel has just shown out of the hands of the host's daemons: no address, route or rule of theirs
    /// is left of it; it is named, has its MTU and bears its id in `ifalias`, and that was read back. It is down, if it is one
    /// that pods take whole; one that they share is up. The entry needs no PCI address yet.
    ///
    /// # Errors
    /// [`node::arrival::Error::Absent`] while the kernel does not show it; `Tied` and `Primary` for what is never touched, `Held`
    /// while a plugin has it; those of the steps.
    fn arrive(&self, wish: &ArrivalWish) -> impl Future<Output = Result<Arrived, Error>> + Send;

    /// As [`Machine::arrive`] for an ENI that has been on the node for a while: what was changed since is put right, a name to
    /// fall back to gives way to the wished one once that is free. Nothing is written if all is as wished, and nothing is done
    /// while a plugin has it.
    ///
    /// # Errors
    /// As [`Machine::arrive`], `Held` excepted.
    fn look_after(&self, wish: &ArrivalWish) -> impl Future<Output = Result<Care, Error>> + Send;

    /// Whether each of these attachments is alive, in their order, out of one look at all processes. `pods` are the UIDs of all
    /// pods that the API server has for this node, and the `kubernetes.io/config.hash` of the static ones; nothing where there is
    /// no API server, or it does not answer.
    fn verdicts(&self, records: &[Record], pods: Option<&PodUids>) -> impl Future<Output = Vec<Verdict>> + Send;

    /// As [`Machine::verdicts`] for uses of addresses of shared ENIs. Where the namespace of one is not on record, the pod's UID is
    /// all that tells.
    fn address_verdicts(
        &self,
        uses: &[AddressUse],
        pods: Option<&PodUids>,
    ) -> impl Future<Output = Vec<Verdict>> + Send;

    /// Takes down a dead attachment, or what an earlier release of it could not do. The verdict is made again under the device's
    /// lock.
    ///
    /// # Errors
    /// Those of the records and locks. What could not be done to the device or by the IPAM plugin is [`Outcome::Pending`].
    fn release(&self, record: &Record, pods: Option<&PodUids>) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// Lets the addresses of a dead pod rest. The verdict is made again under the lock over addresses.
    ///
    /// # Errors
    /// Those of the records and locks.
    fn release_addresses(
        &self,
        usage: &AddressUse,
        pods: Option<&PodUids>,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// Which devices the kubelet's pods have; none where there is no kubelet.
    ///
    /// # Errors
    /// A kubelet is there, and does not answer.
    fn given_out(&self) -> impl Future<Output = Result<GivenOut, KubeletError>> + Send;

    /// Hands an ENI, of which it is on record where it sits and which driver it has, to user space by `vfio-pci`. Nothing is done
    /// where that has it already.
    ///
    /// # Errors
    /// What this machine lacks for it; that a plugin has it; what the kernel says.
    fn hand_over(&self, entry: &Entry) -> impl Future<Output = Result<(), Error>> + Send;

    /// Gives an ENI back to the kernel's driver, and makes its link as [`Machine::arrive`] does.
    ///
    /// # Errors
    /// That a plugin or a program has it; what the kernel says.
    fn take_back(&self, wish: &ArrivalWish) -> impl Future<Output = Result<Arrived, Error>> + Send;

    /// How a device is at this moment; nothing if it is not there.
    fn look_at(&self, device: PciAddr) -> Option<Seen>;

    /// What changes from now on. Each item means "look again", and many changes that nobody has read yet are one item of each
    /// kind; one that the kernel had no room for is an item too.
    ///
    /// # Errors
    /// Those of the sockets.
    fn events(&self) -> Result<impl Stream<Item = Event> + Send + Unpin + 'static + use<Self>, Error>;
}
