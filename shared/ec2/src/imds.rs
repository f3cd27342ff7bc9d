//! The instance metadata service, version 2 only (EC2, "Use the Instance Metadata Service").
//!
//! Three answers are kept apart: a part that is there, a part that is not (404), and a failure, which says nothing about
//! the part. 200 with nothing in it is a failure too: a part without a value is not there.

mod interfaces;
mod parse;
mod session;

use crate::cloud::Metadata;
use crate::metadata::{Instance, MetadataError, MetadataInterface};
use session::Session;

/// The metadata service of the instance that this process runs on. Reads are tried again within a deadline; at most a few
/// go out at once.
#[derive(Debug)]
pub struct Imds {
    session: Session,
}

/// The address of a service is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address of the form http://host:port")]
pub struct InvalidEndpoint {
    pub(crate) text: String,
}

impl Imds {
    /// The service at this address (`http://127.0.0.1:1234`), or else at that of `AWS_EC2_METADATA_SERVICE_ENDPOINT`, or
    /// else at EC2's link-local one.
    ///
    /// # Errors
    /// The address makes no sense.
    pub fn new(endpoint: Option<&str>) -> Result<Self, InvalidEndpoint> {
        Ok(Self { session: Session::new(endpoint)? })
    }

    /// The region (`placement/region`).
    ///
    /// # Errors
    /// It is not to be had.
    pub async fn region(&self) -> Result<String, MetadataError> {
        self.session.required("placement/region").await
    }
}

impl Metadata for Imds {
    async fn instance(&self) -> Result<Instance, MetadataError> {
        Ok(Instance {
            id: parse::one("instance-id", &self.session.required("instance-id").await?)?,
            instance_type: self.session.required("instance-type").await?,
            region: self.region().await?,
            availability_zone: self.session.required("placement/availability-zone").await?,
            primary_mac: parse::one("mac", &self.session.required("mac").await?)?,
        })
    }

    async fn interfaces(&self) -> Result<Vec<MetadataInterface>, MetadataError> {
        interfaces::all(&self.session).await
    }

    /// A spot instance has `spot/instance-action` from two minutes before its end. What an Auto Scaling group takes out
    /// has the target state `Terminated`, or in a warm pool `Warmed:Terminated`.
    async fn leaving(&self) -> Result<bool, MetadataError> {
        if self.session.get("spot/instance-action").await?.is_some() {
            return Ok(true);
        }
        let target = self.session.get("autoscaling/target-lifecycle-state").await?;
        Ok(matches!(target.as_deref(), Some("Terminated" | "Warmed:Terminated")))
    }
}
