//! What the kubelet's own list of pods says.

use std::collections::BTreeSet;

use futures_util::stream;
use tokio::net::UnixListener;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::*;
use crate::devices::api::v1::pod_resources_lister_server::{PodResourcesLister, PodResourcesListerServer};
use crate::devices::api::v1::{
    ContainerDevices, ContainerResources, ListPodResourcesRequest, ListPodResourcesResponse, PodResources,
};
use crate::devices::{GivenOut, given_out};

struct Lister;

#[tonic::async_trait]
impl PodResourcesLister for Lister {
    async fn list(&self, _: Request<ListPodResourcesRequest>) -> Result<Response<ListPodResourcesResponse>, Status> {
        let devices = |resource: &str, ids: &[&str]| ContainerDevices {
            resource_name: resource.to_string(),
            device_ids: ids.iter().map(ToString::to_string).collect(),
        };
        let container = |devices| ContainerResources { name: "c".to_string(), devices };
        let ours = devices(RESOURCE, &["0000:00:06.0", "0000:00:07.0"]);
        let others = devices("nvidia.com/gpu", &["GPU-1"]);
        let pod = PodResources {
            name: "p".to_string(),
            namespace: "default".to_string(),
            containers: vec![container(vec![others]), container(vec![ours])],
        };
        Ok(Response::new(ListPodResourcesResponse { pod_resources: vec![pod] }))
    }
}

#[tokio::test]
async fn the_devices_of_pods_are_known_by_their_resource() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("pod-resources");
    // No kubelet has ever been here.
    assert_eq!(given_out(root.path()).await.unwrap(), GivenOut::default());
    std::fs::create_dir(&folder).unwrap();
    given_out(root.path()).await.unwrap_err();
    let listener = UnixListener::bind(folder.join("kubelet.sock")).unwrap();
    let incoming =
        stream::poll_fn(move |cx| listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream))));
    let lister = PodResourcesListerServer::new(Lister);
    let server = tokio::spawn(async { Server::builder().serve_with_incoming(lister, incoming).await.unwrap() });
    let found = given_out(root.path()).await.unwrap();
    assert_eq!(found.0[RESOURCE], BTreeSet::from([pci(6), pci(7)]));
    assert!(found.has(pci(6)) && !found.has(pci(8)));
    server.abort();
}
