//! The cluster's identity: the UID of its namespace kube-system, if the settings have no other.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use node::settings::{ClusterId, Settings};

use super::api::within;
use crate::apply::policy::reason;

const NAMESPACE: &str = "kube-system";
/// Between two questions while there is no answer.
const AGAIN: Duration = Duration::from_secs(5);

/// Asks until there is an answer: nothing is anybody's without it.
pub(crate) async fn cluster(settings: &Settings, client: &Client) -> ClusterId {
    if let Some(cluster) = &settings.cluster_id {
        return cluster.clone();
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    loop {
        match within(namespaces.get_metadata(NAMESPACE)).await {
            Ok(namespace) => match namespace.uid().unwrap_or_default().parse() {
                Ok(cluster) => return cluster,
                Err(error) => log::warn!("the UID of the namespace {NAMESPACE}: {error}"),
            },
            Err(error) => log::warn!("the namespace {NAMESPACE}, whose UID is the cluster's: {}", reason(&error)),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
