//! What to bring up. The nesting is that of EC2: ENIs stand in their subnet, subnets in their VPC.

use anyhow::Result;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) region: Option<String>,
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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    pub(crate) ipv4: Vec<String>,
    #[serde(default)]
    pub(crate) ipv6: Vec<String>,
    #[serde(default)]
    pub(crate) subnet: Vec<Subnet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subnet {
    pub(crate) ipv4: String,
    pub(crate) ipv6: Option<String>,
    pub(crate) zone: Option<String>,
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

    /// One subnet with so many ENIs, `eth1` and on, each with an address of both families.
    pub(crate) fn small(enis: u32) -> Self {
        let eni = |index: u32| Eni {
            ipv6: vec![format!("2001:db8:0:1::{:x}", 0x10 + index)],
            index: Some(index),
            ..Eni::default()
        };
        let subnet = Subnet {
            ipv4: "10.0.1.0/24".into(),
            ipv6: Some("2001:db8:0:1::/64".into()),
            zone: None,
            eni: (1..=enis).map(eni).collect(),
        };
        let vpc = Vpc { ipv4: vec!["10.0.0.0/16".into()], ipv6: vec!["2001:db8::/56".into()], subnet: vec![subnet] };
        Self { vpc: vec![vpc], ..Self::default() }
    }
}
