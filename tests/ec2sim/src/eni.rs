//! ENIs, made and attached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::addressing::{check_ipv4, check_ipv6, ipv4_gateway};
use crate::attach::{AttachBuilder, allowed};
use crate::cloud::{Cloud, Inner, Played};
use crate::error::{Error, parse};
use crate::facts::{self, EniFacts};
use crate::ids::EniId;
use crate::instance::Instance;
use crate::mac::MacAddr;
use crate::wire::Drops;

/// An ENI. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Eni {
    cloud: Arc<Cloud>,
    id: EniId,
    mac: MacAddr,
    primary: Ipv4Addr,
}

impl Eni {
    pub(crate) fn new(cloud: Arc<Cloud>, id: EniId, mac: MacAddr, primary: Ipv4Addr) -> Self {
        Self { cloud, id, mac, primary }
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &EniId {
        &self.id
    }

    /// Its MAC, which never changes.
    #[must_use]
    pub fn mac(&self) -> MacAddr {
        self.mac
    }

    /// Its primary IPv4 address, which never changes.
    #[must_use]
    pub fn primary(&self) -> Ipv4Addr {
        self.primary
    }

    /// Everything that EC2 knows of it now: addresses, subnet and VPC with their CIDRs, attachment, MTU.
    pub fn facts(&self) -> Result<EniFacts, Error> {
        self.cloud.read(|state| facts::eni(state, &self.id))
    }

    /// The router's IPv4 address in its subnet.
    pub fn gateway(&self) -> Result<Ipv4Addr, Error> {
        Ok(ipv4_gateway(self.facts()?.subnet_ipv4))
    }

    /// Attaches it: its link appears in the instance's namespace, down.
    pub fn attach(&self, instance: &Instance) -> AttachBuilder {
        AttachBuilder::new(Arc::clone(&self.cloud), self.id.clone(), instance.id.clone())
    }

    /// Detaches it: its link is gone, wherever it is.
    pub fn detach(&self) -> Result<(), Error> {
        self.cloud.change(|inner| {
            let vpc = inner.state.vpc_of(&self.id)?;
            let attachment = inner.state.eni(&self.id)?.attachment.as_ref();
            let plugged = attachment.ok_or_else(|| Error::NotAttached(self.id.clone()))?.plugged;
            if inner.played == Played::ByTheKernel && plugged {
                inner.wire(&vpc)?.unplug(self.id.clone())?;
            }
            inner.state.change_eni(&self.id, |record| record.attachment = None)
        })
    }

    /// Deletes it. EC2 refuses this while it is attached.
    pub fn delete(&self) -> Result<(), Error> {
        self.cloud.change(|inner| {
            if let Some(attachment) = &inner.state.eni(&self.id)?.attachment {
                return Err(Error::Attached { eni: self.id.clone(), instance: attachment.instance.clone() });
            }
            inner.state.remove_eni(&self.id);
            Ok(())
        })
    }

    /// Assigns one more private address of its subnet.
    pub fn assign(&self, address: &str) -> Result<(), Error> {
        let address: IpAddr = parse("address", address, "an address of the subnet")?;
        self.cloud.change(|inner| {
            let subnet = inner.state.eni(&self.id)?.subnet.clone();
            match address {
                IpAddr::V4(v4) => {
                    check_ipv4(&inner.state, &subnet, v4)?;
                    inner.state.change_eni(&self.id, |record| record.secondaries.push(v4))?;
                }
                IpAddr::V6(v6) => {
                    check_ipv6(&inner.state, &subnet, v6)?;
                    inner.state.change_eni(&self.id, |record| record.ipv6.push(v6))?;
                }
            }
            self.renew_filter(inner)
        })
    }

    /// Takes a secondary or IPv6 address away: from now on the VPC drops what comes from it.
    pub fn unassign(&self, address: &str) -> Result<(), Error> {
        let address: IpAddr = parse("address", address, "an address of the ENI")?;
        self.cloud.change(|inner| {
            let gone = inner.state.change_eni(&self.id, |eni| {
                let before = eni.secondaries.len() + eni.ipv6.len();
                eni.secondaries.retain(|v4| IpAddr::V4(*v4) != address);
                eni.ipv6.retain(|v6: &Ipv6Addr| IpAddr::V6(*v6) != address);
                before != eni.secondaries.len() + eni.ipv6.len()
            })?;
            if !gone {
                return Err(Error::NotThere(address.to_string()));
            }
            self.renew_filter(inner)
        })
    }

    /// What the VPC has dropped of it since its link was made or its addresses changed.
    pub fn drops(&self) -> Result<Drops, Error> {
        self.cloud.change(|inner| {
            let vpc = inner.state.vpc_of(&self.id)?;
            Ok(inner.wire(&vpc)?.drops(self.id.clone())?)
        })
    }

    /// The name under which its link is to come back, other than the one it was attached under. The kernel gives a real
    /// NIC back under the name that it had in the pod: set that to play it to the letter.
    pub fn returns_as(&self, name: &str) -> Result<(), Error> {
        self.cloud.change(|inner| {
            let vpc = inner.state.vpc_of(&self.id)?;
            Ok(inner.wire(&vpc)?.return_as(self.id.clone(), name.to_owned())?)
        })
    }

    /// The names under which its link came back so far.
    #[must_use]
    pub fn returns(&self) -> Vec<String> {
        self.cloud.returns.names(&self.id)
    }

    /// Waits until its link has come back for the `nth` time, counted from 1, and gives its name then.
    pub fn await_return(&self, nth: usize, limit: Duration) -> Result<String, Error> {
        self.cloud.returns.wait(&self.id, nth, limit)
    }

    fn renew_filter(&self, inner: &mut Inner) -> Result<(), Error> {
        let eni = inner.state.eni(&self.id)?;
        if inner.played == Played::OnPaper || eni.attachment.as_ref().is_none_or(|at| !at.plugged) {
            return Ok(());
        }
        let allowed = allowed(eni);
        let vpc = inner.state.vpc_of(&self.id)?;
        Ok(inner.wire(&vpc)?.allow(self.id.clone(), allowed)?)
    }
}
