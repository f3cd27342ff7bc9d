//! The ENI as a device.

use super::{Found, said, within};
use crate::declared::fault::Faults;
use crate::declared::limits::{DEVICE_INDEX, MTU, NETWORK_CARD};
use crate::declared::manifest::NodeEniSpec;
use node::inventory::Mode;
use node::names::{PciAddr, PoolName};

/// The lowest that is tried. The original has 0 for what is not said.
pub(super) fn index(spec: &NodeEniSpec, faults: &mut Faults) -> u32 {
    let index = spec.device_index.filter(|&index| index != 0);
    within("spec.deviceIndex", index, &DEVICE_INDEX, *DEVICE_INDEX.start(), faults)
}

/// EC2's `NetworkCardIndex`.
pub(super) fn network_card(spec: &NodeEniSpec, faults: &mut Faults) -> u32 {
    within("spec.networkCard", spec.network_card, &NETWORK_CARD, 0, faults)
}

/// 0 leaves it as it is. Below 1280 the kernel takes IPv6 off a link (RFC 8200, section 5).
pub(super) fn mtu(spec: &NodeEniSpec, ipv6: u32, faults: &mut Faults) -> Option<u32> {
    let mtu = spec.mtu.filter(|&mtu| mtu != 0)?;
    if ipv6 > 0 && MTU.contains(&mtu) && mtu < 1280 {
        faults.push("spec.mtu", format_args!("is {mtu}, and IPv6 needs 1280"));
    }
    Some(within("spec.mtu", Some(mtu), &MTU, mtu, faults))
}

/// What becomes of the device, of the four fields of the original that are about it.
pub(super) fn mode(spec: &NodeEniSpec, found: &mut Found) -> Mode {
    let mode = if spec.enable_dpdk == Some(true) { Mode::VfioPci } else { Mode::Netdev };
    match (mode, said(spec.dpdk_driver.as_ref())) {
        (_, None | Some("vfio-pci")) => {}
        (Mode::VfioPci, Some(driver)) => {
            let why = "only vfio-pci keeps a device behind the IOMMU, so it is the only one here";
            found.faults.push("spec.dpdkDriver", format_args!("is {driver:?}; {why}"));
        }
        (Mode::Netdev, Some(_)) => found.notes.push("spec.dpdkDriver", "has no effect without enableDPDK: true"),
    }
    mode
}

/// Which of the pool's ENIs it is that [`mode`] and the resource are about.
pub(super) fn pci_address(spec: &NodeEniSpec, found: &mut Found) -> Option<PciAddr> {
    let address = found.faults.take("spec.dpdkPCIAddress", said(spec.dpdk_pci_address.as_ref())?.parse())?;
    let why = "has an effect only if the pool's ENI on a node sits there: it may on one node and not on another; leave it out \
        and it is about all of the pool's ENIs";
    found.notes.push("spec.dpdkPCIAddress", why);
    Some(address)
}

/// The resource that the kubelet gives the pool's devices out by; the two fields are the same.
pub(super) fn resource_name(spec: &NodeEniSpec, prefix: &str, faults: &mut Faults) -> Option<String> {
    let both = [
        ("spec.resourceName", said(spec.resource_name.as_ref())),
        ("spec.dpdkResourceName", said(spec.dpdk_resource_name.as_ref())),
    ];
    let mut names = both.into_iter().filter_map(|(path, text)| {
        let name = text.map(|text| if text.contains('/') { text.to_string() } else { format!("{prefix}/{text}") })?;
        check_resource(path, &name, faults);
        Some(name)
    });
    let (first, second) = (names.next(), names.next());
    drop(names);
    if second.is_some() && first != second {
        faults.push("spec.dpdkResourceName", "is another name than spec.resourceName; leave one of them out");
    }
    first
}

/// An extended resource of Kubernetes ("Managing Resources for Containers"): a domain that is not its own, and a name of at most 63
/// bytes.
fn check_resource(path: &str, name: &str, faults: &mut Faults) {
    let domain = name.split('/').next().unwrap_or_default();
    let reserved = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io");
    let legal = domain.parse::<PoolName>().is_ok() && node::settings::label::is_key(name);
    if reserved || !legal {
        let rule = "a resource is like example.com/name, with a domain that is not Kubernetes' own";
        faults.push(path, format_args!("{name:?} is no resource; {rule}"));
    }
}
