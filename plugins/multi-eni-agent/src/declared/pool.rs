//! A pool as the planner reads it.

use node::inventory::{self, Mode, Sharing};
use node::names::{IfName, PciAddr, PoolName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A subnet or a security group, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reference {
    /// EC2's id.
    Id(String),
    /// A subnet's tag `Name`; a security group's name, or its tag `Name`.
    Name(String),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// Which of a pool's subnets its ENIs are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SubnetChoice {
    /// One ENI in each, and further ones by turns.
    #[default]
    Each,
    /// Each ENI in the one that has the most free addresses.
    MostFree,
}

/// One NodeENI, checked, as far as it is about the ENIs of a node that it selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pool {
    pub(crate) name: PoolName,
    /// At least one; those that are not in the node's zone are for other nodes.
    pub(crate) subnets: Vec<Reference>,
    /// At least one.
    pub(crate) security_groups: Vec<Reference>,
    pub(crate) subnet_choice: SubnetChoice,
    /// The lowest index that is tried, 1 to 99.
    pub(crate) device_index: u32,
    pub(crate) network_card: u32,
    pub(crate) delete_on_termination: bool,
    pub(crate) description: Option<String>,
    /// In bytes.
    pub(crate) mtu: Option<u32>,
    pub(crate) sharing: Sharing,
    pub(crate) mode: Mode,
    /// `domain/name`, as the kubelet knows it.
    pub(crate) resource_name: Option<String>,
    /// `mode` and `resource_name` are about the pool's ENI at this place alone; about all of them if it is not said.
    pub(crate) pci_address: Option<PciAddr>,
    /// How many ENIs are free beyond those in use.
    pub(crate) warm: u32,
    /// One for each eligible subnet, or one with [`SubnetChoice::MostFree`], if it is not said.
    pub(crate) min: Option<u32>,
    /// If it is not said: what the instance type allows if `warm` is above 0, else the same as `min`.
    pub(crate) max: Option<u32>,
    pub(crate) cooldown_seconds: u64,
    /// Of each ENI; of a shared one, how many are kept free.
    pub(crate) secondary_ipv4: u32,
    /// As [`Self::secondary_ipv4`].
    pub(crate) ipv6: u32,
    /// The user's own.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) source_dest_check: bool,
    /// The link's name on the host; only of a pool that never has a second ENI.
    pub(crate) link_name: Option<IfName>,
}

impl Pool {
    /// What it means for its ENI at this place; for one that sits nowhere yet, if that is not known.
    pub(crate) fn for_eni_at(&self, place: Option<PciAddr>) -> inventory::Pool {
        let is_meant = self.pci_address.is_none() || self.pci_address == place;
        inventory::Pool {
            name: self.name.clone(),
            sharing: self.sharing,
            mode: if is_meant { self.mode } else { Mode::Netdev },
            cooldown_seconds: self.cooldown_seconds,
            resource_name: self.resource_name.clone().filter(|_| is_meant),
        }
    }

    /// Whether it never has a second ENI on a node.
    pub(crate) fn has_at_most_one(&self) -> bool {
        let one_subnet = self.subnets.len() == 1 || self.subnet_choice == SubnetChoice::MostFree;
        let least_is_one = self.min.map_or(one_subnet, |min| min <= 1);
        self.max.map_or(self.warm == 0 && least_is_one, |max| max <= 1)
    }
}
