//! One resource's server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::pin::Pin;

use futures_util::{Stream, stream};
use node::names::PciAddr;
use tokio::sync::{mpsc, watch};
use tonic::{Request, Response, Status};

use super::api::v1beta1::device_plugin_server::DevicePlugin;
use super::api::v1beta1::{
    AllocateRequest, AllocateResponse, ContainerAllocateRequest, ContainerAllocateResponse,
    ContainerPreferredAllocationRequest, ContainerPreferredAllocationResponse, Device, DevicePluginOptions, Empty,
    ListAndWatchResponse, NumaNode, PreStartContainerRequest, PreStartContainerResponse, PreferredAllocationRequest,
    PreferredAllocationResponse, TopologyInfo,
};
use super::state::{Devices, Listener, Refusal};
use super::{Health, answer, preference};
use crate::agent::clock::{BootClock, Clock};
use crate::agent::requests::Ask;
use crate::apply::policy::reason;

/// What the servers share.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) devices: Devices,
    /// Where the loop is told.
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) clock: BootClock,
}

/// The device plugin of one resource.
pub(super) struct Plugin {
    pub(super) service: Service,
    pub(super) resource: String,
    /// Closes when the server ends.
    pub(super) end: watch::Receiver<()>,
}

/// What the kubelet may ask for beside the list and the allocation.
pub(super) fn options() -> DevicePluginOptions {
    DevicePluginOptions { pre_start_required: false, get_preferred_allocation_available: true }
}

type Lists = Pin<Box<dyn Stream<Item = Result<ListAndWatchResponse, Status>> + Send>>;

#[tonic::async_trait]
impl DevicePlugin for Plugin {
    type ListAndWatchStream = Lists;

    async fn get_device_plugin_options(&self, _: Request<Empty>) -> Result<Response<DevicePluginOptions>, Status> {
        Ok(Response::new(options()))
    }

    async fn list_and_watch(&self, _: Request<Empty>) -> Result<Response<Lists>, Status> {
        let devices = self.service.devices.clone();
        let watching = Watching {
            changes: devices.changes(),
            end: self.end.clone(),
            told: None,
            _listener: devices.listen(&self.resource),
            resource: self.resource.clone(),
            devices,
        };
        log::info!("the kubelet listens for devices of {}", self.resource);
        Ok(Response::new(Box::pin(stream::unfold(watching, Watching::next))))
    }

    async fn get_preferred_allocation(
        &self,
        request: Request<PreferredAllocationRequest>,
    ) -> Result<Response<PreferredAllocationResponse>, Status> {
        let containers = request.into_inner().container_requests;
        let containers = containers.iter().map(|container| self.prefer(container)).collect::<Result<_, _>>()?;
        Ok(Response::new(PreferredAllocationResponse { container_responses: containers }))
    }

    async fn allocate(&self, request: Request<AllocateRequest>) -> Result<Response<AllocateResponse>, Status> {
        let containers = request.into_inner().container_requests;
        let containers = containers.iter().map(|container| self.give(container)).collect::<Result<_, _>>();
        // A pod that waits makes no ADD: what is left for the next one is to be looked at now. A full queue makes a pass, too.
        drop(self.service.asks.try_send(Ask::Allocated));
        Ok(Response::new(AllocateResponse { container_responses: containers? }))
    }

    async fn pre_start_container(
        &self,
        _: Request<PreStartContainerRequest>,
    ) -> Result<Response<PreStartContainerResponse>, Status> {
        Ok(Response::new(PreStartContainerResponse {}))
    }
}

impl Plugin {
    fn give(&self, container: &ContainerAllocateRequest) -> Result<ContainerAllocateResponse, Status> {
        let Service { devices, clock, .. } = &self.service;
        let asked = addresses(&container.devices_ids, &self.resource)?;
        let gifts = devices.allocate(&self.resource, &asked, clock.now()).map_err(|refusal| {
            log::warn!("{} of {} are not given out: {}", words(&asked), self.resource, reason(&refusal));
            status(&refusal)
        })?;
        log::info!("the kubelet gives out {} of {}", words(&asked), self.resource);
        Ok(answer::answer(&self.resource, &gifts))
    }

    fn prefer(
        &self,
        container: &ContainerPreferredAllocationRequest,
    ) -> Result<ContainerPreferredAllocationResponse, Status> {
        let offered = self.service.devices.list(&self.resource);
        let available = addresses(&container.available_device_i_ds, &self.resource)?;
        let must_include = addresses(&container.must_include_device_i_ds, &self.resource)?;
        let size = usize::try_from(container.allocation_size).unwrap_or_default();
        let numa_node = |device: PciAddr| offered.get(&device).and_then(|device| device.numa_node);
        let preferred = preference::preferred(&available, &must_include, size, numa_node);
        Ok(ContainerPreferredAllocationResponse { device_i_ds: preferred.iter().map(ToString::to_string).collect() })
    }
}

fn words(devices: &BTreeSet<PciAddr>) -> String {
    devices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn addresses(ids: &[String], resource: &str) -> Result<BTreeSet<PciAddr>, Status> {
    let unknown = |id: &String| Refusal::Unknown { device: id.clone(), resource: resource.to_string() };
    ids.iter().map(|id| id.parse().map_err(|_| status(&unknown(id)))).collect()
}

fn status(refusal: &Refusal) -> Status {
    let words = reason(refusal);
    match refusal {
        Refusal::Unknown { .. } => Status::not_found(words),
        Refusal::Unhealthy { .. } | Refusal::Unbound { .. } | Refusal::NoGroup { .. } => {
            Status::failed_precondition(words)
        }
        Refusal::Sysfs { .. } | Refusal::Records(_) => Status::internal(words),
    }
}

/// A stream of the kubelet: the whole list at once, and again each time it is another one.
struct Watching {
    devices: Devices,
    resource: String,
    changes: watch::Receiver<()>,
    end: watch::Receiver<()>,
    told: Option<Vec<Device>>,
    _listener: Listener,
}

impl Watching {
    async fn next(mut self) -> Option<(Result<ListAndWatchResponse, Status>, Self)> {
        loop {
            self.changes.mark_unchanged();
            let list = list(&self.devices.list(&self.resource));
            if self.told.as_ref() != Some(&list) {
                self.told = Some(list.clone());
                return Some((Ok(ListAndWatchResponse { devices: list }), self));
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                // It changes never.
                _ = self.end.changed() => return None,
            }
        }
    }
}

/// In the kubelet's words (`pkg/apis/deviceplugin/v1beta1/constants.go`).
fn list(devices: &BTreeMap<PciAddr, super::Device>) -> Vec<Device> {
    let health = |health: &Health| match health {
        Health::Healthy => "Healthy",
        Health::Unhealthy(_) => "Unhealthy",
    };
    let topology = |node: u32| TopologyInfo { nodes: vec![NumaNode { id: i64::from(node) }] };
    let device = |(address, device): (&PciAddr, &super::Device)| Device {
        id: address.to_string(),
        health: health(&device.health).to_string(),
        topology: device.numa_node.map(topology),
    };
    devices.iter().map(device).collect()
}

/// The name of a resource's socket in the kubelet's folder. A path of a socket has 107 bytes at most (`unix(7)`).
pub(super) fn socket_name(resource: &str) -> String {
    const MOST: usize = 56;
    let name = resource.replace('/', "_");
    // FNV-1a: two long names with one beginning have two sockets.
    let hash = resource.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    match name.get(..MOST) {
        Some(beginning) if name.len() > MOST => format!("multi-eni_{beginning}-{hash:08x}.sock"),
        _ => format!("multi-eni_{name}.sock"),
    }
}

/// Whether a path can be a socket's.
pub(super) fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= 107
}
