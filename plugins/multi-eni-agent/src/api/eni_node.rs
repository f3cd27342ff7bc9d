//! ENINode: what a node has, has done and waits for. Its agent alone writes it, and the Node owns it.

use super::EniCounts;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing is asked of a node here; NodeENIs are for that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "networking.k8s.aws",
    version = "v1alpha1",
    kind = "ENINode",
    root = "EniNode",
    plural = "eninodes",
    singular = "eninode",
    shortname = "eninode",
    status = "EniNodeStatus",
    doc = "Shows the ENIs of the Node of the same name, and who has them.",
    printcolumn = r#"{"name": "Instance", "type": "string", "jsonPath": ".status.instanceID"}"#,
    printcolumn = r#"{"name": "ENIs", "type": "integer", "jsonPath": ".status.counts.total", "description": "How many ENIs of pools it has"}"#,
    printcolumn = r#"{"name": "Ready", "type": "integer", "jsonPath": ".status.counts.ready", "description": "How many of them wait for a pod"}"#,
    printcolumn = r#"{"name": "In-Use", "type": "integer", "jsonPath": ".status.counts.inUse", "description": "How many of them a pod has"}"#,
    printcolumn = r#"{"name": "Free-Slots", "type": "integer", "jsonPath": ".status.slots.free", "description": "How many ENIs fit besides"}"#,
    printcolumn = r#"{"name": "Problem", "type": "string", "jsonPath": ".status.problem", "description": "The newest"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EniNodeSpec {}

/// What a node has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EniNodeStatus {
    /// The UID of the Node that this is about: one of the same name may be another's.
    #[serde(rename = "nodeUID", skip_serializing_if = "Option::is_none")]
    pub(crate) node_uid: Option<String>,
    /// EC2's id of the instance.
    #[serde(rename = "instanceID", skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<String>,
    /// EC2's type of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_type: Option<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) availability_zone: Option<String>,
    /// The version of the agent that wrote this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent_version: Option<String>,
    /// How many ENIs the instance has place for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slots: Option<Slots>,
    /// The ENIs of its pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) enis: Vec<Eni>,
    /// Its pools, one for each NodeENI that selects it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pools: Vec<PoolStatus>,
    /// The ENIs by what they are doing.
    pub(crate) counts: EniCounts,
    /// What is not as it should be, the newest, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// What holds of the node as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::conditions")]
    pub(crate) conditions: Vec<Condition>,
}

/// Places for ENIs, those of others counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Slots {
    /// How many ENIs the instance takes, less those that are kept for others.
    pub(crate) limit: u32,
    /// How many are taken, the primary ENI's among them.
    pub(crate) used: u32,
    /// How many are left.
    pub(crate) free: u32,
}

/// An ENI of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Eni {
    /// EC2's id.
    pub(crate) id: String,
    /// The NodeENI whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<String>,
    /// Where it is in its life: creating, created, attaching, attached, ready, in-use, cooling, detaching, detached, deleting or quarantined.
    pub(crate) state: String,
    /// Since when, as RFC 3339 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) since: Option<String>,
    /// Its MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac_address: Option<String>,
    /// Its place on the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pci_address: Option<String>,
    /// EC2's device index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_index: Option<u32>,
    /// EC2's network card index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_card_index: Option<u32>,
    /// EC2's id of the subnet.
    #[serde(rename = "subnetID", skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_id: Option<String>,
    /// The subnet's IPv4 CIDR.
    #[serde(rename = "subnetCIDR", skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_cidr: Option<String>,
    /// Its addresses, the primary one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<String>,
    /// The name of its link on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host_name: Option<String>,
    /// The MTU of its link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mtu: Option<u32>,
    /// `netdev` or `vfio-pci`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    /// The driver that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// The resource by which the kubelet gives it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_name: Option<String>,
    /// EC2's id of the attachment.
    #[serde(rename = "attachmentID", skip_serializing_if = "Option::is_none")]
    pub(crate) attachment_id: Option<String>,
    /// The pod that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// What last went wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
}

/// Who has an ENI.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Owner {
    /// The pod's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// The pod's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<String>,
    /// The pod's UID.
    #[serde(rename = "podUID", skip_serializing_if = "Option::is_none")]
    pub(crate) pod_uid: Option<String>,
    /// The runtime's id of its sandbox.
    #[serde(rename = "containerID", skip_serializing_if = "Option::is_none")]
    pub(crate) container_id: Option<String>,
    /// CNI_IFNAME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ifname: Option<String>,
}

/// What came of a NodeENI on the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PoolStatus {
    /// The NodeENI's name.
    pub(crate) name: String,
    /// The generation of it that is acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<i64>,
    /// How many ENIs it has at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<u32>,
    /// How many it has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<u32>,
    /// How many are free beyond those in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warm: Option<u32>,
    /// How many it should have now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<u32>,
    /// What waits, and for what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiting: Vec<String>,
}
