//! What to bring up. The nesting is that of EC2: ENIs stand in their subnet, subnets in their VPC.

use anyhow::Result;
use clap::ValueEnum;
use ec2sim::Tags;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) region: Option<String>,
    pub(crate) timing: Option<Timing>,
    #[serde(default)]
    pub(crate) instance: Instance,
    #[serde(default)]
    pub(crate) vpc: Vec<Vpc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    pub(crate) id: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) network_cards: Option<u32>,
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// How long EC2 takes for what it does.
#[derive(Debug, Clone, Copy, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Timing {
    Realistic,
    Instant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    pub(crate) ipv4: Vec<String>,
    #[serde(default)]
    pub(crate) ipv6: Vec<String>,
    #[serde(default)]
    pub(crate) security_group: Vec<SecurityGroup>,
    #[serde(default)]
    pub(crate) subnet: Vec<Subnet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecurityGroup {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subnet {
    pub(crate) ipv4: String,
    pub(crate) ipv6: Option<String>,
    pub(crate) zone: Option<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) eni: Vec<Eni>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Eni {
    pub(crate) id: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) address: Option<String>,
    pub(crate) secondary: Vec<String>,
    pub(crate) ipv6: Vec<String>,
    pub(crate) ipv4_prefix: Vec<String>,
    pub(crate) ipv6_prefix: Vec<String>,
    pub(crate) group: Vec<Group>,
    pub(crate) index: Option<u32>,
    pub(crate) card: u32,
    pub(crate) host_name: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) text: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) managed_by: Option<String>,
    /// The cluster of the amazon-vpc-cni that has made it.
    pub(crate) vpc_cni_of: Option<String>,
    pub(crate) place: Place,
}

/// Whether an ENI is on the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    #[default]
    Attached,
    Available,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Description {
    pub(crate) fn read(text: &str, json: bool) -> Result<Self> {
        if json { Ok(serde_json::from_str(text)?) } else { Ok(toml::from_str(text)?) }
    }
}
