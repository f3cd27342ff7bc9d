//! From a reply to its document, in the elements of the API reference's examples.

use std::time::Duration;

use super::xml::Xml;
use crate::api::response::{
    InstanceDescription, NetworkInterface, NetworkInterfaceAttachment, Response, SecurityGroupDescription,
    SubnetDescription,
};
use crate::api::{Action, InstanceType, Refusal, text};
use crate::state::Tags;

const NAMESPACE: &str = " xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"";

pub(super) fn answer(action: Action, request_id: &str, response: &Response) -> String {
    let mut xml = Xml::default();
    xml.text("requestId", request_id);
    body(&mut xml, response);
    xml.document(&format!("{action}Response"), NAMESPACE)
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>, "Error response".
pub(super) fn refusal(request_id: &str, refusal: &Refusal) -> String {
    let mut xml = Xml::default();
    xml.inside("Errors", |xml| {
        xml.inside("Error", |xml| {
            xml.text("Code", &refusal.code);
            xml.text("Message", &refusal.message);
        });
    });
    xml.text("RequestID", request_id);
    xml.document("Response", "")
}

fn body(xml: &mut Xml, response: &Response) {
    match response {
        Response::NetworkInterfaces { items, next_token } => {
            xml.items("networkInterfaceSet", items, network_interface);
            xml.some("nextToken", next_token.as_ref());
        }
        Response::NetworkInterface(eni) => xml.inside("networkInterface", |xml| network_interface(xml, eni)),
        Response::Attached { attachment_id, network_card_index } => {
            xml.text("attachmentId", attachment_id);
            xml.text("networkCardIndex", network_card_index);
        }
        Response::AssignedIpv4 { network_interface_id, addresses } => {
            xml.text("networkInterfaceId", network_interface_id);
            let one = |xml: &mut Xml, address| xml.text("privateIpAddress", address);
            xml.items("assignedPrivateIpAddressesSet", addresses, one);
            xml.text("return", true);
        }
        Response::AssignedIpv6 { network_interface_id, addresses } => {
            xml.text("networkInterfaceId", network_interface_id);
            texts(xml, "assignedIpv6Addresses", addresses);
        }
        Response::UnassignedIpv6 { network_interface_id, addresses } => {
            xml.text("networkInterfaceId", network_interface_id);
            texts(xml, "unassignedIpv6Addresses", addresses);
        }
        Response::Subnets { items, next_token } => {
            xml.items("subnetSet", items, subnet);
            xml.some("nextToken", next_token.as_ref());
        }
        Response::SecurityGroups { items, next_token } => {
            xml.items("securityGroupInfo", items, security_group);
            xml.some("nextToken", next_token.as_ref());
        }
        Response::InstanceTypes { items, next_token } => {
            xml.items("instanceTypeSet", items, instance_type);
            xml.some("nextToken", next_token.as_ref());
        }
        Response::Instances { items, next_token } => {
            xml.items("reservationSet", items, |xml, of| xml.items("instancesSet", [of], instance));
            xml.some("nextToken", next_token.as_ref());
        }
        Response::Terminating(ids) => xml.items("instancesSet", ids, |xml, id| {
            xml.text("instanceId", id);
            xml.inside("currentState", |xml| {
                xml.text("code", 32);
                xml.text("name", "shutting-down");
            });
        }),
        Response::Done => xml.text("return", true),
    }
}

/// Items that are texts themselves.
fn texts<T: ToString>(xml: &mut Xml, name: &str, values: &[T]) {
    xml.inside(name, |xml| values.iter().for_each(|value| xml.text("item", value.to_string())));
}

fn network_interface(xml: &mut Xml, eni: &NetworkInterface) {
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

fn tags(xml: &mut Xml, tags: &Tags) {
    xml.items("tagSet", tags, |xml, (key, value)| {
        xml.text("key", key);
        xml.text("value", value);
    });
}

fn subnet(xml: &mut Xml, of: &SubnetDescription) {
    xml.text("subnetId", &of.subnet_id);
    xml.text("state", "available");
    xml.text("vpcId", &of.vpc_id);
    xml.text("ownerId", &of.owner_id);
    xml.text("availabilityZone", &of.availability_zone);
    xml.text("cidrBlock", of.cidr_block);
    xml.items("ipv6CidrBlockAssociationSet", of.ipv6_cidr_block, |xml, cidr| {
        xml.text("ipv6CidrBlock", cidr);
        xml.inside("ipv6CidrBlockState", |xml| xml.text("state", "associated"));
    });
    xml.text("availableIpAddressCount", of.available_ip_address_count);
    tags(xml, &of.tags);
}

fn security_group(xml: &mut Xml, of: &SecurityGroupDescription) {
    xml.text("ownerId", &of.owner_id);
    xml.text("groupId", &of.group_id);
    xml.text("groupName", &of.group_name);
    xml.text("groupDescription", &of.group_name);
    xml.text("vpcId", &of.vpc_id);
    tags(xml, &of.tags);
}

fn instance_type(xml: &mut Xml, of: &InstanceType) {
    xml.text("instanceType", &of.name);
    xml.inside("networkInfo", |xml| {
        xml.text("maximumNetworkInterfaces", of.interfaces);
        xml.text("maximumNetworkCards", of.cards.len());
        xml.text("defaultNetworkCardIndex", 0);
        xml.items("networkCards", of.cards.iter().enumerate(), |xml, (index, interfaces)| {
            xml.text("networkCardIndex", index);
            xml.text("maximumNetworkInterfaces", interfaces);
        });
        xml.text("ipv4AddressesPerInterface", of.ipv4_per_interface);
        xml.text("ipv6AddressesPerInterface", of.ipv6_per_interface);
        xml.text("ipv6Supported", true);
        xml.text("enaSupport", "required");
    });
}

fn instance(xml: &mut Xml, of: &InstanceDescription) {
    let (name, code) = text::instance_state(of.state);
    xml.text("instanceId", &of.instance_id);
    xml.text("instanceType", &of.instance_type);
    xml.inside("placement", |xml| xml.text("availabilityZone", &of.availability_zone));
    xml.inside("instanceState", |xml| {
        xml.text("code", code);
        xml.text("name", name);
    });
    xml.items("networkInterfaceSet", &of.network_interfaces, network_interface);
    tags(xml, &of.tags);
}

/// ISO 8601 from the time since the epoch, by the proleptic Gregorian calendar.
pub(super) fn timestamp(since: Duration) -> String {
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hours:02}:{minutes:02}:{:02}.{:03}Z",
        left + 1,
        seconds % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_ec2_writes_them() {
        assert_eq!(timestamp(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(Duration::from_millis(951_868_799_500)), "2000-02-29T23:59:59.500Z");
        assert_eq!(timestamp(Duration::from_secs(1_764_057_600)), "2025-11-25T08:00:00.000Z");
    }
}
