//! DescribeSubnets, DescribeSecurityGroups, DescribeInstanceTypes and DescribeInstances, by their pages of the API
//! reference.

use crate::addressing::free_ipv4;
use crate::cloud::Inner;

use super::check;
use super::filter::{Says, holds, page};
use super::refusal::Refusal;
use super::request::Select;
use super::response::{InstanceDescription, Response, SecurityGroupDescription, SubnetDescription};
use super::types::InstanceType;
use super::{text, view};

pub(crate) fn subnets(inner: &Inner, select: &Select) -> Result<Response, Refusal> {
    for id in &select.ids {
        let missing = || Refusal::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
        inner.state.subnets.get(&check::subnet_id(id)?).ok_or_else(missing)?;
    }
    let wanted = |id: &str| select.ids.is_empty() || select.ids.iter().any(|wanted| wanted == id);
    let mut found = Vec::new();
    for (id, record) in inner.state.subnets.iter().filter(|(id, _)| wanted(id.as_str())) {
        let subnet = SubnetDescription {
            subnet_id: id.clone(),
            vpc_id: record.vpc.clone(),
            availability_zone: record.zone.clone(),
            cidr_block: record.ipv4,
            ipv6_cidr_block: record.ipv6,
            available_ip_address_count: free_ipv4(&inner.state, id)?,
            owner_id: inner.state.account.clone(),
            tags: record.tags.clone(),
        };
        let says = |filter: &str| match filter {
            "subnet-id" => Says::one(id),
            "vpc-id" => Says::one(&record.vpc),
            "availability-zone" => Says::one(&record.zone),
            "cidr-block" | "cidrBlock" | "cidr" => Says::one(record.ipv4),
            "state" => Says::one("available"),
            "owner-id" => Says::one(&inner.state.account),
            _ => Says::NoSuchFilter,
        };
        if holds(&select.filters, &record.tags, says)? {
            found.push(subnet);
        }
    }
    let (items, next_token) = page(found, select, |subnet| subnet.subnet_id.to_string())?;
    Ok(Response::Subnets { items, next_token })
}

pub(crate) fn security_groups(inner: &Inner, select: &Select) -> Result<Response, Refusal> {
    let missing = |id: &str| Refusal::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
    for id in &select.ids {
        inner.state.groups.get(check::group_id(id)?).ok_or_else(|| missing(id))?;
    }
    if let Some(name) = select.names.iter().find(|name| inner.state.groups.values().all(|group| group.name != **name)) {
        return Err(missing(name));
    }
    let named = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
    let mut found = Vec::new();
    for (id, record) in &inner.state.groups {
        let says = |filter: &str| match filter {
            "group-id" => Says::one(id),
            "group-name" => Says::one(&record.name),
            "vpc-id" => Says::one(&record.vpc),
            "owner-id" => Says::one(&inner.state.account),
            _ => Says::NoSuchFilter,
        };
        let wanted = named(&select.ids, id) && named(&select.names, &record.name);
        if holds(&select.filters, &record.tags, says)? && wanted {
            found.push(SecurityGroupDescription {
                group_id: id.clone(),
                group_name: record.name.clone(),
                vpc_id: record.vpc.clone(),
                owner_id: inner.state.account.clone(),
                tags: record.tags.clone(),
            });
        }
    }
    let (items, next_token) = page(found, select, |group| group.group_id.clone())?;
    Ok(Response::SecurityGroups { items, next_token })
}

pub(crate) fn instance_types(inner: &Inner, select: &Select) -> Result<Response, Refusal> {
    let types = &inner.api.types;
    let unknown: Vec<&str> = select.ids.iter().filter(|id| !types.contains_key(*id)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(Refusal::new("InvalidInstanceType", message));
    }
    let mut found: Vec<InstanceType> = Vec::new();
    for of in types.values().filter(|of| select.ids.is_empty() || select.ids.contains(&of.name)) {
        let says = |filter: &str| match filter {
            "instance-type" => Says::one(&of.name),
            "network-info.maximum-network-interfaces" => Says::one(of.interfaces),
            "network-info.maximum-network-cards" => Says::one(of.cards.len()),
            _ => Says::NoSuchFilter,
        };
        if holds(&select.filters, &crate::record::Tags::new(), says)? {
            found.push(of.clone());
        }
    }
    let (items, next_token) = page(found, select, |of| of.name.clone())?;
    Ok(Response::InstanceTypes { items, next_token })
}

pub(crate) fn instances(inner: &Inner, select: &Select) -> Result<Response, Refusal> {
    for id in &select.ids {
        check::instance(inner, id)?;
    }
    let mut found = Vec::new();
    for (id, record) in &inner.state.instances {
        let says = |filter: &str| match filter {
            "instance-id" => Says::one(id),
            "instance-type" => Says::one(&record.kind),
            "availability-zone" => Says::one(&record.zone),
            "instance-state-name" => Says::one(text::instance_state(record.state).0),
            _ => Says::NoSuchFilter,
        };
        let wanted = select.ids.is_empty() || select.ids.iter().any(|wanted| wanted == id.as_str());
        if holds(&select.filters, &record.tags, says)? && wanted {
            let enis = inner.state.index().at(id);
            let enis = enis.filter_map(|(_, eni)| view::eni(&inner.state, eni, inner.state.eni(eni).ok()?));
            found.push(InstanceDescription {
                instance_id: id.clone(),
                instance_type: record.kind.clone(),
                availability_zone: record.zone.clone(),
                state: record.state,
                tags: record.tags.clone(),
                network_interfaces: enis.collect(),
            });
        }
    }
    let (items, next_token) = page(found, select, |instance| instance.instance_id.to_string())?;
    Ok(Response::Instances { items, next_token })
}
