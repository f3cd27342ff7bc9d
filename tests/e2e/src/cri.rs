//! A client of the kubelet's side of a container runtime: the calls of `runtime.v1` that pods need.

mod container_messages;
mod pod_messages;

use std::path::Path;

use prost::Message;
use tonic::Status;

pub use self::container_messages::*;
pub use self::pod_messages::*;
use crate::grpc::Client;

/// A connection to a container runtime's socket. Each call blocks.
#[derive(Debug)]
pub struct Cri {
    client: Client,
}

impl Cri {
    /// # Errors
    ///
    /// When nothing answers at the socket.
    ///
    /// # Panics
    ///
    /// When the machine has no more files to open.
    pub fn connect(socket: &Path) -> Result<Self, tonic::transport::Error> {
        Ok(Self { client: Client::connect(socket)? })
    }

    /// A call of the runtime service.
    ///
    /// # Errors
    ///
    /// What the runtime says.
    pub fn call<A, R>(&self, method: &str, request: A) -> Result<R, Status>
    where
        A: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        self.client.unary(&format!("/runtime.v1.RuntimeService/{method}"), request)
    }

    /// Whether the runtime has an image.
    ///
    /// # Errors
    ///
    /// What the runtime says.
    pub fn has_image(&self, image: &str) -> Result<bool, Status> {
        let request = ImageStatusRequest { image: Some(ImageSpec { image: image.into() }) };
        let status: ImageStatusResponse = self.client.unary("/runtime.v1.ImageService/ImageStatus", request)?;
        Ok(status.image.is_some())
    }
}
