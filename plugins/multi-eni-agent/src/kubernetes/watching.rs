//! The watches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Error, Event, watcher};
use kube::{Client, ResourceExt};

use super::client::words;
use super::list::{Change, List};
use super::snapshot::{Heard, Snapshot};
use super::{node, node_eni, pods};

/// The API server's word for a place in its history that it has forgotten (Kubernetes API concepts, "410 Gone responses").
const EXPIRED: u16 = 410;
/// What [`DefaultBackoff`] ends with.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keeps a snapshot up to date, for the node of this name, for as long as it is polled.
pub(super) async fn watch(client: Client, name: &str, snapshot: &Snapshot) {
    tokio::join!(
        node_enis(client.clone(), snapshot),
        this_node(client.clone(), name, snapshot),
        pods_of(client, name, snapshot),
    );
}

/// The newest, from etcd, and not what a server has cached: from an older list, what was declared meanwhile would be absent.
async fn node_enis(client: Client, snapshot: &Snapshot) {
    let api: Api<DynamicObject> = Api::all_with(client, &node_eni::resource());
    let mut list = List::default();
    follow(
        "NodeENIs",
        || watcher(api.clone(), Config::default()),
        |event| {
            if list.take(event, node_eni::read) == Change::Made
                && let Some(whole) = list.whole()
            {
                let whole = Arc::new(whole.clone());
                snapshot.change(|known| known.node_enis = Some(whole));
            }
        },
    )
    .await;
}

async fn this_node(client: Client, name: &str, snapshot: &Snapshot) {
    let api: Api<Node> = Api::all(client);
    let config = Config::default().fields(&format!("metadata.name={name}"));
    let mut list = List::default();
    follow(
        "its Node",
        || watcher(api.clone(), config.clone()),
        |event| {
            let read = |node: Node| (node.name_any(), node::read(node));
            if list.take(event, read) == Change::Made
                && let Some(whole) = list.whole()
            {
                let node = whole.get(name).cloned().map_or(Heard::Absent, |node| Heard::There(Arc::new(node)));
                snapshot.change(|known| known.node = node);
            }
        },
    )
    .await;
}

/// From a server's cache, which has an index of them by node: thousands of agents that start together cost etcd nothing. A pod that an
/// older list lacks is alive by the kubelet's folder.
async fn pods_of(client: Client, name: &str, snapshot: &Snapshot) {
    let api: Api<PartialObjectMeta<Pod>> = Api::all(client);
    let config = Config::default().any_semantic().fields(&format!("spec.nodeName={name}"));
    let mut list = List::default();
    follow(
        "pods",
        || watcher(api.clone(), config.clone()),
        |event| {
            if list.take(event, |pod| pods::read(&pod)) == Change::Made
                && let Some(whole) = list.whole()
            {
                let whole = Arc::new(uids(whole));
                snapshot.change(|known| known.pods = Some(whole));
            }
        },
    )
    .await;
}

fn uids(pods: &BTreeMap<String, Option<String>>) -> crate::kernel::PodUids {
    pods.iter().flat_map(|(uid, hash)| [Some(uid.clone()), hash.clone()]).flatten().collect()
}

/// Follows a watch for ever: one that ends begins again where it was, one that fails after a while that grows to half a minute. Only two
/// minutes without an error make it short again: a server that answers nothing but the beginning of a list is not well.
pub(crate) async fn follow<K, S>(what: &str, begin: impl Fn() -> S, mut take: impl FnMut(Event<K>))
where
    S: Stream<Item = watcher::Result<Event<K>>> + Send,
{
    let mut pauses = DefaultBackoff::default();
    loop {
        let mut events = std::pin::pin!(begin());
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => take(event),
                Err(error) => {
                    tell(what, &error);
                    tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
                    if has_expired(&error) {
                        break;
                    }
                }
            }
        }
    }
}

/// That a server forgets where a watch was is its daily life.
fn tell(what: &str, error: &Error) {
    match error {
        Error::WatchError(status) if status.code == EXPIRED => log::debug!("the watch of {what} begins anew"),
        Error::WatchError(status) => log::warn!("the watch of {what}: {} {}", status.code, status.message),
        Error::InitialListFailed(error) | Error::WatchStartFailed(error) | Error::WatchFailed(error) => {
            log::warn!("the watch of {what}: {}; what is known goes on", words(error));
        }
        Error::NoResourceVersion => log::warn!("the watch of {what}: {error}"),
    }
}

/// Whether the place where the watch was is forgotten, and said so in the answer and not in the watch: that, kube does not take for a
/// reason to begin anew.
fn has_expired(error: &Error) -> bool {
    matches!(error, Error::WatchStartFailed(kube::Error::Api(status)) if status.code == EXPIRED)
}
