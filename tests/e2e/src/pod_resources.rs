//! A client of the kubelet's list of what its pods have, `v1.PodResourcesLister`.

use std::path::Path;

use prost::Message;
use tonic::Status;

use crate::grpc::Client;

/// Its socket, below the kubelet's folder.
pub const SOCKET: &str = "pod-resources/kubelet.sock";

/// A connection to the kubelet. Each call blocks.
#[derive(Debug)]
pub struct PodResources {
    client: Client,
}

impl PodResources {
    /// # Errors
    ///
    /// When nothing answers at the socket.
    ///
    /// # Panics
    ///
    /// When the machine has no more files to open.
    pub fn connect(socket: &Path) -> Result<Self, tonic::transport::Error> {
        Ok(Self { client: Client::connect(socket)? })
    }

    /// All pods of the node.
    ///
    /// # Errors
    ///
    /// What the kubelet says.
    pub fn list(&self) -> Result<Vec<PodOfNode>, Status> {
        let answer: ListResponse = self.client.unary("/v1.PodResourcesLister/List", ListRequest {})?;
        Ok(answer.pods)
    }
}

#[derive(Clone, PartialEq, Message)]
struct ListRequest {}

#[derive(Clone, PartialEq, Message)]
struct ListResponse {
    #[prost(message, repeated, tag = "1")]
    pods: Vec<PodOfNode>,
}

/// A pod.
#[derive(Clone, PartialEq, Message)]
pub struct PodOfNode {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(message, repeated, tag = "3")]
    pub containers: Vec<ContainerOfPod>,
}

impl PodOfNode {
    /// The devices of this resource that its containers have, in the order of their ids.
    #[must_use]
    pub fn devices(&self, resource: &str) -> Vec<String> {
        let devices = self.containers.iter().flat_map(|container| &container.devices);
        let mut ids: Vec<String> =
            devices.filter(|devices| devices.resource == resource).flat_map(|devices| devices.ids.clone()).collect();
        ids.sort();
        ids
    }
}

/// A container of it.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerOfPod {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub devices: Vec<DevicesOfContainer>,
}

/// What it has of a resource.
#[derive(Clone, PartialEq, Message)]
pub struct DevicesOfContainer {
    #[prost(string, tag = "1")]
    pub resource: String,
    #[prost(string, repeated, tag = "2")]
    pub ids: Vec<String>,
}
