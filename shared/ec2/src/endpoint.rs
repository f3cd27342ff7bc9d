//! EC2 as one request and its one answer: what [`Limited`](crate::Limited) makes errands of.

use crate::cloud::Lifecycle;
use crate::error::Error;
use crate::id::{InstanceId, NetworkInterfaceId, VpcId};
use crate::instance::InstanceState;
use crate::interface::{NetworkInterface, Tags};
use crate::network::{InstanceTypeLimits, SecurityGroup, Subnet};
use std::collections::BTreeSet;

/// EC2 without patience: each method, those of [`Lifecycle`] too, sends one request once and hands on what came back. It
/// needs no deadline, no bucket and no cache of its own, and its errors need no subject.
pub trait Endpoint: Lifecycle {
    /// A page of ENIs.
    fn describe_interfaces(
        &self,
        which: &InterfaceFilter,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<NetworkInterface>, Error>> + Send;

    /// A page of subnets.
    fn describe_subnets(
        &self,
        which: &Lookup,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<Subnet>, Error>> + Send;

    /// A page of security groups.
    fn describe_security_groups(
        &self,
        which: &Lookup,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<SecurityGroup>, Error>> + Send;

    /// What a type of instance takes; nothing for a type that EC2 does not know.
    fn describe_instance_type(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<InstanceTypeLimits>, Error>> + Send;

    /// A page of instances (`instance-id`, at most [`FILTER_VALUES`]).
    fn describe_instances(
        &self,
        ids: &[InstanceId],
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<(InstanceId, InstanceState)>, Error>> + Send;
}

/// Part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What the part has; may be nothing even if others follow.
    pub items: Vec<T>,
    /// With what to ask for the next part (`NextToken`).
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The only page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Which ENIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceFilter {
    /// Those of an instance (`attachment.instance-id`).
    AttachedTo(InstanceId),
    /// Those that have all of these tags (`tag:…`).
    Tagged(Tags),
    /// Those of them that are attached to nothing (`status` is `available`).
    Unattached(Tags),
    /// Those of these ids (`network-interface-id`), at most [`FILTER_VALUES`].
    Ids(Vec<NetworkInterfaceId>),
}

/// Which subnets or security groups: those whose property has one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The property.
    pub by: By,
    /// At most [`FILTER_VALUES`], each meant literally.
    pub values: BTreeSet<String>,
    /// Only those of this VPC.
    pub vpc: Option<VpcId>,
}

/// A property of subnets and security groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The id.
    Id,
    /// The tag `Name`.
    TagName,
    /// A security group's name.
    GroupName,
}

/// How many values a filter takes (EC2, "Filtering": 200 for each request).
pub const FILTER_VALUES: usize = 200;
