//! The requests that change something.

use super::Sdk;
use super::decode;
use crate::action::Action;
use crate::cloud::Lifecycle;
use crate::error::Error;
use crate::id::{AttachmentId, InstanceId, NetworkInterfaceId};
use crate::interface::{Creation, Force, Modification, NetworkInterface, Slot, Tags};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, NetworkInterfaceAttachmentChanges, ResourceType, Tag, TagSpecification,
};
use std::net::{Ipv4Addr, Ipv6Addr};

impl Lifecycle for Sdk {
    async fn create(&self, request: &Creation) -> Result<NetworkInterface, Error> {
        let action = Action::CreateNetworkInterface;
        let specification = (!request.tags.is_empty()).then(|| {
            let specification = TagSpecification::builder().resource_type(ResourceType::NetworkInterface);
            vec![specification.set_tags(Some(tags(&request.tags))).build()]
        });
        let groups = request.security_groups.iter().map(ToString::to_string).collect::<Vec<_>>();
        let call = self.client(action).await?.create_network_interface();
        let call = call
            .client_token(&request.client_token)
            .subnet_id(request.subnet.as_str())
            .set_groups((!groups.is_empty()).then_some(groups))
            .set_description((!request.description.is_empty()).then(|| request.description.clone()))
            .set_secondary_private_ip_address_count(count(request.secondary_ipv4_count))
            .set_ipv6_address_count(count(request.ipv6_count))
            .set_tag_specifications(specification);
        let answer = self.answer(action, call.send().await)?;
        decode::required("networkInterface", answer.network_interface())
            .and_then(decode::interface)
            .map_err(|invalid| invalid.of(action))
    }

    async fn attach(&self, eni: &NetworkInterfaceId, instance: &InstanceId, slot: Slot) -> Result<AttachmentId, Error> {
        let action = Action::AttachNetworkInterface;
        let call = self.client(action).await?.attach_network_interface();
        // Both indices always: without a card EC2 takes card 0, and a device index says nothing without its card.
        let call = call
            .network_interface_id(eni.as_str())
            .instance_id(instance.as_str())
            .network_card_index(number(slot.network_card_index))
            .device_index(number(slot.device_index));
        let answer = self.answer(action, call.send().await)?;
        decode::parsed("attachmentId", answer.attachment_id()).map_err(|invalid| invalid.of(action))
    }

    async fn modify(&self, eni: &NetworkInterfaceId, change: &Modification) -> Result<(), Error> {
        let action = Action::ModifyNetworkInterfaceAttribute;
        let call = self.client(action).await?.modify_network_interface_attribute();
        let call = call.network_interface_id(eni.as_str());
        let call = match change {
            Modification::DeleteOnTermination { attachment, value } => {
                let changes = NetworkInterfaceAttachmentChanges::builder().attachment_id(attachment.as_str());
                call.attachment(changes.delete_on_termination(*value).build())
            }
            Modification::SourceDestCheck(value) => {
                call.source_dest_check(AttributeBooleanValue::builder().value(*value).build())
            }
            Modification::SecurityGroups(groups) => {
                call.set_groups(Some(groups.iter().map(ToString::to_string).collect()))
            }
            Modification::Description(text) => call.description(AttributeValue::builder().value(text).build()),
        };
        self.answer(action, call.send().await).map(|_| ())
    }

    async fn detach(&self, _eni: &NetworkInterfaceId, attachment: &AttachmentId, force: Force) -> Result<(), Error> {
        let action = Action::DetachNetworkInterface;
        let call = self.client(action).await?.detach_network_interface().attachment_id(attachment.as_str());
        let call = match force {
            Force::No => call,
            Force::Yes => call.force(true),
        };
        self.answer(action, call.send().await).map(|_| ())
    }

    async fn delete(&self, eni: &NetworkInterfaceId) -> Result<(), Error> {
        let action = Action::DeleteNetworkInterface;
        let call = self.client(action).await?.delete_network_interface().network_interface_id(eni.as_str());
        self.answer(action, call.send().await).map(|_| ())
    }

    async fn assign_ipv4(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv4Addr>, Error> {
        let action = Action::AssignPrivateIpAddresses;
        let call = self.client(action).await?.assign_private_ip_addresses();
        let call = call.network_interface_id(eni.as_str()).secondary_private_ip_address_count(number(count));
        let answer = self.answer(action, call.send().await)?;
        let addresses = answer.assigned_private_ip_addresses().iter();
        addresses
            .map(|address| decode::parsed("privateIpAddress", address.private_ip_address()))
            .collect::<Result<_, _>>()
            .map_err(|invalid| invalid.of(action))
    }

    async fn unassign_ipv4(&self, eni: &NetworkInterfaceId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        let action = Action::UnassignPrivateIpAddresses;
        let call = self.client(action).await?.unassign_private_ip_addresses();
        let addresses = addresses.iter().map(ToString::to_string).collect();
        let call = call.network_interface_id(eni.as_str()).set_private_ip_addresses(Some(addresses));
        self.answer(action, call.send().await).map(|_| ())
    }

    async fn assign_ipv6(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv6Addr>, Error> {
        let action = Action::AssignIpv6Addresses;
        let call = self.client(action).await?.assign_ipv6_addresses();
        let call = call.network_interface_id(eni.as_str()).ipv6_address_count(number(count));
        let answer = self.answer(action, call.send().await)?;
        let addresses = answer.assigned_ipv6_addresses().iter();
        addresses
            .map(|address| decode::parsed("ipv6Address", Some(address)))
            .collect::<Result<_, _>>()
            .map_err(|invalid| invalid.of(action))
    }

    async fn unassign_ipv6(&self, eni: &NetworkInterfaceId, addresses: &[Ipv6Addr]) -> Result<(), Error> {
        let action = Action::UnassignIpv6Addresses;
        let call = self.client(action).await?.unassign_ipv6_addresses();
        let addresses = addresses.iter().map(ToString::to_string).collect();
        let call = call.network_interface_id(eni.as_str()).set_ipv6_addresses(Some(addresses));
        self.answer(action, call.send().await).map(|_| ())
    }

    async fn tag(&self, eni: &NetworkInterfaceId, new: &Tags) -> Result<(), Error> {
        let action = Action::CreateTags;
        let call = self.client(action).await?.create_tags().resources(eni.as_str()).set_tags(Some(tags(new)));
        self.answer(action, call.send().await).map(|_| ())
    }
}

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// None at all is not said, as zero is no valid count.
fn count(count: u32) -> Option<i32> {
    (count > 0).then(|| number(count))
}

/// EC2's numbers are signed; more than it has is refused by it.
fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
