//! The instance metadata service, version 2 only
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html>), over the facts of a fabric.

mod answer;
mod builder;
mod fault;
mod journal;
mod server;
mod token;
mod tree;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use builder::ImdsBuilder;
pub use fault::{FaultBuilder, Trigger};
pub use journal::MetadataRequest;
pub use tree::Snapshot;

use crate::error::Error;
use crate::instance::Instance;
use server::Shared;

/// Why the metadata service could not be started or waited for.
#[derive(Debug, thiserror::Error)]
pub enum ImdsError {
    /// The address could not be listened on.
    #[error("the metadata service cannot listen on {address}")]
    Listen { address: String, source: std::io::Error },
    /// No thread or runtime for the server.
    #[error("the metadata service cannot start")]
    Start(#[source] std::io::Error),
    /// The awaited requests did not come.
    #[error("{seen} of {wanted} requests to {path} within {limit:?}")]
    NotAsked { path: String, wanted: usize, seen: usize, limit: Duration },
}

/// A running metadata service of one instance. It ends when this is dropped, with every connection that it holds.
#[derive(Debug)]
pub struct Imds {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Imds {
    /// The service of this instance, to be started in its machine's namespace.
    pub fn of(instance: &Instance) -> ImdsBuilder {
        ImdsBuilder::new(instance.clone())
    }

    /// Its base address, `http://127.0.0.1:1234`, as `AWS_EC2_METADATA_SERVICE_ENDPOINT` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Orders a fault for every path below `/latest/` that begins with `prefix`: `""`, `api/token`, `meta-data/network`.
    /// The first matching order that is not used up counts.
    pub fn at(&self, prefix: &str) -> FaultBuilder {
        FaultBuilder::new(Arc::clone(&self.shared.faults), prefix)
    }

    /// Takes back every fault that was ordered.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// What it knows now, to answer with later as if it were still so.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Snapshot::of(&self.shared.instance)
    }

    /// Lets time go by, for the life of tokens.
    pub fn advance(&self, time: Duration) {
        self.shared.tokens.advance(time);
    }

    /// Every request so far, in the order they came.
    #[must_use]
    pub fn requests(&self) -> Vec<MetadataRequest> {
        self.shared.journal.all()
    }

    /// The requests so far to paths below `/latest/` that begin with `prefix`.
    #[must_use]
    pub fn requests_to(&self, prefix: &str) -> Vec<MetadataRequest> {
        self.requests().into_iter().filter(|request| request.is_to(prefix)).collect()
    }

    /// Waits until there were `wanted` requests to such paths.
    pub fn await_requests(
        &self,
        prefix: &str,
        wanted: usize,
        limit: Duration,
    ) -> Result<Vec<MetadataRequest>, ImdsError> {
        self.shared.journal.wait(prefix, wanted, limit)
    }
}

impl Drop for Imds {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            log::error!("the metadata service panicked");
        }
    }
}
