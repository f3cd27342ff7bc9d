//! An ENI in a document.

use super::timestamp::timestamp;
use super::xml::Xml;
use crate::api::response::{NetworkInterface, NetworkInterfaceAttachment};
use crate::api::text;
use crate::record::Tags;

pub(super) fn network_interface(xml: &mut Xml, eni: &NetworkInterface) {
    xml.text("networkInterfaceId", &eni.network_interface_id);
    xml.text("subnetId", &eni.subnet_id);
    xml.text("vpcId", &eni.vpc_id);
    xml.text("availabilityZone", &eni.availability_zone);
    xml.text("description", &eni.description);
    xml.text("ownerId", &eni.owner_id);
    xml.some("requesterId", eni.requester_id.as_ref());
    xml.text("requesterManaged", eni.requester_id.is_some());
    xml.text("status", text::eni_status(eni.status));
    xml.text("macAddress", eni.mac_address);
    xml.text("privateIpAddress", eni.private_ip_address);
    xml.text("sourceDestCheck", eni.source_dest_check);
    xml.text("interfaceType", &eni.interface_type);
    xml.items("groupSet", &eni.groups, |xml, group| {
        xml.text("groupId", &group.id);
        xml.text("groupName", &group.name);
    });
    if let Some(at) = &eni.attachment {
        xml.inside("attachment", |xml| attachment(xml, at, &eni.owner_id));
    }
    tags(xml, &eni.tags);
    let ipv4 = std::iter::once(&eni.private_ip_address).chain(&eni.secondary_private_ip_addresses).enumerate();
    xml.items("privateIpAddressesSet", ipv4, |xml, (nth, address)| {
        xml.text("privateIpAddress", address);
        xml.text("primary", nth == 0);
    });
    xml.items("ipv6AddressesSet", &eni.ipv6_addresses, |xml, address| {
        xml.text("ipv6Address", address);
        xml.text("isPrimaryIpv6", false);
    });
    xml.items("ipv4PrefixSet", &eni.ipv4_prefixes, |xml, prefix| xml.text("ipv4Prefix", prefix));
    xml.items("ipv6PrefixSet", &eni.ipv6_prefixes, |xml, prefix| xml.text("ipv6Prefix", prefix));
}

fn attachment(xml: &mut Xml, at: &NetworkInterfaceAttachment, owner: &str) {
    xml.text("attachmentId", &at.attachment_id);
    xml.text("instanceId", &at.instance_id);
    xml.text("instanceOwnerId", owner);
    xml.text("deviceIndex", at.device_index);
    xml.text("networkCardIndex", at.network_card_index);
    xml.text("status", text::attachment_status(at.status));
    xml.text("attachTime", timestamp(at.attach_time));
    xml.text("deleteOnTermination", at.delete_on_termination);
}

pub(super) fn tags(xml: &mut Xml, tags: &Tags) {
    xml.items("tagSet", tags, |xml, (key, value)| {
        xml.text("key", key);
        xml.text("value", value);
    });
}
