//! From a reply to its document, in the elements of the API reference's examples.

use super::interface::{network_interface, tags};
use super::xml::Xml;
use crate::api::response::{InstanceDescription, Response, SecurityGroupDescription, SubnetDescription};
use crate::api::{Action, InstanceType, Refusal, text};

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
