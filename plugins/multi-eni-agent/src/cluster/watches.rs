//! What the API server tells of Nodes, NodeENIs and ENINodes, kept as far as it matters.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher::{Config, watcher};
use kube::{Client, CustomResourceExt};
use tokio::sync::Notify;

use super::world::{Node, NodeEni, Report, World};
use crate::api::{self, EniNode};
use crate::kubernetes::{Change, List, follow};

/// What was told, kept up to date. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lists: Mutex<Lists>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    nodes: List<Arc<Node>>,
    node_enis: List<Arc<NodeEni>>,
    eni_nodes: List<Arc<Report>>,
}

impl Told {
    /// The world, once all of it was told.
    pub(crate) fn world(&self) -> Option<World> {
        let lists = self.lists();
        Some(World {
            nodes: lists.nodes.whole()?.clone(),
            node_enis: lists.node_enis.whole()?.clone(),
            eni_nodes: lists.eni_nodes.whole()?.clone(),
        })
    }

    /// Waits until something has changed since the last time that this was waited for.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Watches for as long as it is polled. Each list is of etcd's newest, not of what an API server has cached: of an older one, a Node
    /// that has come meanwhile would be absent.
    pub(crate) async fn follow(&self, client: &Client) {
        let nodes: Api<NodeObject> = Api::all(client.clone());
        let node_enis: Api<DynamicObject> = Api::all_with(client.clone(), &api::NodeEni::api_resource());
        let eni_nodes: Api<DynamicObject> = Api::all_with(client.clone(), &EniNode::api_resource());
        tokio::join!(
            follow(
                "Nodes",
                || watcher(nodes.clone(), Config::default()),
                |event| {
                    self.take(|lists| lists.nodes.take(event, |node| shared(Node::of(node))));
                }
            ),
            follow(
                "NodeENIs",
                || watcher(node_enis.clone(), Config::default()),
                |event| {
                    self.take(|lists| lists.node_enis.take(event, |of| shared(NodeEni::of(of))));
                }
            ),
            follow(
                "ENINodes",
                || watcher(eni_nodes.clone(), Config::default()),
                |event| {
                    self.take(|lists| lists.eni_nodes.take(event, |of| shared(Report::of(&of))));
                }
            ),
        );
    }

    fn take(&self, take: impl FnOnce(&mut Lists) -> Change) {
        let change = take(&mut self.lists());
        if change == Change::Made {
            self.0.changed.notify_one();
        }
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So that a world, of which each pass has its own, costs no copy of the objects.
fn shared<T>((name, value): (String, T)) -> (String, Arc<T>) {
    (name, Arc::new(value))
}
