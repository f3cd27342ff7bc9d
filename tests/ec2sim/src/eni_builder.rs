//! ENIs to be made.

use std::sync::Arc;

use crate::cloud::{Cloud, Inner};
use crate::eni::Eni;
use crate::error::Error;
use crate::ids::{EniId, InstanceId, SubnetId};
use crate::mac::MacAddr;
use crate::record::{EniRecord, SecurityGroup, Tags};
use crate::wish::{Typed, Wish};

/// An ENI to be made. Texts are checked in [`EniBuilder::create`].
#[derive(Debug)]
#[must_use = "nothing is made before `create`"]
pub struct EniBuilder {
    cloud: Arc<Cloud>,
    subnet: SubnetId,
    typed: Typed,
    mtu: u32,
    groups: Vec<SecurityGroup>,
    tags: Tags,
    description: String,
    interface_type: String,
    requester: Option<String>,
}

impl EniBuilder {
    pub(crate) fn new(cloud: Arc<Cloud>, subnet: SubnetId) -> Self {
        Self {
            cloud,
            subnet,
            typed: Typed::default(),
            mtu: 9001,
            groups: Vec::new(),
            tags: Tags::new(),
            description: String::new(),
            interface_type: "interface".into(),
            requester: None,
        }
    }

    /// Its identifier, `eni-` and 17 hexadecimal digits.
    pub fn id(mut self, id: &str) -> Self {
        self.typed.id = Some(id.to_owned());
        self
    }

    /// Its MAC.
    pub fn mac(mut self, mac: &str) -> Self {
        self.typed.mac = Some(mac.to_owned());
        self
    }

    /// Its MTU; 9001 unless said.
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.mtu = mtu;
        self
    }

    /// Its primary IPv4 address; the next free one unless said.
    pub fn address(mut self, address: &str) -> Self {
        self.typed.primary = Some(address.to_owned());
        self
    }

    /// A secondary IPv4 address; can be said several times.
    pub fn secondary(mut self, address: &str) -> Self {
        self.typed.secondaries.push(address.to_owned());
        self
    }

    /// An IPv6 address; can be said several times.
    pub fn ipv6(mut self, address: &str) -> Self {
        self.typed.ipv6.push(address.to_owned());
        self
    }

    /// A delegated IPv4 prefix, a /28 in EC2.
    pub fn ipv4_prefix(mut self, prefix: &str) -> Self {
        self.typed.ipv4_prefixes.push(prefix.to_owned());
        self
    }

    /// A delegated IPv6 prefix, a /80 in EC2.
    pub fn ipv6_prefix(mut self, prefix: &str) -> Self {
        self.typed.ipv6_prefixes.push(prefix.to_owned());
        self
    }

    /// A security group, by identifier and name; can be said several times.
    pub fn group(mut self, id: &str, name: &str) -> Self {
        self.groups.push(SecurityGroup { id: id.to_owned(), name: name.to_owned() });
        self
    }

    /// A tag; can be said several times.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Its description.
    pub fn description(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Its type, `efa` or `trunk`; `interface` unless said.
    pub fn interface_type(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.interface_type);
        self
    }

    /// As amazon-vpc-cni makes them for its pods on this instance: its tags and its description (allocENI and
    /// tagENI, pkg/awsutils/awsutils.go).
    pub fn made_by_vpc_cni(self, instance: &InstanceId, cluster: &str) -> Self {
        self.description(&format!("aws-K8S-{instance}"))
            .tag("node.k8s.amazonaws.com/instance_id", instance.as_str())
            .tag("node.k8s.amazonaws.com/createdAt", "2026-01-01T00:00:00Z")
            .tag("cluster.k8s.amazonaws.com/name", cluster)
            .tag("eks:eni:owner", "amazon-vpc-cni")
    }

    /// A service made it for itself, as `amazon-elb`: nobody else may attach, detach or delete it.
    pub fn managed_by(mut self, requester: &str) -> Self {
        self.requester = Some(requester.to_owned());
        self
    }

    /// Makes it, not attached.
    pub fn create(self) -> Result<Eni, Error> {
        let wish = Wish::read(&self.typed, self.mtu)?;
        let Self { cloud, subnet, groups, mtu, tags, description, interface_type, requester, .. } = self;
        let (id, mac, primary) = cloud.change(|inner: &mut Inner| {
            let vpc = inner.state.subnet(&subnet)?.vpc.clone();
            wish.check_identity(&inner.state)?;
            let id = wish.id.clone().unwrap_or_else(|| EniId::nth(inner.state.next()));
            let mac = wish.mac.unwrap_or_else(|| MacAddr::nth(inner.state.next()));
            let primary = wish.check(inner, &subnet)?;
            for group in &groups {
                inner.state.know_group(&vpc, group);
            }
            let record = EniRecord {
                mac,
                mtu,
                subnet,
                primary,
                secondaries: wish.secondaries,
                ipv6: wish.ipv6,
                ipv4_prefixes: wish.ipv4_prefixes,
                ipv6_prefixes: wish.ipv6_prefixes,
                groups,
                attachment: None,
                tags,
                description,
                source_dest_check: true,
                interface_type,
                requester,
                pending: false,
                created: inner.clock.now(),
            };
            inner.state.put_eni(id.clone(), record);
            Ok((id, mac, primary))
        })?;
        Ok(Eni::new(cloud, id, mac, primary))
    }
}
