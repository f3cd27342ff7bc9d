//! The SDK's types as ours. All of its fields may be absent; those without which a thing makes no sense are asked for.

use crate::action::Action;
use crate::error::{Code, Error, Subject};
use crate::id::{InstanceId, NetworkInterfaceId};
use crate::instance::InstanceState;
use crate::interface::{AttachmentStatus, InstanceAttachment, Ipv4, Ipv6, NetworkInterface, Slot, Status, Tags};
use crate::network::{Card, InstanceTypeLimits, SecurityGroup, Subnet};
use aws_sdk_ec2::types;
use std::str::FromStr;

/// An answer that makes no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum Invalid {
    #[error("the answer has no {0}")]
    Absent(&'static str),
    #[error("the answer's {field} is {text:?}")]
    Field {
        field: &'static str,
        text: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Invalid {
    pub(super) fn of(self, action: Action) -> Error {
        Error::new(action, Code::BadAnswer).because(self)
    }
}

pub(super) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, Invalid> {
    value.ok_or(Invalid::Absent(field))
}

pub(super) fn parsed<T>(field: &'static str, text: Option<&str>) -> Result<T, Invalid>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = required(field, text)?;
    text.parse().map_err(|error| Invalid::Field { field, text: text.to_string(), source: Box::new(error) })
}

fn number(field: &'static str, value: Option<i32>) -> Result<u32, Invalid> {
    let value = required(field, value)?;
    u32::try_from(value).map_err(|error| Invalid::Field { field, text: value.to_string(), source: Box::new(error) })
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_string()
}

pub(super) fn interface(of: &types::NetworkInterface) -> Result<NetworkInterface, Invalid> {
    let group = |group: &types::GroupIdentifier| parsed("groupId", group.group_id());
    Ok(NetworkInterface {
        id: parsed("networkInterfaceId", of.network_interface_id())?,
        mac_address: parsed("macAddress", of.mac_address())?,
        subnet: parsed("subnetId", of.subnet_id())?,
        vpc: parsed("vpcId", of.vpc_id())?,
        availability_zone: text(of.availability_zone()),
        status: status(required("status", of.status())?.as_str()),
        security_groups: of.groups().iter().map(group).collect::<Result<_, _>>()?,
        description: text(of.description()),
        ipv4: of.private_ip_addresses().iter().map(ipv4).collect::<Result<_, _>>()?,
        ipv6: of.ipv6_addresses().iter().map(ipv6).collect::<Result<_, _>>()?,
        source_dest_check: of.source_dest_check().unwrap_or(true),
        interface_type: of.interface_type().map_or("interface", |kind| kind.as_str()).to_string(),
        requester_managed: of.requester_managed().unwrap_or(false),
        tags: tags(of.tag_set()),
        attachment: of.attachment().map(attachment).transpose()?,
    })
}

/// The ENIs of an answer, each read by itself. One that AWS keeps for itself and that makes no sense is left out: it is nobody's
/// of whom an absence could be believed.
pub(super) fn interfaces(of: &[types::NetworkInterface]) -> Result<Vec<NetworkInterface>, Error> {
    of.iter().filter_map(|of| own_or_sound(of).transpose()).collect()
}

fn own_or_sound(of: &types::NetworkInterface) -> Result<Option<NetworkInterface>, Error> {
    let invalid = match interface(of) {
        Ok(interface) => return Ok(Some(interface)),
        Err(invalid) => invalid,
    };
    let id = parsed::<NetworkInterfaceId>("networkInterfaceId", of.network_interface_id()).ok();
    match &id {
        Some(id) if of.requester_managed() == Some(true) => {
            log::warn!("{id} of an AWS service is left out: {invalid}");
            Ok(None)
        }
        _ => {
            Err(invalid.of(Action::DescribeNetworkInterfaces).about(id.as_ref().map(Subject::eni).unwrap_or_default()))
        }
    }
}

fn ipv4(of: &types::NetworkInterfacePrivateIpAddress) -> Result<Ipv4, Invalid> {
    let address = parsed("privateIpAddress", of.private_ip_address())?;
    Ok(Ipv4 { address, primary: of.primary().unwrap_or(false) })
}

fn ipv6(of: &types::NetworkInterfaceIpv6Address) -> Result<Ipv6, Invalid> {
    let address = parsed("ipv6Address", of.ipv6_address())?;
    Ok(Ipv6 { address, primary: of.is_primary_ipv6().unwrap_or(false) })
}

fn status(text: &str) -> Status {
    match text {
        "available" => Status::Available,
        "attaching" => Status::Attaching,
        "in-use" => Status::InUse,
        "detaching" => Status::Detaching,
        "pending" => Status::Pending,
        other => Status::Other(other.to_string()),
    }
}

fn attachment(of: &types::NetworkInterfaceAttachment) -> Result<InstanceAttachment, Invalid> {
    let status = required("attachment status", of.status())?.as_str();
    Ok(InstanceAttachment {
        id: parsed("attachmentId", of.attachment_id())?,
        instance: of.instance_id().map(|id| parsed("instanceId", Some(id))).transpose()?,
        slot: Slot {
            network_card_index: of.network_card_index().map_or(Ok(0), |card| number("networkCardIndex", Some(card)))?,
            // An ENI of a service has none.
            device_index: of.device_index().map_or(Ok(0), |index| number("deviceIndex", Some(index)))?,
        },
        status: match status {
            "attaching" => AttachmentStatus::Attaching,
            "attached" => AttachmentStatus::Attached,
            "detaching" => AttachmentStatus::Detaching,
            "detached" => AttachmentStatus::Detached,
            _ => AttachmentStatus::Other,
        },
        delete_on_termination: of.delete_on_termination().unwrap_or(false),
    })
}

fn tags(of: &[types::Tag]) -> Tags {
    of.iter().filter_map(|tag| Some((tag.key()?.to_string(), text(tag.value())))).collect()
}

fn name(of: &[types::Tag]) -> Option<String> {
    of.iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value()).map(str::to_string)
}

pub(super) fn subnet(of: &types::Subnet) -> Result<Subnet, Invalid> {
    let is_there = |part: &&types::SubnetIpv6CidrBlockAssociation| {
        part.ipv6_cidr_block_state().and_then(|state| state.state()).is_none_or(|state| state.as_str() == "associated")
    };
    let ipv6 = of.ipv6_cidr_block_association_set().iter().filter(is_there);
    Ok(Subnet {
        id: parsed("subnetId", of.subnet_id())?,
        name: name(of.tags()),
        vpc: parsed("vpcId", of.vpc_id())?,
        availability_zone: text(of.availability_zone()),
        ipv4_cidr: of
            .cidr_block()
            .filter(|cidr| !cidr.is_empty())
            .map(|cidr| parsed("cidrBlock", Some(cidr)))
            .transpose()?,
        ipv6_cidrs: ipv6.map(|part| parsed("ipv6CidrBlock", part.ipv6_cidr_block())).collect::<Result<_, _>>()?,
        available_ipv4: number("availableIpAddressCount", of.available_ip_address_count())?,
    })
}

pub(super) fn security_group(of: &types::SecurityGroup) -> Result<SecurityGroup, Invalid> {
    Ok(SecurityGroup {
        id: parsed("groupId", of.group_id())?,
        name: text(of.group_name()),
        tag_name: name(of.tags()),
        vpc: parsed("vpcId", of.vpc_id())?,
    })
}

pub(super) fn instance(of: &types::Instance) -> Result<(InstanceId, InstanceState), Invalid> {
    let name = required("instanceState", of.state().and_then(types::InstanceState::name))?;
    let state = match name.as_str() {
        "pending" => InstanceState::Pending,
        "running" => InstanceState::Running,
        "stopping" => InstanceState::Stopping,
        "stopped" => InstanceState::Stopped,
        "shutting-down" => InstanceState::ShuttingDown,
        "terminated" => InstanceState::Terminated,
        other => InstanceState::Other(other.to_string()),
    };
    Ok((parsed("instanceId", of.instance_id())?, state))
}

pub(super) fn instance_type(of: &types::InstanceTypeInfo) -> Result<InstanceTypeLimits, Invalid> {
    let network = required("networkInfo", of.network_info())?;
    let interfaces = number("maximumNetworkInterfaces", network.maximum_network_interfaces())?;
    let mut cards = network.network_cards().iter().map(card).collect::<Result<Vec<_>, _>>()?;
    if cards.is_empty() {
        cards.push(Card { index: 0, interfaces });
    }
    cards.sort_by_key(|card| card.index);
    Ok(InstanceTypeLimits {
        name: text(of.instance_type().map(types::InstanceType::as_str)),
        interfaces,
        ipv4_per_interface: number("ipv4AddressesPerInterface", network.ipv4_addresses_per_interface())?,
        ipv6_per_interface: network
            .ipv6_addresses_per_interface()
            .map_or(Ok(0), |count| number("ipv6AddressesPerInterface", Some(count)))?,
        cards,
    })
}

fn card(of: &types::NetworkCardInfo) -> Result<Card, Invalid> {
    Ok(Card {
        index: number("networkCardIndex", of.network_card_index())?,
        interfaces: number("maximumNetworkInterfaces", of.maximum_network_interfaces())?,
    })
}
