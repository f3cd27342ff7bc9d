//! The manifest's own shape, field by field as it is written; what the fields mean together is [`super::validate`]'s.

use node::inventory::Sharing;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::pool::SubnetChoice;

/// The group and version of the API.
pub(super) const API_VERSION: &str = "networking.k8s.aws/v1alpha1";
/// The kind.
pub(super) const KIND: &str = "NodeENI";

/// A NodeENI's `spec`. The first fourteen fields are the original's, with its names and meanings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct NodeEniSpec {
    /// Labels that a node must have; `{}` selects every node.
    pub(crate) node_selector: Option<BTreeMap<String, String>>,
    #[serde(rename = "subnetID")]
    pub(crate) subnet_id: Option<String>,
    #[serde(rename = "subnetIDs")]
    pub(crate) subnet_ids: Option<Vec<String>>,
    pub(crate) subnet_name: Option<String>,
    pub(crate) subnet_names: Option<Vec<String>>,
    #[serde(rename = "securityGroupIDs")]
    pub(crate) security_group_ids: Option<Vec<String>>,
    pub(crate) security_group_names: Option<Vec<String>>,
    pub(crate) device_index: Option<u32>,
    pub(crate) delete_on_termination: Option<bool>,
    pub(crate) description: Option<String>,
    /// 0 leaves it as it is.
    pub(crate) mtu: Option<u32>,
    #[serde(rename = "enableDPDK")]
    pub(crate) enable_dpdk: Option<bool>,
    pub(crate) dpdk_driver: Option<String>,
    pub(crate) dpdk_resource_name: Option<String>,
    #[serde(rename = "dpdkPCIAddress")]
    pub(crate) dpdk_pci_address: Option<String>,

    /// What a node's labels must be besides.
    pub(crate) node_selector_expressions: Option<Vec<Expression>>,
    pub(crate) subnet_choice: Option<SubnetChoice>,
    pub(crate) network_card: Option<u32>,
    pub(crate) sharing: Option<Sharing>,
    pub(crate) resource_name: Option<String>,
    pub(crate) warm: Option<u32>,
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
    pub(crate) cooldown_seconds: Option<u64>,
    #[serde(rename = "secondaryIPv4Addresses")]
    pub(crate) secondary_ipv4_addresses: Option<u32>,
    #[serde(rename = "ipv6Addresses")]
    pub(crate) ipv6_addresses: Option<u32>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) source_dest_check: Option<bool>,
    pub(crate) link_name: Option<String>,
}

/// One requirement on a node's labels (Kubernetes' `LabelSelectorRequirement`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Expression {
    pub(crate) key: String,
    pub(crate) operator: Operator,
    #[serde(default)]
    pub(crate) values: Vec<String>,
}

/// How an [`Expression`] looks at its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Operator {
    In,
    /// A node without the key is one, too.
    NotIn,
    Exists,
    DoesNotExist,
}
