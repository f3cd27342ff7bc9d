//! The ENIs as the original shows them: what is attached, up to a bound.

use std::sync::Arc;

use node::inventory::State;

use super::index::{At, Index};
use crate::api::Attachment;
use crate::cluster::text::short;
use crate::cluster::world::{Node, NodeEni, World};

/// The most that are listed: an object that grew with nodes × ENIs would not be one that every node can watch.
const MOST: usize = 100;
/// The only word that the original has for it.
const ATTACHED: &str = "attached";
/// What a device is bound to for user space.
const VFIO: &str = "vfio-pci";

/// Those of a pool, and what to say if they are not all. What the original listed and no agent has taken over stays among them.
pub(super) fn of(of: &NodeEni, world: &World, index: &Index<'_>) -> (Vec<Attachment>, Option<String>) {
    let is_attached = |at: &&At<'_>| at.eni.attachment_id.is_some() && at.state.is_some_and(State::is_on_node);
    let mut attached: Vec<&At<'_>> = index.enis(&of.name).iter().filter(is_attached).collect();
    attached.sort_by_key(|at| (at.node, at.eni.network_card_index, at.eni.device_index, &at.eni.id));
    let left: Vec<&Attachment> = of.status.attachments.iter().filter(|one| is_left(one, world, index)).collect();
    let all = attached.len() + left.len();
    let most = MOST.saturating_sub(left.len());
    let mut listed: Vec<Attachment> = attached.into_iter().take(most).map(attachment).collect();
    listed.extend(left.into_iter().cloned());
    listed.sort_by(|one, other| one.node_id.cmp(&other.node_id));
    let shown = listed.len();
    let note = format!("the first {shown} of {all}; `kubectl get eninodes -o yaml` has them all");
    (listed, (all > shown).then_some(note))
}

/// Whether it is one of the original's that it may come back for: its node is there, and no agent has the ENI. An agent's says whether it
/// is bound for user space, which the original never did; one of these that nobody has any more is gone.
fn is_left(one: &Attachment, world: &World, index: &Index<'_>) -> bool {
    let is_there = |node: &Arc<Node>| match (&node.instance, &one.instance_id) {
        (Some(instance), Some(of)) => instance.as_str() == of,
        _ => true,
    };
    one.dpdk_bound.is_none() && !index.knows(&one.eni_id) && world.nodes.get(&one.node_id).is_some_and(is_there)
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
