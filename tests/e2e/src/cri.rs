//! A client of the kubelet's side of a container runtime: the calls of `runtime.v1` that pods need.

mod container_messages;
mod pod_messages;

use std::path::Path;

use prost::Message;
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

pub use self::container_messages::*;
pub use self::pod_messages::*;
use crate::LIMIT;

/// A connection to a container runtime's socket. Each call blocks.
#[derive(Debug)]
pub struct Cri {
    runtime: Runtime,
    channel: Channel,
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))?.timeout(LIMIT);
        let channel = runtime.block_on(endpoint.connect())?;
        Ok(Self { runtime, channel })
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
        self.unary(&format!("/runtime.v1.RuntimeService/{method}"), request)
    }

    /// Whether the runtime has an image.
    ///
    /// # Errors
    ///
    /// What the runtime says.
    pub fn has_image(&self, image: &str) -> Result<bool, Status> {
        let request = ImageStatusRequest { image: Some(ImageSpec { image: image.into() }) };
        let status: ImageStatusResponse = self.unary("/runtime.v1.ImageService/ImageStatus", request)?;
        Ok(status.image.is_some())
    }

    fn unary<A, R>(&self, path: &str, request: A) -> Result<R, Status>
    where
        A: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        let path = PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))?;
        let mut grpc = Grpc::new(self.channel.clone());
        self.runtime.block_on(async {
            grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let codec: ProstCodec<A, R> = ProstCodec::default();
            Ok(grpc.unary(Request::new(request), path, codec).await?.into_inner())
        })
    }
}
