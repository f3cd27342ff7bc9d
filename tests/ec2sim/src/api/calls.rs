//! The record of calls, for tests to assert on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::action::Action;
use super::request::Request;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Granted.
    Done,
    /// Refused with this code.
    Refused(String),
    /// Done, and the client does not know.
    DoneAnswerLost,
    /// Not done, and the client has no answer.
    Lost,
}

/// A call that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Since the epoch of the region's clock.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// The access key.
    pub principal: String,
    pub action: Action,
    /// What it was about, by the names of the API: `NetworkInterfaceId`, `InstanceId`, `DeviceIndex`, `Filter.subnet-id`, …
    pub parameters: BTreeMap<String, String>,
    pub outcome: Outcome,
    pub request_id: String,
}

impl Call {
    /// Whether it was granted, whatever the client knows of it.
    #[must_use]
    pub fn took_effect(&self) -> bool {
        matches!(self.outcome, Outcome::Done | Outcome::DoneAnswerLost)
    }
}

fn seconds<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_secs_f64())
}

/// What a person would ask of a call.
pub(crate) fn parameters(request: &Request) -> BTreeMap<String, String> {
    let mut all = Parameters::default();
    match request {
        Request::DescribeNetworkInterfaces(select)
        | Request::DescribeSubnets(select)
        | Request::DescribeSecurityGroups(select)
        | Request::DescribeInstanceTypes(select)
        | Request::DescribeInstances(select) => {
            all.list("Id", &select.ids);
            all.list("Name", &select.names);
            for filter in &select.filters {
                all.list(&format!("Filter.{}", filter.name), &filter.values);
            }
            all.one("MaxResults", select.max_results);
            all.one("NextToken", select.next_token.as_ref());
        }
        Request::CreateNetworkInterface(of) => {
            all.one("SubnetId", Some(&of.subnet_id));
            all.one("ClientToken", of.client_token.as_ref());
            all.one("Description", of.description.as_ref());
            all.list("SecurityGroupId", &of.security_group_ids);
            all.one("SecondaryPrivateIpAddressCount", of.secondary_private_ip_address_count);
            all.one("Ipv6AddressCount", of.ipv6_address_count);
            for (key, value) in of.tag_specifications.iter().flat_map(|specification| &specification.tags) {
                all.one(&format!("Tag.{key}"), Some(value));
            }
        }
        Request::AttachNetworkInterface(of) => {
            all.one("NetworkInterfaceId", Some(&of.network_interface_id));
            all.one("InstanceId", Some(&of.instance_id));
            all.one("DeviceIndex", of.device_index);
            all.one("NetworkCardIndex", of.network_card_index);
        }
        Request::ModifyNetworkInterfaceAttribute(of) => {
            all.one("NetworkInterfaceId", Some(&of.network_interface_id));
            let change = of.attachment.as_ref();
            all.one("AttachmentId", change.and_then(|change| change.attachment_id.as_ref()));
            all.one("DeleteOnTermination", change.and_then(|change| change.delete_on_termination));
            all.one("Description", of.description.as_ref());
            all.list("SecurityGroupId", &of.security_group_ids);
            all.one("SourceDestCheck", of.source_dest_check);
        }
        Request::DetachNetworkInterface(of) => {
            all.one("AttachmentId", Some(&of.attachment_id));
            all.one("Force", (of.force == super::request::Force::Yes).then_some("true"));
        }
        Request::DeleteNetworkInterface(of) => all.one("NetworkInterfaceId", Some(&of.network_interface_id)),
        Request::AssignPrivateIpAddresses(of) => {
            all.one("NetworkInterfaceId", Some(&of.network_interface_id));
            all.one("SecondaryPrivateIpAddressCount", of.secondary_private_ip_address_count);
            all.list("PrivateIpAddress", &of.private_ip_addresses);
        }
        Request::UnassignPrivateIpAddresses(of) => {
            all.one("NetworkInterfaceId", Some(&of.network_interface_id));
            all.list("PrivateIpAddress", &of.private_ip_addresses);
        }
        Request::AssignIpv6Addresses(of) => {
            all.one("NetworkInterfaceId", Some(&of.network_interface_id));
            all.one("Ipv6AddressCount", of.ipv6_address_count);
            all.list("Ipv6Address", &of.ipv6_addresses);
        }
        Request::UnassignIpv6Addresses(of) => {
            all.one("NetworkInterfaceId", Some(&of.network_interface_id));
            all.list("Ipv6Address", &of.ipv6_addresses);
        }
        Request::CreateTags(of) => {
            all.list("ResourceId", &of.resource_ids);
            for (key, value) in &of.tags {
                all.one(&format!("Tag.{key}"), Some(value));
            }
        }
        Request::DeleteTags(of) => {
            all.list("ResourceId", &of.resource_ids);
            for (key, value) in &of.tags {
                all.one(&format!("Tag.{key}"), Some(value.as_deref().unwrap_or_default()));
            }
        }
        Request::TerminateInstances(of) => all.list("InstanceId", &of.instance_ids),
    }
    all.0
}

#[derive(Default)]
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn one(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.to_string());
        }
    }

    fn list<T: ToString>(&mut self, name: &str, values: &[T]) {
        if !values.is_empty() {
            self.0.insert(name.to_owned(), values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        }
    }
}
