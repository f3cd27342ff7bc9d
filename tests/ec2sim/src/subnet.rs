//! Subnets.

use std::sync::Arc;

use ipnetwork::Ipv4Network;

use crate::addressing::{check_subnet, ipv4_gateway};
use crate::cloud::{Cloud, Inner, Played};
use crate::eni_builder::EniBuilder;
use crate::error::Error;
use crate::ids::{SubnetId, VpcId};
use crate::mac::MacAddr;
use crate::record::{SubnetRecord, Tags};
use crate::vpc::{network4, network6};
use crate::wire::Segment;

/// A subnet: its router answers at base + 1 and at [`crate::IPV6_GATEWAY`].
#[derive(Debug, Clone)]
pub struct Subnet {
    cloud: Arc<Cloud>,
    id: SubnetId,
}

impl Subnet {
    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &SubnetId {
        &self.id
    }

    /// An ENI in it, with the next free IPv4 address unless one is wished.
    pub fn eni(&self) -> EniBuilder {
        EniBuilder::new(Arc::clone(&self.cloud), self.id.clone())
    }
}

/// A subnet to be made.
#[derive(Debug)]
#[must_use = "nothing is made before `create`"]
pub struct SubnetBuilder {
    cloud: Arc<Cloud>,
    vpc: VpcId,
    ipv4: String,
    ipv6: Option<String>,
    zone: Option<String>,
    tags: Tags,
}

impl SubnetBuilder {
    pub(crate) fn new(cloud: Arc<Cloud>, vpc: VpcId, ipv4: &str) -> Self {
        Self { cloud, vpc, ipv4: ipv4.to_owned(), ipv6: None, zone: None, tags: Tags::new() }
    }

    /// Its IPv6 CIDR.
    pub fn ipv6(mut self, cidr: &str) -> Self {
        self.ipv6 = Some(cidr.to_owned());
        self
    }

    /// Its availability zone; the region's zone `a` unless said.
    pub fn zone(mut self, zone: &str) -> Self {
        self.zone = Some(zone.to_owned());
        self
    }

    /// A tag, as its `Name`; can be said several times.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Makes it, with its router.
    pub fn create(self) -> Result<Subnet, Error> {
        let ipv4 = network4(&self.ipv4)?;
        let ipv6 = self.ipv6.as_deref().map(network6).transpose()?;
        let (vpc, zone, tags) = (self.vpc, self.zone, self.tags);
        let id = self.cloud.change(|inner: &mut Inner| {
            let zone = zone.unwrap_or_else(|| format!("{}a", inner.state.region));
            let record = SubnetRecord { vpc: vpc.clone(), zone, ipv4, ipv6, tags };
            check_subnet(&inner.state, &vpc, &record)?;
            let id = SubnetId::nth(inner.state.next());
            let mac = MacAddr::nth(inner.state.next());
            if inner.played == Played::ByTheKernel {
                inner.wire(&vpc)?.add_segment(Segment {
                    subnet: id.clone(),
                    gateway: Ipv4Network::new_checked(ipv4_gateway(ipv4), ipv4.prefix()).unwrap_or(ipv4),
                    ipv6,
                    mac,
                })?;
            }
            inner.state.subnets.insert(id.clone(), record);
            Ok(id)
        })?;
        Ok(Subnet { cloud: self.cloud, id })
    }
}
