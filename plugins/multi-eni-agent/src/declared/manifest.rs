//! The manifest's own shape, field by field as it is written, and what of it the API server can check; what the fields mean
//! together is [`super::validate`]'s. The text of a field is what `kubectl explain` says.

use kube::CustomResource;
use node::inventory::Sharing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::limits::{COOLDOWN, DEVICE_INDEX, EC2_TEXT, IPV6, MOST_GROUPS, MTU, NETWORK_CARD, SECONDARY_IPV4, pattern};
use super::pool::SubnetChoice;
use crate::api::NodeEniStatus;

/// The group and version of the API.
pub(super) const API_VERSION: &str = "networking.k8s.aws/v1alpha1";
/// The kind.
pub(super) const KIND: &str = "NodeENI";

/// The pool of ENIs that each selected node has. The first fifteen fields are those of aws-multi-eni-controller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "networking.k8s.aws",
    version = "v1alpha1",
    kind = "NodeENI",
    root = "NodeEni",
    plural = "nodeenis",
    singular = "nodeeni",
    shortname = "neni",
    status = "NodeEniStatus",
    doc = "Declares a pool of ENIs for each node that it selects.",
    printcolumn = r#"{"name": "Nodes", "type": "integer", "jsonPath": ".status.nodes", "description": "How many nodes it selects"}"#,
    printcolumn = r#"{"name": "ENIs", "type": "integer", "jsonPath": ".status.enis.total", "description": "How many ENIs these have of it"}"#,
    printcolumn = r#"{"name": "Ready", "type": "integer", "jsonPath": ".status.enis.ready", "description": "How many of them wait for a pod"}"#,
    printcolumn = r#"{"name": "In-Use", "type": "integer", "jsonPath": ".status.enis.inUse", "description": "How many of them a pod has"}"#,
    printcolumn = r#"{"name": "Problem", "type": "string", "jsonPath": ".status.problems[0].message", "description": "The newest"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct NodeEniSpec {
    /// The labels that a node must have; `{}` selects every node.
    pub(crate) node_selector: Option<BTreeMap<String, String>>,
    /// A subnet by its id. Those of subnetID, subnetIDs, subnetName and subnetNames are taken together; those of other zones than the
    /// node's are for other nodes.
    #[serde(rename = "subnetID")]
    #[schemars(regex(pattern = pattern::SUBNET_ID_OR_NONE))]
    pub(crate) subnet_id: Option<String>,
    /// Subnets by their ids.
    #[serde(rename = "subnetIDs")]
    #[schemars(inner(regex(pattern = pattern::SUBNET_ID)))]
    pub(crate) subnet_ids: Option<Vec<String>>,
    /// A subnet by its tag `Name`.
    #[schemars(length(max = EC2_TEXT), regex(pattern = pattern::NAME))]
    pub(crate) subnet_name: Option<String>,
    /// Subnets by their tags `Name`.
    #[schemars(inner(length(min = 1, max = EC2_TEXT), regex(pattern = pattern::NAME)))]
    pub(crate) subnet_names: Option<Vec<String>>,
    /// Security groups by their ids.
    #[serde(rename = "securityGroupIDs")]
    #[schemars(length(max = MOST_GROUPS), inner(regex(pattern = pattern::GROUP_ID)))]
    pub(crate) security_group_ids: Option<Vec<String>>,
    /// Security groups by their names or their tags `Name`; they are added to securityGroupIDs.
    #[schemars(length(max = MOST_GROUPS), inner(length(min = 1, max = EC2_TEXT), regex(pattern = pattern::NAME)))]
    pub(crate) security_group_names: Option<Vec<String>>,
    /// The lowest device index that is tried; 1 if it is not said, or 0.
    #[schemars(range(min = 0, max = *DEVICE_INDEX.end()))]
    pub(crate) device_index: Option<u32>,
    /// Whether EC2 deletes an ENI with its instance; true if it is not said. One that is kept so goes when its NodeENI does.
    pub(crate) delete_on_termination: Option<bool>,
    /// The description that EC2 shows.
    #[schemars(
        length(max = EC2_TEXT),
        regex(pattern = pattern::ONE_LINE),
        extend("not" = {"pattern": "^[aA][wW][sS]-[kK]8[sS]-"})
    )]
    pub(crate) description: Option<String>,
    /// The MTU of the links in bytes; 0 leaves it as it is.
    #[schemars(range(min = 0, max = *MTU.end()), extend("anyOf" = [{"maximum": 0}, {"minimum": MTU.start()}]))]
    pub(crate) mtu: Option<u32>,
    /// Whether the ENIs are bound to vfio-pci, for user space, in place of the kernel's driver.
    #[serde(rename = "enableDPDK")]
    pub(crate) enable_dpdk: Option<bool>,
    /// The driver with enableDPDK; only vfio-pci keeps a device behind the IOMMU, so it is the only one.
    pub(crate) dpdk_driver: Option<String>,
    /// The same as resourceName.
    #[schemars(
        length(max = 317),
        regex(pattern = pattern::RESOURCE_OR_NONE),
        extend("not" = {"pattern": pattern::RESOURCE_OF_KUBERNETES})
    )]
    pub(crate) dpdk_resource_name: Option<String>,
    /// Which of a node's ENIs enableDPDK and resourceName are about, by its place there; all of the pool's if it is not said.
    #[serde(rename = "dpdkPCIAddress")]
    #[schemars(regex(pattern = pattern::PCI_ADDRESS_OR_NONE))]
    pub(crate) dpdk_pci_address: Option<String>,

    /// What a node's labels must be besides nodeSelector.
    pub(crate) node_selector_expressions: Option<Vec<Expression>>,
    /// Which of the subnets the ENIs are in; `each` if it is not said.
    pub(crate) subnet_choice: Option<SubnetChoice>,
    /// The network card, for instance types that have several.
    #[schemars(range(min = *NETWORK_CARD.start(), max = *NETWORK_CARD.end()))]
    pub(crate) network_card: Option<u32>,
    /// Whether a pod has an ENI to itself or an address of one; `exclusive` if it is not said. It is fixed while the pool has ENIs.
    #[schemars(with = "Option<String>", extend("enum" = ["exclusive", "shared"]))]
    pub(crate) sharing: Option<Sharing>,
    /// The extended resource by which the kubelet gives the ENIs to pods; without a domain it gets the node's.
    #[schemars(
        length(max = 317),
        regex(pattern = pattern::RESOURCE_OR_NONE),
        extend("not" = {"pattern": pattern::RESOURCE_OF_KUBERNETES})
    )]
    pub(crate) resource_name: Option<String>,
    /// How many ENIs are free beyond those in use; 0 if it is not said.
    pub(crate) warm: Option<u32>,
    /// How many ENIs a node has at least; one for each subnet of its zone, or one with mostFree, if it is not said.
    pub(crate) min: Option<u32>,
    /// How many ENIs a node has at most; if it is not said, as many as min, or with warm what the instance type allows.
    pub(crate) max: Option<u32>,
    /// How long an ENI rests after a pod; 30 if it is not said.
    #[schemars(range(min = *COOLDOWN.start(), max = *COOLDOWN.end()))]
    pub(crate) cooldown_seconds: Option<u64>,
    /// How many IPv4 addresses an ENI has beside its primary one; of a shared one, how many are kept free.
    #[serde(rename = "secondaryIPv4Addresses")]
    #[schemars(range(min = *SECONDARY_IPV4.start(), max = *SECONDARY_IPV4.end()))]
    pub(crate) secondary_ipv4_addresses: Option<u32>,
    /// How many IPv6 addresses an ENI has; of a shared one, how many are kept free.
    #[serde(rename = "ipv6Addresses")]
    #[schemars(range(min = *IPV6.start(), max = *IPV6.end()))]
    pub(crate) ipv6_addresses: Option<u32>,
    /// Tags for the ENIs, beside those that the agent gives.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Whether EC2 drops what is not from or to the ENI's own addresses; true if it is not said.
    pub(crate) source_dest_check: Option<bool>,
    /// The name of the link on the host, for a pool that never has a second ENI on a node.
    #[schemars(
        regex(pattern = pattern::LINK_NAME),
        extend("not" = {"enum": [".", "..", "all", "default", "lo"]})
    )]
    pub(crate) link_name: Option<String>,
}

/// One requirement on a node's labels (Kubernetes' `LabelSelectorRequirement`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Expression {
    /// The label's key.
    #[schemars(length(max = 317), regex(pattern = pattern::LABEL_KEY))]
    pub(crate) key: String,
    /// How its value is compared; a node without the key is NotIn, too.
    pub(crate) operator: Operator,
    /// With what: at least one value for In and NotIn, none for the others.
    #[serde(default)]
    #[schemars(inner(regex(pattern = pattern::LABEL_VALUE)))]
    pub(crate) values: Vec<String>,
}

/// How an [`Expression`] looks at its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}
