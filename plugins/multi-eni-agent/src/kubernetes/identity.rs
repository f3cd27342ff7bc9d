//! The cluster's identity: the UID of its namespace kube-system. Two clusters of one name have two.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::{Client, ResourceExt};
use node::settings::ClusterId;
use node::store::{Kept, Store};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::client::words;
use super::snapshot::Snapshot;
use crate::apply::policy::reason;

const NAMESPACE: &str = "kube-system";
/// How long the API server has for an answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two questions while there is no answer.
const AGAIN: Duration = Duration::from_secs(5);
const FILE: &str = "cluster.json";

/// What is remembered of it, in `cluster.json`: an agent that begins while the API server is away knows whose its ENIs are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    kube_system_uid: String,
}

impl Kept for Remembered {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        FILE.to_string()
    }
}

/// Learns it, where the settings do not say it: from what is remembered, and from the API server until that has said it once.
pub(super) async fn learn(client: Client, store: &Store, snapshot: &Snapshot) {
    if snapshot.known().cluster.is_some() {
        return;
    }
    let before = remembered(store);
    if let Some(cluster) = &before {
        snapshot.change(|known| known.cluster = Some(cluster.clone()));
    }
    let cluster = cluster(&client).await;
    if before.as_ref() == Some(&cluster) {
        return;
    }
    log::info!("the cluster is {cluster}, by the UID of its namespace {NAMESPACE}");
    if let Err(error) = store.write_agents_own(&Remembered { kube_system_uid: cluster.to_string() }) {
        log::error!("the cluster's identity cannot be kept: {}", reason(&error));
    }
    snapshot.change(|known| known.cluster = Some(cluster));
}

/// Asks the API server for it until there is an answer: nothing is anybody's without it.
pub(crate) async fn cluster(client: &Client) -> ClusterId {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    loop {
        let why = match timeout(LIMIT, namespaces.get_metadata(NAMESPACE)).await {
            Ok(Ok(namespace)) => match namespace.uid().unwrap_or_default().parse() {
                Ok(cluster) => return cluster,
                Err(error) => reason(&error),
            },
            Ok(Err(error)) => words(&error),
            Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
        };
        log::warn!("the namespace {NAMESPACE}, whose UID is the cluster's identity, cannot be read: {why}");
        sleep(AGAIN).await;
    }
}

fn remembered(store: &Store) -> Option<ClusterId> {
    match store.agents_own::<Remembered>(FILE) {
        Ok(remembered) => remembered?.kube_system_uid.parse().ok(),
        Err(error) => {
            log::warn!("the cluster's identity of earlier: {}", reason(&error));
            None
        }
    }
}
