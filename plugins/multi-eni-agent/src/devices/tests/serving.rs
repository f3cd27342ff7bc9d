use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use tonic::Code;

use super::kubelet::{LIMIT, List};
use super::*;
use crate::devices::api::v1beta1::{
    AllocateRequest, AllocateResponse, ContainerAllocateRequest, ContainerPreferredAllocationRequest, Empty,
    PreferredAllocationRequest,
};
use crate::devices::state::Kubelet;

fn asking(devices: &[u8]) -> AllocateRequest {
    let devices_ids = devices.iter().map(|slot| pci(*slot).to_string()).collect();
    AllocateRequest { container_requests: vec![ContainerAllocateRequest { devices_ids }] }
}

fn variable<'a>(answer: &'a AllocateResponse, name: &str) -> &'a str {
    &answer.container_responses[0].envs[name]
}

#[tokio::test]
async fn dev_2_the_list_is_told_whenever_it_changes() {
    let bench = Bench::new();
    bench.devices.offer(offers([]));
    let mut kubelet = bench.kubelet();
    let registration = kubelet.registration().await;
    assert_eq!((&*registration.version, &*registration.resource_name), ("v1beta1", RESOURCE));
    let mut client = kubelet.client(&registration).await;
    let stream = client.list_and_watch(Empty {}).await.unwrap().into_inner();
    let mut list = List::of(stream);
    assert_eq!(list.next().await, Vec::<String>::new());
    bench.devices.offer(offers([device(6, Mode::Netdev)]));
    assert_eq!(list.next().await, ["0000:00:06.0 Healthy"]);
    let (address, mut going) = device(6, Mode::Netdev);
    going.health = Health::Unhealthy("it is being detached".to_string());
    bench.devices.offer(offers([(address, going), device(7, Mode::Netdev)]));
    assert_eq!(list.next().await, ["0000:00:06.0 Unhealthy", "0000:00:07.0 Healthy"]);
    bench.devices.offer(offers([device(7, Mode::Netdev)]));
    assert_eq!(list.next().await, ["0000:00:07.0 Healthy"]);
    // A resource that is no more has no server.
    bench.devices.offer(Offers::new());
    list.end().await;
    bench.end().await;
}

#[tokio::test]
async fn dev_1_a_kubelet_that_starts_again_is_told_everything_ten_times_over() {
    let bench = Bench::new();
    bench.devices.offer(offers([device(6, Mode::Netdev), device(7, Mode::Netdev)]));
    let mut descriptors = Vec::new();
    for round in 0..10_u32 {
        let mut kubelet = bench.kubelet();
        let (client, mut list) = kubelet.listen().await;
        assert_eq!(list.next().await, ["0000:00:06.0 Healthy", "0000:00:07.0 Healthy"]);
        assert_eq!(bench.devices.kubelet(), Kubelet::Present);
        descriptors.push(names("/proc/self/fd".as_ref()).len());
        drop((client, list, kubelet));
        if round % 2 == 1 {
            std::fs::remove_dir_all(bench.kubelet_dir()).unwrap();
        }
    }
    // Other tests of this process have some open, too.
    assert!(descriptors[9] <= descriptors[1] + 8, "{descriptors:?}");
    assert_eq!(bench.devices.registration(RESOURCE).taken, 10);
    bench.end().await;
}

#[tokio::test]
async fn dev_1_a_kubelet_that_hangs_up_is_told_again() {
    let bench = Bench::new();
    bench.devices.offer(offers([device(6, Mode::Netdev)]));
    let mut kubelet = bench.kubelet();
    let (client, mut list) = kubelet.listen().await;
    list.next().await;
    drop((client, list));
    let (_client, mut list) = kubelet.listen().await;
    assert_eq!(list.next().await, ["0000:00:06.0 Healthy"]);
    bench.end().await;
}

#[tokio::test]
async fn what_is_given_out_is_in_use_and_known_over_the_agents_death() {
    let mut bench = Bench::new();
    bench.devices.offer(offers([device(6, Mode::Netdev), device(7, Mode::Netdev)]));
    let mut kubelet = bench.kubelet();
    let (mut client, _list) = kubelet.listen().await;
    let answer = client.allocate(asking(&[7])).await.unwrap().into_inner();
    assert_eq!(variable(&answer, "PCIDEVICE_INTEL_COM_ENA"), "0000:00:07.0");
    assert_eq!(bench.devices.allocations().devices(), BTreeSet::from([pci(7)]));
    assert!(matches!(tokio::time::timeout(LIMIT, bench.asks.recv()).await, Ok(Some(Ask::Allocated))));
    // Multus reads it as another user.
    assert_eq!(bench.documents(), ["intel.com-ena-0000:00:07.0-device.json"]);
    let document = bench.root.path().join("devinfo/dp").join(&bench.documents()[0]);
    assert_eq!(std::fs::metadata(&document).unwrap().permissions().mode() & 0o777, 0o444);
    let content: serde_json::Value = serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap();
    let pci_address = serde_json::json!({"pci-address": "0000:00:07.0"});
    assert_eq!(content, serde_json::json!({"type": "pci", "version": "1.1.0", "pci": pci_address}));
    let store = Arc::new(Store::open(&bench.root.path().join("state")).unwrap());
    let next = Devices::open(store, bench.devices.places().clone()).unwrap();
    assert_eq!(next.allocations().devices(), BTreeSet::from([pci(7)]));
    bench.devices.offer(offers([device(6, Mode::Netdev)]));
    assert_eq!(bench.documents(), Vec::<String>::new());
    bench.end().await;
}

#[tokio::test]
async fn what_is_not_offered_or_not_healthy_is_given_to_nobody() {
    let bench = Bench::new();
    let (address, mut sick) = device(7, Mode::Netdev);
    sick.health = Health::Unhealthy("it rests after a pod".to_string());
    bench.devices.offer(offers([device(6, Mode::Netdev), (address, sick)]));
    let mut kubelet = bench.kubelet();
    let (mut client, _list) = kubelet.listen().await;
    let mut refused = async |devices: &[u8]| client.allocate(asking(devices)).await.unwrap_err();
    let unknown = refused(&[6, 9]).await;
    assert_eq!(unknown.code(), Code::NotFound);
    assert!(unknown.message().contains("0000:00:09.0") && unknown.message().contains("delete the pod"), "{unknown}");
    let sick = refused(&[7]).await;
    assert_eq!(sick.code(), Code::FailedPrecondition);
    assert!(sick.message().contains("it rests after a pod"), "{sick}");
    assert!(bench.devices.allocations().is_empty());
    assert_eq!(bench.documents(), Vec::<String>::new());
    bench.end().await;
}

#[tokio::test]
async fn vfi_1_a_device_for_user_space_comes_with_the_group_that_it_has_now() {
    let bench = Bench::new();
    bench.devices.offer(offers([device(6, Mode::VfioPci)]));
    let mut kubelet = bench.kubelet();
    let (mut client, _list) = kubelet.listen().await;
    bench.function(6, "ena", "");
    let unbound = client.allocate(asking(&[6])).await.unwrap_err();
    assert_eq!(unbound.code(), Code::FailedPrecondition);
    assert!(unbound.message().contains("not bound to vfio-pci but to ena"), "{unbound}");
    bench.function(6, "vfio-pci", "vfio-noiommu");
    let answer = client.allocate(asking(&[6])).await.unwrap().into_inner();
    let nodes: Vec<_> = answer.container_responses[0].devices.iter().map(|spec| &*spec.host_path).collect();
    assert_eq!(nodes, ["/dev/vfio/vfio", "/dev/vfio/noiommu-0"]);
    assert!(variable(&answer, "PCIDEVICE_INTEL_COM_ENA_INFO").contains(r#""dev-mount":"/dev/vfio/0""#));
    bench.end().await;
}

#[tokio::test]
async fn the_preferred_devices_are_of_one_numa_node() {
    let bench = Bench::new();
    let (address, mut far) = device(6, Mode::Netdev);
    far.numa_node = Some(1);
    bench.devices.offer(offers([(address, far), device(7, Mode::Netdev), device(8, Mode::Netdev)]));
    let mut kubelet = bench.kubelet();
    let (mut client, _list) = kubelet.listen().await;
    assert!(client.get_device_plugin_options(Empty {}).await.unwrap().into_inner().get_preferred_allocation_available);
    let request = ContainerPreferredAllocationRequest {
        available_device_i_ds: [6, 7, 8].map(|slot| pci(slot).to_string()).to_vec(),
        must_include_device_i_ds: Vec::new(),
        allocation_size: 2,
    };
    let answer = client.get_preferred_allocation(PreferredAllocationRequest { container_requests: vec![request] });
    let answer = answer.await.unwrap().into_inner();
    assert_eq!(answer.container_responses[0].device_i_ds, ["0000:00:07.0", "0000:00:08.0"]);
    bench.end().await;
}

#[tokio::test]
async fn what_an_earlier_agent_wrote_of_a_device_that_is_no_more_goes() {
    let bench = Bench::new();
    let folder = bench.root.path().join("devinfo/dp");
    std::fs::create_dir_all(&folder).unwrap();
    let kept = ["a.example-x-0000:00:06.0-device.json", "intel.com-ena-0000:00:07.0-device.json", "other"];
    for name in kept.into_iter().chain(["intel.com-ena-0000:00:06.0-device.json"]) {
        std::fs::write(folder.join(name), "{}").unwrap();
    }
    bench.devices.offer(offers([device(7, Mode::Netdev)]));
    assert_eq!(bench.documents(), kept);
    bench.end().await;
}
