//! The watches against an API server that answers as it is told to, in virtual time.

mod contact;
mod reading;
pub(crate) mod server;
mod trouble;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use ::node::store::Store;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{Cluster, Known, Snapshot, keep};
use crate::seen::health::{Dependencies, Health};
use server::Server;

const NODE: &str = "node-1";
/// Of virtual time, and only there to say that something hangs.
const LIMIT: Duration = Duration::from_secs(3600);

/// An agent's side of the API server.
struct Site {
    server: Server,
    snapshot: Snapshot,
    health: Health,
    place: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    fn new(server: &Server) -> Self {
        Self::at(server, tempfile::tempdir().unwrap())
    }

    fn at(server: &Server, place: TempDir) -> Self {
        let snapshot = Snapshot::of(None);
        let health = health(&place);
        let store = Arc::new(Store::open(&place.path().join("state")).unwrap());
        let cluster = Cluster { client: server.client(), node: NODE.into(), snapshot: snapshot.clone() };
        let task = tokio::spawn(keep(cluster, store, health.clone()));
        Self { server: server.clone(), snapshot, health, place, task }
    }

    /// The same node, whose agent begins again.
    fn restart(mut self) -> Self {
        self.task.abort();
        let place = std::mem::replace(&mut self.place, tempfile::tempdir().unwrap());
        Self::at(&self.server.clone(), place)
    }

    /// Waits until this is known.
    async fn until(&self, what: &str, is_so: impl FnMut(&Known) -> bool) -> Known {
        let mut changes = self.snapshot.subscribe();
        let known = tokio::time::timeout(LIMIT, changes.wait_for(is_so)).await;
        known.unwrap_or_else(|_| panic!("{what}: {:?}", self.snapshot.known())).unwrap().clone()
    }

    async fn until_whole(&self) -> Known {
        self.until("all is known", Known::is_whole).await
    }
}

fn names(known: &Known) -> Vec<String> {
    known.node_enis.iter().flat_map(|all| all.keys().cloned()).collect()
}

fn health(place: &TempDir) -> Health {
    let dependencies = Dependencies {
        ec2: None,
        imds: "http://127.0.0.1:1".parse().unwrap(),
        state_dir: place.path().join("state"),
        manifests: ::node::settings::Manifests::Kubernetes,
    };
    Health::new(dependencies, Duration::from_secs(600))
}
