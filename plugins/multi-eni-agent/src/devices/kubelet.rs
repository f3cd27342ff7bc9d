//! Which devices the kubelet's pods have, by its pod resources API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use node::names::PciAddr;
use tonic::transport::Endpoint;

use super::api::v1::ListPodResourcesRequest;
use super::api::v1::pod_resources_lister_client::PodResourcesListerClient;

/// The folder of the API below the kubelet's own.
const FOLDER: &str = "pod-resources";
/// The kubelet answers from memory.
const LIMIT: Duration = Duration::from_secs(10);
/// A node of 250 pods with many volumes and devices stays far below it.
const GREATEST_ANSWER: usize = 32 << 20;

/// The devices that pods have, by resource. What is no PCI address is of no resource of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GivenOut(pub(crate) BTreeMap<String, BTreeSet<PciAddr>>);

impl GivenOut {
    /// Whether a pod has it.
    pub(crate) fn has(&self, device: PciAddr) -> bool {
        self.0.values().any(|devices| devices.contains(&device))
    }
}

/// Why it is not known which devices pods have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the kubelet's pod resources at {} cannot be asked for", path.display())]
    Connect {
        path: PathBuf,
        #[source]
        source: tonic::transport::Error,
    },
    #[error("the kubelet does not list its pods' resources")]
    List(#[source] Box<tonic::Status>),
}

/// Asks the kubelet with this folder. Where there is no kubelet, no pod has anything.
///
/// # Errors
/// [`Error`]: a kubelet is there, and does not answer.
pub(crate) async fn given_out(kubelet_dir: &Path) -> Result<GivenOut, Error> {
    let path = kubelet_dir.join(FOLDER).join("kubelet.sock");
    if !kubelet_dir.join(FOLDER).exists() {
        return Ok(GivenOut::default());
    }
    let connected = async {
        let endpoint = Endpoint::from_shared(format!("unix://{}", path.display()))?;
        endpoint.connect_timeout(LIMIT).timeout(LIMIT).connect().await
    };
    let channel = connected.await.map_err(|source| Error::Connect { path: path.clone(), source })?;
    let mut client = PodResourcesListerClient::new(channel).max_decoding_message_size(GREATEST_ANSWER);
    let answer = client.list(ListPodResourcesRequest {}).await.map_err(|status| Error::List(Box::new(status)))?;
    let mut given_out = GivenOut::default();
    let containers = answer.into_inner().pod_resources.into_iter().flat_map(|pod| pod.containers);
    for devices in containers.flat_map(|container| container.devices) {
        let ids = devices.device_ids.iter().filter_map(|id| id.parse::<PciAddr>().ok());
        given_out.0.entry(devices.resource_name).or_default().extend(ids);
    }
    Ok(given_out)
}
