//! What a container gets with its devices: variables as `sriov-network-device-plugin` names them, so that what was written for it
//! finds them, and for user space the nodes of vfio.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use node::names::PciAddr;
use node::pci::Group;
use serde_json::{Map, Value, json};

use super::api::v1beta1::{ContainerAllocateResponse, DeviceSpec};

/// What is given of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gift {
    /// Its link, which ADD moves.
    Link,
    /// The group that user space opens.
    Group(Group),
}

/// What every user of vfio opens first.
const CONTAINER: &str = "/dev/vfio/vfio";

/// Where device nodes are, for the kubelet and in the container, wherever this process has the host's.
fn dev() -> &'static Path {
    Path::new("/dev")
}

/// The answer for one container.
pub(super) fn answer(resource: &str, gifts: &BTreeMap<PciAddr, Gift>) -> ContainerAllocateResponse {
    let variable = format!("PCIDEVICE_{}", resource.replace(['.', '/'], "_").to_uppercase());
    let addresses: Vec<String> = gifts.keys().map(ToString::to_string).collect();
    let info: Map<String, Value> = gifts.iter().map(|(device, gift)| info(*device, gift)).collect();
    ContainerAllocateResponse {
        envs: [(format!("{variable}_INFO"), Value::Object(info).to_string()), (variable, addresses.join(","))].into(),
        mounts: Vec::new(),
        devices: specs(gifts),
    }
}

fn info(device: PciAddr, gift: &Gift) -> (String, Value) {
    let mut info = json!({"generic": {"deviceID": device}});
    if let Gift::Group(group) = gift {
        info["vfio"] = json!({"mount": CONTAINER, "dev-mount": group.container_node(dev())});
    }
    (device.to_string(), info)
}

/// Never mounts: only of a device node does the kubelet tell the container's cgroup.
fn specs(gifts: &BTreeMap<PciAddr, Gift>) -> Vec<DeviceSpec> {
    let groups = gifts.values().filter_map(|gift| match gift {
        Gift::Group(group) => Some((group.host_node(dev()), group.container_node(dev()))),
        Gift::Link => None,
    });
    let mut nodes: Vec<_> = groups.collect();
    // Two devices of one group have one node.
    nodes.sort();
    nodes.dedup();
    if !nodes.is_empty() {
        nodes.insert(0, (CONTAINER.into(), CONTAINER.into()));
    }
    let spec = |(host, container): (PathBuf, PathBuf)| DeviceSpec {
        host_path: host.display().to_string(),
        container_path: container.display().to_string(),
        permissions: "rw".to_string(),
    };
    nodes.into_iter().map(spec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pci(slot: u8) -> PciAddr {
        format!("0000:00:{slot:02x}.0").parse().unwrap()
    }

    fn given(gifts: &[(u8, Gift)]) -> ContainerAllocateResponse {
        let gifts = gifts.iter().map(|(slot, gift)| (pci(*slot), gift.clone())).collect();
        answer("example.com/fast-ena", &gifts)
    }

    fn paths(answer: &ContainerAllocateResponse) -> Vec<(&str, &str, &str)> {
        let devices = answer.devices.iter();
        devices.map(|spec| (&*spec.host_path, &*spec.container_path, &*spec.permissions)).collect()
    }

    #[test]
    fn vfi_1_without_an_iommu_the_container_finds_the_group_under_its_plain_number() {
        let answer = given(&[(6, Gift::Group(Group::NoIommu(0)))]);
        let expected = [("/dev/vfio/vfio", "/dev/vfio/vfio", "rw"), ("/dev/vfio/noiommu-0", "/dev/vfio/0", "rw")];
        assert_eq!(paths(&answer), expected);
        let info: Value = serde_json::from_str(&answer.envs["PCIDEVICE_EXAMPLE_COM_FAST-ENA_INFO"]).unwrap();
        let vfio = json!({"mount": "/dev/vfio/vfio", "dev-mount": "/dev/vfio/0"});
        assert_eq!(info, json!({"0000:00:06.0": {"generic": {"deviceID": "0000:00:06.0"}, "vfio": vfio}}));
    }

    #[test]
    fn vfi_1_with_an_iommu_the_group_has_its_own_node() {
        let answer = given(&[(6, Gift::Group(Group::Iommu(0)))]);
        assert_eq!(paths(&answer)[1], ("/dev/vfio/0", "/dev/vfio/0", "rw"));
    }

    #[test]
    fn vfi_6_devices_are_specs_and_never_mounts() {
        let answer = given(&[(7, Gift::Group(Group::Iommu(9))), (6, Gift::Group(Group::Iommu(8)))]);
        assert_eq!(answer.mounts, []);
        assert_eq!(answer.devices.len(), 3);
        assert_eq!(answer.envs["PCIDEVICE_EXAMPLE_COM_FAST-ENA"], "0000:00:06.0,0000:00:07.0");
        let of_one_group = given(&[(6, Gift::Group(Group::Iommu(8))), (7, Gift::Group(Group::Iommu(8)))]);
        assert_eq!(of_one_group.devices.len(), 2);
    }

    #[test]
    fn a_link_needs_no_node() {
        let answer = given(&[(6, Gift::Link)]);
        assert_eq!((answer.devices, answer.mounts), (vec![], vec![]));
        assert_eq!(answer.envs["PCIDEVICE_EXAMPLE_COM_FAST-ENA"], "0000:00:06.0");
        let info = &answer.envs["PCIDEVICE_EXAMPLE_COM_FAST-ENA_INFO"];
        assert_eq!(info, r#"{"0000:00:06.0":{"generic":{"deviceID":"0000:00:06.0"}}}"#);
    }
}
