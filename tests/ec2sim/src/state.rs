//! What the simulated EC2 knows, as plain values.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::{Ipv4Network, Ipv6Network};
use serde::Serialize;

use crate::error::Error;
use crate::ids::{AttachmentId, EniId, InstanceId, SubnetId, VpcId};
use crate::mac::MacAddr;
use crate::netns::Netns;

/// A security group, by identifier and name. The fabric reports groups and does not enforce them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecurityGroup {
    /// `sg-…`
    pub id: String,
    /// As in the metadata's `security-groups`.
    pub name: String,
}

#[derive(Debug, Clone)]
pub(crate) struct VpcRecord {
    pub(crate) ipv4: Vec<Ipv4Network>,
    pub(crate) ipv6: Vec<Ipv6Network>,
}

#[derive(Debug, Clone)]
pub(crate) struct SubnetRecord {
    pub(crate) vpc: VpcId,
    pub(crate) zone: String,
    pub(crate) ipv4: Ipv4Network,
    pub(crate) ipv6: Option<Ipv6Network>,
}

#[derive(Debug, Clone)]
pub(crate) struct InstanceRecord {
    pub(crate) kind: String,
    pub(crate) zone: String,
    pub(crate) cards: u32,
    pub(crate) host: Netns,
}

#[derive(Debug, Clone)]
pub(crate) struct AttachmentRecord {
    pub(crate) id: AttachmentId,
    pub(crate) instance: InstanceId,
    pub(crate) index: u32,
    pub(crate) card: u32,
    pub(crate) host_name: String,
}

#[derive(Debug, Clone)]
pub(crate) struct EniRecord {
    pub(crate) mac: MacAddr,
    pub(crate) mtu: u32,
    pub(crate) subnet: SubnetId,
    pub(crate) primary: Ipv4Addr,
    pub(crate) secondaries: Vec<Ipv4Addr>,
    pub(crate) ipv6: Vec<Ipv6Addr>,
    pub(crate) ipv4_prefixes: Vec<Ipv4Network>,
    pub(crate) ipv6_prefixes: Vec<Ipv6Network>,
    pub(crate) groups: Vec<SecurityGroup>,
    pub(crate) attachment: Option<AttachmentRecord>,
}

impl EniRecord {
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => {
                self.primary == v4
                    || self.secondaries.contains(&v4)
                    || self.ipv4_prefixes.iter().any(|prefix| prefix.contains(v4))
            }
            IpAddr::V6(v6) => self.ipv6.contains(&v6) || self.ipv6_prefixes.iter().any(|prefix| prefix.contains(v6)),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) vpcs: BTreeMap<VpcId, VpcRecord>,
    pub(crate) subnets: BTreeMap<SubnetId, SubnetRecord>,
    pub(crate) instances: BTreeMap<InstanceId, InstanceRecord>,
    pub(crate) enis: BTreeMap<EniId, EniRecord>,
    made: u64,
}

impl State {
    pub(crate) fn of_region(region: &str, account: &str) -> Self {
        Self { region: region.to_owned(), account: account.to_owned(), ..Self::default() }
    }

    /// A number that no resource of this fabric has yet.
    pub(crate) fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(crate) fn vpc(&self, id: &VpcId) -> Result<&VpcRecord, Error> {
        self.vpcs.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn subnet(&self, id: &SubnetId) -> Result<&SubnetRecord, Error> {
        self.subnets.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn instance(&self, id: &InstanceId) -> Result<&InstanceRecord, Error> {
        self.instances.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn eni(&self, id: &EniId) -> Result<&EniRecord, Error> {
        self.enis.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn eni_mut(&mut self, id: &EniId) -> Result<&mut EniRecord, Error> {
        self.enis.get_mut(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    /// The VPC in whose namespace an ENI's link ends.
    pub(crate) fn vpc_of(&self, eni: &EniId) -> Result<VpcId, Error> {
        Ok(self.subnet(&self.eni(eni)?.subnet)?.vpc.clone())
    }
}
