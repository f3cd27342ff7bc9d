//! From records to what EC2 tells of them.

use crate::ids::EniId;
use crate::record::{AttachmentRecord, EniRecord};
use crate::state::State;

use super::response::{NetworkInterface, NetworkInterfaceAttachment};

/// An ENI whose subnet is gone, which EC2 does not allow, is not told.
pub(crate) fn eni(state: &State, id: &EniId, record: &EniRecord) -> Option<NetworkInterface> {
    let subnet = state.subnet(&record.subnet).ok()?;
    Some(NetworkInterface {
        network_interface_id: id.clone(),
        mac_address: record.mac,
        subnet_id: record.subnet.clone(),
        vpc_id: subnet.vpc.clone(),
        availability_zone: subnet.zone.clone(),
        status: record.status(),
        description: record.description.clone(),
        groups: record.groups.clone(),
        private_ip_address: record.primary,
        secondary_private_ip_addresses: record.secondaries.clone(),
        ipv6_addresses: record.ipv6.clone(),
        ipv4_prefixes: record.ipv4_prefixes.clone(),
        ipv6_prefixes: record.ipv6_prefixes.clone(),
        source_dest_check: record.source_dest_check,
        interface_type: record.interface_type.clone(),
        requester_id: record.requester.clone(),
        owner_id: state.account.clone(),
        tags: record.tags.clone(),
        attachment: record.attachment.as_ref().map(attachment),
    })
}

fn attachment(record: &AttachmentRecord) -> NetworkInterfaceAttachment {
    NetworkInterfaceAttachment {
        attachment_id: record.id.clone(),
        instance_id: record.instance.clone(),
        device_index: record.index,
        network_card_index: record.card,
        status: record.status,
        delete_on_termination: record.delete_on_termination,
        attach_time: record.since,
    }
}
