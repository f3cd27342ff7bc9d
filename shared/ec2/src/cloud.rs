//! What this project wants of EC2, split by who wants it. Each method is one whole errand: it returns within its deadline,
//! and what could be tried again safely has been.

use crate::action::Action;
use crate::error::{Class, Error};
use crate::id::{AttachmentId, InstanceId, NetworkInterfaceId};
use crate::instance::InstanceState;
use crate::interface::{Creation, Force, Modification, NetworkInterface, Slot, Tags};
use crate::metadata::{Instance, MetadataError, MetadataInterface};
use crate::network::{InstanceTypeLimits, SecurityGroup, Selection, Subnet};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What changes ENIs. An error of class `Transient` or `Unknown` does not say whether the change was made.
pub trait Lifecycle: Send + Sync + 'static {
    /// A new ENI, with its tags; the same one again for the same request.
    fn create(&self, request: &Creation) -> impl Future<Output = Result<NetworkInterface, Error>> + Send;

    /// Attaches an ENI at exactly this place. The answer comes before the instance has the link.
    fn attach(
        &self,
        eni: &NetworkInterfaceId,
        instance: &InstanceId,
        slot: Slot,
    ) -> impl Future<Output = Result<AttachmentId, Error>> + Send;

    /// Changes one attribute.
    fn modify(&self, eni: &NetworkInterfaceId, change: &Modification)
    -> impl Future<Output = Result<(), Error>> + Send;

    /// Begins to detach; the ENI is `Available` later.
    fn detach(
        &self,
        eni: &NetworkInterfaceId,
        attachment: &AttachmentId,
        force: Force,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes an ENI that is attached to nothing. One that is not there is an error of class `NotFound`.
    fn delete(&self, eni: &NetworkInterfaceId) -> impl Future<Output = Result<(), Error>> + Send;

    /// Assigns so many further IPv4 addresses of the subnet, which are the answer.
    fn assign_ipv4(
        &self,
        eni: &NetworkInterfaceId,
        count: u32,
    ) -> impl Future<Output = Result<Vec<Ipv4Addr>, Error>> + Send;

    /// Takes IPv4 addresses away; never the primary one.
    fn unassign_ipv4(
        &self,
        eni: &NetworkInterfaceId,
        addresses: &[Ipv4Addr],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Assigns so many further IPv6 addresses of the subnet, which are the answer.
    fn assign_ipv6(
        &self,
        eni: &NetworkInterfaceId,
        count: u32,
    ) -> impl Future<Output = Result<Vec<Ipv6Addr>, Error>> + Send;

    /// Takes IPv6 addresses away.
    fn unassign_ipv6(
        &self,
        eni: &NetworkInterfaceId,
        addresses: &[Ipv6Addr],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Adds tags, and replaces those of the same key. For drift only: a new ENI has its tags from `create`.
    fn tag(&self, eni: &NetworkInterfaceId, tags: &Tags) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What looks at ENIs. Answers are whole (all pages), and may be seconds old (EC2, "Eventual consistency").
pub trait Query: Send + Sync + 'static {
    /// All ENIs of an instance, those of others among them.
    fn attached_to(&self, instance: &InstanceId) -> impl Future<Output = Result<Vec<NetworkInterface>, Error>> + Send;

    /// All ENIs that have all of these tags.
    fn tagged(&self, tags: &Tags) -> impl Future<Output = Result<Vec<NetworkInterface>, Error>> + Send;

    /// The ENIs of these ids; one that EC2 does not know is left out.
    fn by_id(&self, ids: &[NetworkInterfaceId]) -> impl Future<Output = Result<Vec<NetworkInterface>, Error>> + Send;
}

/// What looks beyond one instance, for who cleans up behind those that are gone. Answers are whole, as of [`Query`], and none comes
/// from a cache: what is deleted by them has to be EC2's word of now.
pub trait Sweep: Send + Sync + 'static {
    /// The ENIs that have all of these tags and are attached to nothing.
    fn unattached(&self, tags: &Tags) -> impl Future<Output = Result<Vec<NetworkInterface>, Error>> + Send;

    /// What becomes of these instances; one that EC2 does not know, or no more, is left out.
    fn instance_states(
        &self,
        ids: &[InstanceId],
    ) -> impl Future<Output = Result<BTreeMap<InstanceId, InstanceState>, Error>> + Send;
}

/// What surrounds ENIs. Answers may come from a cache.
pub trait Network: Send + Sync + 'static {
    /// The selected subnets, each once, in the order of their ids.
    fn subnets(&self, select: &Selection) -> impl Future<Output = Result<Vec<Subnet>, Error>> + Send;

    /// The selected security groups, each once, in the order of their ids.
    fn security_groups(&self, select: &Selection) -> impl Future<Output = Result<Vec<SecurityGroup>, Error>> + Send;

    /// What a type of instance takes; a type that EC2 does not know is an error of class `NotFound`.
    fn instance_type(&self, name: &str) -> impl Future<Output = Result<InstanceTypeLimits, Error>> + Send;
}

/// What the instance knows about itself without EC2's API.
pub trait Metadata: Send + Sync + 'static {
    /// This instance.
    fn instance(&self) -> impl Future<Output = Result<Instance, MetadataError>> + Send;

    /// Its ENIs, one for each MAC, in the order of their slots.
    fn interfaces(&self) -> impl Future<Output = Result<Vec<MetadataInterface>, MetadataError>> + Send;

    /// Whether the instance is about to end: a spot interruption, or its Auto Scaling group takes it out.
    fn leaving(&self) -> impl Future<Output = Result<bool, MetadataError>> + Send;
}

/// All of it.
pub trait Cloud: Lifecycle + Query + Network + Metadata {}

impl<T: Lifecycle + Query + Network + Metadata> Cloud for T {}

/// Who wants to know what was asked of EC2.
pub trait Observer: Send + Sync + 'static {
    /// One request went out and was answered so, or was given up, after so long. A call that is tried again, or that
    /// reads several pages, is several.
    fn called(&self, action: Action, outcome: Result<(), Class>, took: Duration);

    /// A request waited so long for its turn before it went out, or was given up waiting.
    fn throttled(&self, action: Action, waited: Duration);
}
