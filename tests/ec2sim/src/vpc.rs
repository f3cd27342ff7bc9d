//! VPCs.

use std::sync::Arc;

use ipnetwork::{Ipv4Network, Ipv6Network};

use crate::cloud::{Cloud, Inner, Played};
use crate::error::{Error, parse};
use crate::ids::VpcId;
use crate::netns::Netns;
use crate::record::VpcRecord;
use crate::security_group::SecurityGroupBuilder;
use crate::subnet::SubnetBuilder;
use crate::wire::Wire;

/// A VPC: a namespace that routes between its subnets.
#[derive(Debug, Clone)]
pub struct Vpc {
    cloud: Arc<Cloud>,
    id: VpcId,
}

impl Vpc {
    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &VpcId {
        &self.id
    }

    /// A subnet with this IPv4 CIDR.
    pub fn subnet(&self, ipv4: &str) -> SubnetBuilder {
        SubnetBuilder::new(Arc::clone(&self.cloud), self.id.clone(), ipv4)
    }

    /// A security group of this name.
    pub fn security_group(&self, name: &str) -> SecurityGroupBuilder {
        SecurityGroupBuilder::new(Arc::clone(&self.cloud), self.id.clone(), name)
    }

    /// The namespace that plays it, to look at its wires.
    pub fn netns(&self) -> Result<Netns, Error> {
        self.cloud.change(|inner| inner.wire(&self.id).map(|wire| wire.netns().clone()))
    }
}

/// A VPC to be made.
#[derive(Debug)]
#[must_use = "nothing is made before `create`"]
pub struct VpcBuilder {
    cloud: Arc<Cloud>,
    ipv4: Vec<String>,
    ipv6: Vec<String>,
    place: Option<Netns>,
}

impl VpcBuilder {
    pub(crate) fn new(cloud: Arc<Cloud>, ipv4: &str) -> Self {
        Self { cloud, ipv4: vec![ipv4.to_owned()], ipv6: Vec::new(), place: None }
    }

    /// One more IPv4 CIDR.
    pub fn and_ipv4(mut self, cidr: &str) -> Self {
        self.ipv4.push(cidr.to_owned());
        self
    }

    /// An IPv6 CIDR; can be said several times.
    pub fn ipv6(mut self, cidr: &str) -> Self {
        self.ipv6.push(cidr.to_owned());
        self
    }

    /// In this namespace instead of a new one. It should hold nothing else.
    pub fn in_namespace(mut self, place: &Netns) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Makes it. Fails without root.
    pub fn create(self) -> Result<Vpc, Error> {
        let ipv4 = self.ipv4.iter().map(|cidr| network4(cidr)).collect::<Result<Vec<_>, Error>>()?;
        let ipv6 = self.ipv6.iter().map(|cidr| network6(cidr)).collect::<Result<Vec<_>, Error>>()?;
        let (place, returns) = (self.place, Arc::clone(&self.cloud.returns));
        let id = self.cloud.change(|inner: &mut Inner| {
            let id = VpcId::nth(inner.state.next());
            if inner.played == Played::ByTheKernel {
                let wire = Wire::start(place, returns)?;
                if inner.keeping {
                    wire.keep()?;
                }
                inner.wires.insert(id.clone(), wire);
            }
            inner.state.vpcs.insert(id.clone(), VpcRecord { ipv4, ipv6 });
            Ok(id)
        })?;
        Ok(Vpc { cloud: self.cloud, id })
    }
}

/// A network in its canonical form: no bit set beyond the prefix.
pub(crate) fn network4(cidr: &str) -> Result<Ipv4Network, Error> {
    let rule = "an IPv4 network like 10.0.0.0/16";
    let network: Ipv4Network = parse("IPv4 CIDR", cidr, rule)?;
    let canonical = network.ip() == network.network();
    if canonical { Ok(network) } else { Err(Error::Value { what: "IPv4 CIDR", value: cidr.to_owned(), rule }) }
}

pub(crate) fn network6(cidr: &str) -> Result<Ipv6Network, Error> {
    let rule = "an IPv6 network like 2001:db8::/56";
    let network: Ipv6Network = parse("IPv6 CIDR", cidr, rule)?;
    let canonical = network.ip() == network.network();
    if canonical { Ok(network) } else { Err(Error::Value { what: "IPv6 CIDR", value: cidr.to_owned(), rule }) }
}
