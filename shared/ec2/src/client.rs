//! The real EC2.

use crate::Action;
use crate::cloud::{Lifecycle, Metadata, Observer};
use crate::endpoint::{Endpoint, InterfaceFilter, Lookup, Page};
use crate::error::{Class, Error};
use crate::id::{AttachmentId, InstanceId, NetworkInterfaceId};
use crate::imds::{Imds, InvalidEndpoint};
use crate::instance::InstanceState;
use crate::interface::{Creation, Force, Modification, NetworkInterface, Slot, Tags};
use crate::limited::{Limited, Limits};
use crate::metadata::{Instance, MetadataError, MetadataInterface};
use crate::network::{InstanceTypeLimits, SecurityGroup, Subnet};
use crate::sdk::{Connection, Sdk};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// EC2 and the metadata service of this instance: all of [`Cloud`](crate::Cloud), and [`Sweep`](crate::Sweep).
pub type Client = Limited<Wire>;

/// Where and how. Nothing said is what an agent on an instance needs.
#[derive(Clone)]
pub struct Options {
    /// The region, or else that of `AWS_REGION`, or else the metadata service's.
    pub region: Option<String>,
    /// EC2's address, if not the region's own (`https://…`, or `http://127.0.0.1:1234` of a simulator).
    pub ec2_endpoint: Option<String>,
    /// The metadata service's address, if not its own.
    pub imds_endpoint: Option<String>,
    /// How patient, how fast and how forgetful.
    pub limits: Limits,
    /// Who wants to know of each request.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            region: None,
            ec2_endpoint: None,
            imds_endpoint: None,
            limits: Limits::default(),
            observer: Arc::new(Unobserved),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("region", &self.region)
            .field("ec2_endpoint", &self.ec2_endpoint)
            .field("imds_endpoint", &self.imds_endpoint)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn called(&self, _action: Action, _outcome: Result<(), Class>, _took: Duration) {}

    fn throttled(&self, _action: Action, _waited: Duration) {}
}

impl Client {
    /// The client. Nothing is asked yet: region and credentials (the SDK's default chain) are looked for with the first
    /// call, and again with the next if they were not to be had.
    ///
    /// # Errors
    /// An address makes no sense.
    pub fn connect(options: Options) -> Result<Self, InvalidEndpoint> {
        if let Some(text) = options.ec2_endpoint.as_ref().filter(|text| !is_address(text)) {
            return Err(InvalidEndpoint { text: text.clone() });
        }
        let imds = Arc::new(Imds::new(options.imds_endpoint.as_deref())?);
        let connection =
            Connection::new(options.region, options.ec2_endpoint, options.imds_endpoint, Arc::clone(&imds));
        let wire = Wire { sdk: Sdk::new(connection), imds };
        Ok(Self::new(wire, options.limits, options.observer, fastrand::u64(..)))
    }
}

fn is_address(text: &str) -> bool {
    let uri = text.parse::<http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// The SDK and the metadata service, each asked once for each request.
#[derive(Debug)]
pub struct Wire {
    sdk: Sdk,
    imds: Arc<Imds>,
}

impl Metadata for Wire {
    async fn instance(&self) -> Result<Instance, MetadataError> {
        self.imds.instance().await
    }

    async fn interfaces(&self) -> Result<Vec<MetadataInterface>, MetadataError> {
        self.imds.interfaces().await
    }

    async fn leaving(&self) -> Result<bool, MetadataError> {
        self.imds.leaving().await
    }
}

impl Endpoint for Wire {
    async fn describe_interfaces(
        &self,
        which: &InterfaceFilter,
        after: Option<&str>,
    ) -> Result<Page<NetworkInterface>, Error> {
        self.sdk.describe_interfaces(which, after).await
    }

    async fn describe_subnets(&self, which: &Lookup, after: Option<&str>) -> Result<Page<Subnet>, Error> {
        self.sdk.describe_subnets(which, after).await
    }

    async fn describe_security_groups(
        &self,
        which: &Lookup,
        after: Option<&str>,
    ) -> Result<Page<SecurityGroup>, Error> {
        self.sdk.describe_security_groups(which, after).await
    }

    async fn describe_instance_type(&self, name: &str) -> Result<Option<InstanceTypeLimits>, Error> {
        self.sdk.describe_instance_type(name).await
    }

    async fn describe_instances(
        &self,
        ids: &[InstanceId],
        after: Option<&str>,
    ) -> Result<Page<(InstanceId, InstanceState)>, Error> {
        self.sdk.describe_instances(ids, after).await
    }
}

impl Lifecycle for Wire {
    async fn create(&self, request: &Creation) -> Result<NetworkInterface, Error> {
        self.sdk.create(request).await
    }

    async fn attach(&self, eni: &NetworkInterfaceId, instance: &InstanceId, slot: Slot) -> Result<AttachmentId, Error> {
        self.sdk.attach(eni, instance, slot).await
    }

    async fn modify(&self, eni: &NetworkInterfaceId, change: &Modification) -> Result<(), Error> {
        self.sdk.modify(eni, change).await
    }

    async fn detach(&self, eni: &NetworkInterfaceId, attachment: &AttachmentId, force: Force) -> Result<(), Error> {
        self.sdk.detach(eni, attachment, force).await
    }

    async fn delete(&self, eni: &NetworkInterfaceId) -> Result<(), Error> {
        self.sdk.delete(eni).await
    }

    async fn assign_ipv4(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv4Addr>, Error> {
        self.sdk.assign_ipv4(eni, count).await
    }

    async fn unassign_ipv4(&self, eni: &NetworkInterfaceId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        self.sdk.unassign_ipv4(eni, addresses).await
    }

    async fn assign_ipv6(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv6Addr>, Error> {
        self.sdk.assign_ipv6(eni, count).await
    }

    async fn unassign_ipv6(&self, eni: &NetworkInterfaceId, addresses: &[Ipv6Addr]) -> Result<(), Error> {
        self.sdk.unassign_ipv6(eni, addresses).await
    }

    async fn tag(&self, eni: &NetworkInterfaceId, tags: &Tags) -> Result<(), Error> {
        self.sdk.tag(eni, tags).await
    }
}
