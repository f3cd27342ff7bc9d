//! The status of a NodeENI. The cluster agent alone writes it.

use super::EniCounts;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a NodeENI.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeEniStatus {
    /// Of which generation the rest is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observed_generation: Option<i64>,
    /// `Valid`, `Managed` and `Ready`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::conditions")]
    pub(crate) conditions: Vec<Condition>,
    /// How many nodes it selects.
    pub(crate) nodes: u32,
    /// Its ENIs on all of them.
    pub(crate) enis: EniCounts,
    /// What is not as it should be on a node, the newest first, at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<Problem>,
    /// Its ENIs as aws-multi-eni-controller shows them, sorted, at most a hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Attachment>,
    /// Says that attachments are not all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachments_note: Option<String>,
}

/// What is not as it should be on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Problem {
    /// The Node's name.
    pub(crate) node: String,
    /// What it is, and what to do.
    pub(crate) message: String,
    /// When it was first seen, as RFC 3339 has it.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) since: String,
}

/// An ENI on a node, with the field names of the original.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attachment {
    /// The Node's name.
    #[serde(rename = "nodeID")]
    pub(crate) node_id: String,
    /// EC2's id of the instance.
    #[serde(rename = "instanceID", skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<String>,
    /// EC2's id of the ENI.
    #[serde(rename = "eniID")]
    pub(crate) eni_id: String,
    /// EC2's id of the attachment.
    #[serde(rename = "attachmentID", skip_serializing_if = "Option::is_none")]
    pub(crate) attachment_id: Option<String>,
    /// EC2's id of the subnet.
    #[serde(rename = "subnetID", skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_id: Option<String>,
    /// The subnet's IPv4 CIDR.
    #[serde(rename = "subnetCIDR", skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_cidr: Option<String>,
    /// The link's MTU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mtu: Option<u32>,
    /// EC2's device index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_index: Option<u32>,
    /// `attached`, or what it is on the way to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// Since when it is so, as RFC 3339 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_updated: Option<String>,
    /// Whether it is bound for user space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dpdk_bound: Option<bool>,
    /// The driver that it is bound to then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dpdk_driver: Option<String>,
    /// The resource by which the kubelet gives it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dpdk_resource_name: Option<String>,
    /// Its place on the node.
    #[serde(rename = "dpdkPCIAddress", skip_serializing_if = "Option::is_none")]
    pub(crate) dpdk_pci_address: Option<String>,
}
