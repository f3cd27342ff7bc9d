//! The node agent's side of Kubernetes: which NodeENIs there are, what this node's Node says, and which pods it has. All of it is
//! watched, and lies as plain values in a [`Snapshot`]; what the API server does not say any more stays as it was said last.

mod client;
mod contact;
mod events;
mod identity;
mod list;
mod node;
mod node_eni;
mod pods;
mod pools;
pub(crate) mod publish;
#[cfg(test)]
mod scripted;
mod snapshot;
#[cfg(test)]
mod tests;
mod watching;
mod write;

pub(crate) use client::{Error, connect};
pub(crate) use contact::Contact;
pub(crate) use identity::cluster;
pub(crate) use list::{Change, List};
pub(crate) use node::ThisNode;
#[cfg(test)]
pub(crate) use node_eni::Managed;
pub(crate) use node_eni::{NodeEniObject, ORIGINAL_CONTROLLER_AT_WORK};
pub(crate) use pools::{NodeStanding, pools};
#[cfg(test)]
pub(crate) use snapshot::Heard;
pub(crate) use snapshot::{Known, Snapshot};
pub(crate) use watching::follow;

use std::sync::Arc;
use std::time::Duration;

use ::node::store::Store;
use kube::Client;
use tokio::sync::{mpsc, watch};

use self::publish::Publisher;
use crate::agent::tidings::Listeners;
use crate::seen::health::Health;
use crate::seen::metrics::Metrics;

/// The API server of a node's cluster, and what is known of it.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The Node's name.
    pub(crate) node: String,
    pub(crate) snapshot: Snapshot,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Shows in the cluster what the loop tells of, for as long as it does: to whom it has to tell it, and who shows it.
pub(crate) fn show(
    cluster: &Cluster,
    store: &Arc<Store>,
    metrics: &Metrics,
    look_every: Duration,
) -> (Listeners, impl Future<Output = ()> + Send + use<>) {
    let (tell_status, status) = watch::channel(None);
    let (tell_tidings, tidings) = mpsc::channel(events::MOST_WAITING);
    let publisher = Publisher {
        client: cluster.client.clone(),
        node: cluster.node.clone(),
        store: Arc::clone(store),
        metrics: metrics.clone(),
        look_every,
    };
    let writer =
        events::Writer { client: cluster.client.clone(), node: cluster.node.clone(), metrics: metrics.clone() };
    let (known, told) = (cluster.snapshot.subscribe(), publish::Told { status, known: cluster.snapshot.subscribe() });
    let show = async move {
        tokio::join!(publisher.run(told), writer.run(tidings, known));
    };
    (Listeners { status: Some(tell_status), tidings: Some(tell_tidings) }, show)
}

/// Keeps the snapshot up to date, for as long as it is polled.
pub(crate) async fn keep(cluster: Cluster, store: Arc<Store>, health: Health) {
    let Cluster { client, node, snapshot } = cluster;
    let is_whole = async {
        // The sender is this snapshot's, and lives.
        drop(snapshot.subscribe().wait_for(Known::is_whole).await);
        health.cluster_is_known();
    };
    tokio::join!(
        watching::watch(client.clone(), &node, &snapshot),
        identity::learn(client, &store, &snapshot),
        is_whole
    );
}
