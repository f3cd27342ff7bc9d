//! A client of gRPC on a socket of the node.

use std::path::Path;

use prost::Message;
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::LIMIT;

/// A connection to a socket. Each call blocks.
#[derive(Debug)]
pub(crate) struct Client {
    runtime: Runtime,
    channel: Channel,
}

impl Client {
    /// # Errors
    ///
    /// When nothing answers at the socket.
    ///
    /// # Panics
    ///
    /// When the machine has no more files to open.
    pub(crate) fn connect(socket: &Path) -> Result<Self, tonic::transport::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))?.timeout(LIMIT);
        let channel = runtime.block_on(endpoint.connect())?;
        Ok(Self { runtime, channel })
    }

    /// A call of one request and one answer, by its path `/SERVICE/METHOD`.
    ///
    /// # Errors
    ///
    /// What the other side says.
    pub(crate) fn unary<A, R>(&self, path: &str, request: A) -> Result<R, Status>
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
