//! What the API server tells of Nodes, NodeENIs and ENINodes, kept as far as it matters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Client, CustomResourceExt};
use tokio::sync::Notify;

use super::world::{Node, NodeEni, World, eni_node};
use crate::api::{self, EniNode, EniNodeStatus};
use crate::kubernetes::follow;

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
    nodes: List<Node>,
    node_enis: List<NodeEni>,
    eni_nodes: List<EniNodeStatus>,
}

impl Told {
    /// The world, once all of it was told.
    pub(crate) fn world(&self) -> Option<World> {
        let lists = self.lists();
        Some(World {
            nodes: lists.nodes.whole.clone()?,
            node_enis: lists.node_enis.whole.clone()?,
            eni_nodes: lists.eni_nodes.whole.clone()?,
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
        let eni_nodes: Api<EniNode> = Api::all(client.clone());
        tokio::join!(
            follow(
                "Nodes",
                || watcher(nodes.clone(), Config::default()),
                |event| {
                    self.take(|lists| lists.nodes.take(event, Node::of));
                }
            ),
            follow(
                "NodeENIs",
                || watcher(node_enis.clone(), Config::default()),
                |event| {
                    self.take(|lists| lists.node_enis.take(event, NodeEni::of));
                }
            ),
            follow(
                "ENINodes",
                || watcher(eni_nodes.clone(), Config::default()),
                |event| {
                    self.take(|lists| lists.eni_nodes.take(event, eni_node));
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

/// Whether anything that matters is another one than before: a Node's heartbeat is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Made,
    None,
}

/// A list and what came after it, by name. While it is read anew, the one before stands.
#[derive(Debug)]
struct List<T> {
    whole: Option<BTreeMap<String, Arc<T>>>,
    coming: BTreeMap<String, Arc<T>>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { whole: None, coming: BTreeMap::new() }
    }
}

impl<T: PartialEq> List<T> {
    fn take<K>(&mut self, event: Event<K>, read: impl Fn(K) -> (String, T)) -> Change {
        let is_changed = match event {
            Event::Init => {
                self.coming.clear();
                false
            }
            Event::InitApply(object) => {
                let (name, value) = read(object);
                self.coming.insert(name, Arc::new(value));
                false
            }
            Event::InitDone => {
                let before = self.whole.replace(std::mem::take(&mut self.coming));
                before != self.whole
            }
            Event::Apply(object) => {
                let (name, value) = read(object);
                let whole = self.whole.get_or_insert_default();
                let is_new = whole.get(&name).is_none_or(|before| **before != value);
                whole.insert(name, Arc::new(value));
                is_new
            }
            Event::Delete(object) => {
                let (name, _) = read(object);
                self.whole.as_mut().is_some_and(|whole| whole.remove(&name).is_some())
            }
        };
        if is_changed { Change::Made } else { Change::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(list: &mut List<u32>, event: Event<(&str, u32)>) -> Change {
        list.take(event, |(name, value)| (name.to_string(), value))
    }

    #[test]
    fn a_list_is_known_when_it_is_whole_and_what_changes_nothing_wakes_nobody() {
        let mut list = List::default();
        take(&mut list, Event::Init);
        take(&mut list, Event::InitApply(("a", 1)));
        assert!(list.whole.is_none());
        assert_eq!(take(&mut list, Event::InitDone), Change::Made);
        assert_eq!(take(&mut list, Event::Apply(("a", 1))), Change::None);
        assert_eq!(take(&mut list, Event::Apply(("a", 2))), Change::Made);
        assert_eq!(take(&mut list, Event::Delete(("b", 0))), Change::None);
        assert_eq!(take(&mut list, Event::Delete(("a", 0))), Change::Made);
    }

    #[test]
    fn what_is_read_anew_takes_the_place_of_the_old_at_its_end() {
        let mut list = List::default();
        for event in [Event::Init, Event::InitApply(("a", 1)), Event::InitApply(("b", 1)), Event::InitDone] {
            take(&mut list, event);
        }
        take(&mut list, Event::Init);
        take(&mut list, Event::InitApply(("b", 1)));
        assert_eq!(list.whole.as_ref().map(BTreeMap::len), Some(2));
        assert_eq!(take(&mut list, Event::InitDone), Change::Made);
        assert_eq!(list.whole.as_ref().map(BTreeMap::len), Some(1));
    }
}
