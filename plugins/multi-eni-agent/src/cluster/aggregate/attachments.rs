//! The ENIs as the original shows them: what is attached, up to a bound.

use node::inventory::State;

use super::index::At;
use crate::api::Attachment;
use crate::cluster::text::short;

/// The most that are listed: an object that grew with nodes × ENIs would not be one that every node can watch.
const MOST: usize = 100;
/// The only word that the original has for it.
const ATTACHED: &str = "attached";
/// What a device is bound to for user space.
const VFIO: &str = "vfio-pci";

/// Those of a pool, and what to say if they are not all.
pub(super) fn of(enis: &[At<'_>]) -> (Vec<Attachment>, Option<String>) {
    let attached = |at: &&At<'_>| at.eni.attachment_id.is_some() && at.state.is_some_and(State::is_on_node);
    let mut attached: Vec<&At<'_>> = enis.iter().filter(attached).collect();
    attached.sort_by_key(|at| (at.node, at.eni.network_card_index, at.eni.device_index, &at.eni.id));
    let all = attached.len();
    let listed = attached.into_iter().take(MOST).map(attachment).collect();
    let note = format!("the first {MOST} of {all}; `kubectl get eninodes -o yaml` has them all");
    (listed, (all > MOST).then_some(note))
}

fn attachment(at: &At<'_>) -> Attachment {
    let eni = at.eni;
    let is_bound = eni.driver.as_deref() == Some(VFIO);
    Attachment {
        node_id: at.node.to_string(),
        instance_id: at.instance.map(str::to_string),
        eni_id: eni.id.clone(),
        attachment_id: eni.attachment_id.clone(),
        subnet_id: eni.subnet_id.clone(),
        subnet_cidr: eni.subnet_cidr.clone(),
        mtu: eni.mtu,
        device_index: eni.device_index,
        status: Some(ATTACHED.to_string()),
        last_updated: eni.since.clone(),
        dpdk_bound: Some(is_bound),
        dpdk_driver: is_bound.then(|| VFIO.to_string()),
        dpdk_resource_name: eni.resource_name.as_deref().map(short),
        dpdk_pci_address: eni.pci_address.clone().filter(|_| is_bound || eni.resource_name.is_some()),
    }
}
