//! From parameters to a request. Names are those of the Query API
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>).

use std::str::FromStr;

use super::form::Form;
use crate::api::request::{
    AssignIpv6Addresses, AssignPrivateIpAddresses, AttachNetworkInterface, AttachmentChange, CreateNetworkInterface,
    CreateTags, DeleteNetworkInterface, DeleteTags, DetachNetworkInterface, Filter, Force,
    ModifyNetworkInterfaceAttribute, Request, Select, TagSpecification, TerminateInstances, UnassignIpv6Addresses,
    UnassignPrivateIpAddresses,
};
use crate::api::{Action, Refusal};

const VERSION: &str = "2016-11-15";

pub(super) fn request(form: &Form) -> Result<Request, Refusal> {
    let name = form.get("Action").ok_or_else(|| Refusal::missing("Action"))?;
    let unknown = || {
        let version = form.get("Version").unwrap_or_default();
        Refusal::new(
            "InvalidAction",
            format!("The action {name} is not valid for this web service: version {version}."),
        )
    };
    let action = Action::named(name).filter(|_| form.get("Version") == Some(VERSION)).ok_or_else(unknown)?;
    Ok(match action {
        Action::DescribeNetworkInterfaces => Request::DescribeNetworkInterfaces(select(form, "NetworkInterfaceId")?),
        Action::DescribeSubnets => Request::DescribeSubnets(select(form, "SubnetId")?),
        Action::DescribeSecurityGroups => Request::DescribeSecurityGroups(select(form, "GroupId")?),
        Action::DescribeInstanceTypes => Request::DescribeInstanceTypes(select(form, "InstanceType")?),
        Action::DescribeInstances => Request::DescribeInstances(select(form, "InstanceId")?),
        Action::CreateNetworkInterface => create(form)?.into(),
        Action::AttachNetworkInterface => AttachNetworkInterface {
            network_interface_id: required(form, "NetworkInterfaceId")?,
            instance_id: required(form, "InstanceId")?,
            device_index: parsed(form, "DeviceIndex")?,
            network_card_index: parsed(form, "NetworkCardIndex")?,
        }
        .into(),
        Action::ModifyNetworkInterfaceAttribute => modify(form)?.into(),
        Action::DetachNetworkInterface => DetachNetworkInterface {
            attachment_id: required(form, "AttachmentId")?,
            force: if parsed(form, "Force")?.unwrap_or(false) { Force::Yes } else { Force::No },
        }
        .into(),
        Action::DeleteNetworkInterface => {
            DeleteNetworkInterface { network_interface_id: required(form, "NetworkInterfaceId")? }.into()
        }
        Action::AssignPrivateIpAddresses => AssignPrivateIpAddresses {
            network_interface_id: required(form, "NetworkInterfaceId")?,
            secondary_private_ip_address_count: parsed(form, "SecondaryPrivateIpAddressCount")?,
            private_ip_addresses: all_parsed(form, "PrivateIpAddress")?,
        }
        .into(),
        Action::UnassignPrivateIpAddresses => UnassignPrivateIpAddresses {
            network_interface_id: required(form, "NetworkInterfaceId")?,
            private_ip_addresses: all_parsed(form, "PrivateIpAddress")?,
        }
        .into(),
        Action::AssignIpv6Addresses => AssignIpv6Addresses {
            network_interface_id: required(form, "NetworkInterfaceId")?,
            ipv6_address_count: parsed(form, "Ipv6AddressCount")?,
            ipv6_addresses: all_parsed(form, "Ipv6Addresses")?,
        }
        .into(),
        Action::UnassignIpv6Addresses => UnassignIpv6Addresses {
            network_interface_id: required(form, "NetworkInterfaceId")?,
            ipv6_addresses: all_parsed(form, "Ipv6Addresses")?,
        }
        .into(),
        Action::CreateTags => {
            CreateTags { resource_ids: form.list("ResourceId"), tags: tags(form, "Tag", valued)? }.into()
        }
        Action::DeleteTags => {
            DeleteTags { resource_ids: form.list("ResourceId"), tags: tags(form, "Tag", |value| value)? }.into()
        }
        Action::TerminateInstances => TerminateInstances { instance_ids: form.list("InstanceId") }.into(),
    })
}

fn select(form: &Form, ids: &str) -> Result<Select, Refusal> {
    let filter = |n: u32| {
        let name = required(form, &format!("Filter.{n}.Name"))?;
        Ok(Filter { name, values: form.list(&format!("Filter.{n}.Value")) })
    };
    Ok(Select {
        ids: form.list(ids),
        names: form.list("GroupName"),
        filters: form.members("Filter").into_iter().map(filter).collect::<Result<_, Refusal>>()?,
        max_results: parsed(form, "MaxResults")?,
        next_token: form.text("NextToken").filter(|token| !token.is_empty()),
    })
}

fn create(form: &Form) -> Result<CreateNetworkInterface, Refusal> {
    let specification = |n: u32| {
        let of = format!("TagSpecification.{n}");
        let resource_type = form.text(&format!("{of}.ResourceType")).unwrap_or_default();
        Ok(TagSpecification { resource_type, tags: tags(form, &format!("{of}.Tag"), valued)? })
    };
    Ok(CreateNetworkInterface {
        subnet_id: form.text("SubnetId").unwrap_or_default(),
        description: form.text("Description"),
        security_group_ids: form.list("SecurityGroupId"),
        private_ip_address: parsed(form, "PrivateIpAddress")?,
        secondary_private_ip_address_count: parsed(form, "SecondaryPrivateIpAddressCount")?,
        ipv6_address_count: parsed(form, "Ipv6AddressCount")?,
        interface_type: form.text("InterfaceType"),
        client_token: form.text("ClientToken"),
        tag_specifications: form
            .members("TagSpecification")
            .into_iter()
            .map(specification)
            .collect::<Result<_, Refusal>>()?,
    })
}

fn modify(form: &Form) -> Result<ModifyNetworkInterfaceAttribute, Refusal> {
    let attachment = AttachmentChange {
        attachment_id: form.text("Attachment.AttachmentId"),
        delete_on_termination: parsed(form, "Attachment.DeleteOnTermination")?,
    };
    Ok(ModifyNetworkInterfaceAttribute {
        network_interface_id: required(form, "NetworkInterfaceId")?,
        attachment: Some(attachment).filter(|change| *change != AttachmentChange::default()),
        description: form.text("Description.Value"),
        security_group_ids: form.list("SecurityGroupId"),
        source_dest_check: parsed(form, "SourceDestCheck.Value")?,
    })
}

fn tags<T>(form: &Form, name: &str, value: fn(Option<String>) -> T) -> Result<Vec<(String, T)>, Refusal> {
    let tag = |n: u32| {
        let key = required(form, &format!("{name}.{n}.Key"))?;
        Ok((key, value(form.text(&format!("{name}.{n}.Value")))))
    };
    form.members(name).into_iter().map(tag).collect()
}

fn valued(value: Option<String>) -> String {
    value.unwrap_or_default()
}

fn required(form: &Form, name: &str) -> Result<String, Refusal> {
    form.text(name).ok_or_else(|| Refusal::missing(name))
}

fn parsed<T: FromStr>(form: &Form, name: &str) -> Result<Option<T>, Refusal> {
    form.get(name).map(|value| value.parse().map_err(|_| invalid(name, value))).transpose()
}

fn all_parsed<T: FromStr>(form: &Form, name: &str) -> Result<Vec<T>, Refusal> {
    form.list(name).iter().map(|value| value.parse().map_err(|_| invalid(name, value))).collect()
}

fn invalid(name: &str, value: &str) -> Refusal {
    Refusal::value(format!("Invalid value '{value}' for {name}"))
}
