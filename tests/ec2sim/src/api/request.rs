//! What can be asked, with the parameters of the API reference
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/OperationList-query.html>). Identifiers are text, as a client
//! sends them: whether they are any is for EC2 to say.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::action::Action;
use crate::record::Tags;

/// `Filter.N.Name` with its `Filter.N.Value.M`: any of the values, which may hold `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub name: String,
    pub values: Vec<String>,
}

impl Filter {
    /// A filter of this name and these values.
    pub fn new<T: Into<String>>(name: &str, values: impl IntoIterator<Item = T>) -> Self {
        Self { name: name.to_owned(), values: values.into_iter().map(Into::into).collect() }
    }
}

/// Which resources a Describe is about; all filters must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// `NetworkInterfaceId.N`, `SubnetId.N`, `GroupId.N`, `InstanceId.N` or `InstanceType.N`.
    pub ids: Vec<String>,
    /// `GroupName.N` of security groups.
    pub names: Vec<String>,
    pub filters: Vec<Filter>,
    pub max_results: Option<u32>,
    pub next_token: Option<String>,
}

impl Select {
    /// With this one more filter.
    #[must_use]
    pub fn filter<T: Into<String>>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.filters.push(Filter::new(name, values));
        self
    }
}

/// `TagSpecification.N`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagSpecification {
    pub resource_type: String,
    /// In the order they were said, one key twice if it was.
    pub tags: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateNetworkInterface {
    pub subnet_id: String,
    pub description: Option<String>,
    pub security_group_ids: Vec<String>,
    pub private_ip_address: Option<Ipv4Addr>,
    pub secondary_private_ip_address_count: Option<u32>,
    pub ipv6_address_count: Option<u32>,
    pub interface_type: Option<String>,
    pub client_token: Option<String>,
    pub tag_specifications: Vec<TagSpecification>,
}

impl CreateNetworkInterface {
    /// With these tags for the network interface.
    #[must_use]
    pub fn tagged(mut self, tags: &Tags) -> Self {
        let tags = tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.tag_specifications.push(TagSpecification { resource_type: "network-interface".into(), tags });
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttachNetworkInterface {
    pub network_interface_id: String,
    pub instance_id: String,
    pub device_index: Option<u32>,
    /// Card 0 unless said.
    pub network_card_index: Option<u32>,
}

/// `Attachment` of a Modify.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttachmentChange {
    pub attachment_id: Option<String>,
    pub delete_on_termination: Option<bool>,
}

/// One attribute at a time, says the API reference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModifyNetworkInterfaceAttribute {
    pub network_interface_id: String,
    pub attachment: Option<AttachmentChange>,
    pub description: Option<String>,
    pub security_group_ids: Vec<String>,
    pub source_dest_check: Option<bool>,
}

/// `Force` of a Detach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Force {
    #[default]
    No,
    Yes,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetachNetworkInterface {
    pub attachment_id: String,
    pub force: Force,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteNetworkInterface {
    pub network_interface_id: String,
}

/// Either so many or these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssignPrivateIpAddresses {
    pub network_interface_id: String,
    pub secondary_private_ip_address_count: Option<u32>,
    pub private_ip_addresses: Vec<Ipv4Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnassignPrivateIpAddresses {
    pub network_interface_id: String,
    pub private_ip_addresses: Vec<Ipv4Addr>,
}

/// Either so many or these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssignIpv6Addresses {
    pub network_interface_id: String,
    pub ipv6_address_count: Option<u32>,
    pub ipv6_addresses: Vec<Ipv6Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnassignIpv6Addresses {
    pub network_interface_id: String,
    pub ipv6_addresses: Vec<Ipv6Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateTags {
    pub resource_ids: Vec<String>,
    pub tags: Vec<(String, String)>,
}

/// A key without a value goes whatever its value is; no tags at all are all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteTags {
    pub resource_ids: Vec<String>,
    pub tags: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TerminateInstances {
    pub instance_ids: Vec<String>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    DescribeNetworkInterfaces(Select),
    CreateNetworkInterface(CreateNetworkInterface),
    AttachNetworkInterface(AttachNetworkInterface),
    ModifyNetworkInterfaceAttribute(ModifyNetworkInterfaceAttribute),
    DetachNetworkInterface(DetachNetworkInterface),
    DeleteNetworkInterface(DeleteNetworkInterface),
    AssignPrivateIpAddresses(AssignPrivateIpAddresses),
    UnassignPrivateIpAddresses(UnassignPrivateIpAddresses),
    AssignIpv6Addresses(AssignIpv6Addresses),
    UnassignIpv6Addresses(UnassignIpv6Addresses),
    CreateTags(CreateTags),
    DeleteTags(DeleteTags),
    DescribeSubnets(Select),
    DescribeSecurityGroups(Select),
    DescribeInstanceTypes(Select),
    DescribeInstances(Select),
    TerminateInstances(TerminateInstances),
}

macro_rules! each_of_its_own {
    ($($name:ident),* $(,)?) => { $(
        impl From<$name> for Request {
            fn from(request: $name) -> Self {
                Self::$name(request)
            }
        }
    )* };
}

each_of_its_own! {
    CreateNetworkInterface, AttachNetworkInterface, ModifyNetworkInterfaceAttribute, DetachNetworkInterface,
    DeleteNetworkInterface, AssignPrivateIpAddresses, UnassignPrivateIpAddresses, AssignIpv6Addresses,
    UnassignIpv6Addresses, CreateTags, DeleteTags, TerminateInstances,
}

impl Request {
    /// The action that is asked for.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::DescribeNetworkInterfaces(_) => Action::DescribeNetworkInterfaces,
            Self::CreateNetworkInterface(_) => Action::CreateNetworkInterface,
            Self::AttachNetworkInterface(_) => Action::AttachNetworkInterface,
            Self::ModifyNetworkInterfaceAttribute(_) => Action::ModifyNetworkInterfaceAttribute,
            Self::DetachNetworkInterface(_) => Action::DetachNetworkInterface,
            Self::DeleteNetworkInterface(_) => Action::DeleteNetworkInterface,
            Self::AssignPrivateIpAddresses(_) => Action::AssignPrivateIpAddresses,
            Self::UnassignPrivateIpAddresses(_) => Action::UnassignPrivateIpAddresses,
            Self::AssignIpv6Addresses(_) => Action::AssignIpv6Addresses,
            Self::UnassignIpv6Addresses(_) => Action::UnassignIpv6Addresses,
            Self::CreateTags(_) => Action::CreateTags,
            Self::DeleteTags(_) => Action::DeleteTags,
            Self::DescribeSubnets(_) => Action::DescribeSubnets,
            Self::DescribeSecurityGroups(_) => Action::DescribeSecurityGroups,
            Self::DescribeInstanceTypes(_) => Action::DescribeInstanceTypes,
            Self::DescribeInstances(_) => Action::DescribeInstances,
            Self::TerminateInstances(_) => Action::TerminateInstances,
        }
    }
}
