//! ENIs to be made.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnetwork::{Ipv4Network, Ipv6Network};

use crate::addressing::{check_ipv4, check_ipv6, next_ipv4};
use crate::cloud::{Cloud, Inner};
use crate::eni::Eni;
use crate::error::{Error, parse};
use crate::ids::{EniId, InstanceId, SubnetId};
use crate::mac::MacAddr;
use crate::state::{EniRecord, SecurityGroup, State, Tags};
use crate::vpc::{network4, network6};

/// With these MTUs a link can carry IPv4 at all (`ETH_MIN_MTU`), and no ENI can more.
const MTU: std::ops::RangeInclusive<u32> = 68..=9001;

/// An ENI to be made. Texts are checked in [`EniBuilder::create`].
#[derive(Debug)]
#[must_use = "nothing is made before `create`"]
pub struct EniBuilder {
    cloud: Arc<Cloud>,
    subnet: SubnetId,
    id: Option<String>,
    mac: Option<String>,
    mtu: u32,
    primary: Option<String>,
    secondaries: Vec<String>,
    ipv6: Vec<String>,
    ipv4_prefixes: Vec<String>,
    ipv6_prefixes: Vec<String>,
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
            id: None,
            mac: None,
            mtu: 9001,
            primary: None,
            secondaries: Vec::new(),
            ipv6: Vec::new(),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            groups: Vec::new(),
            tags: Tags::new(),
            description: String::new(),
            interface_type: "interface".into(),
            requester: None,
        }
    }

    /// Its identifier, `eni-` and 17 hexadecimal digits.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Its MAC.
    pub fn mac(mut self, mac: &str) -> Self {
        self.mac = Some(mac.to_owned());
        self
    }

    /// Its MTU; 9001 unless said.
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.mtu = mtu;
        self
    }

    /// Its primary IPv4 address; the next free one unless said.
    pub fn address(mut self, address: &str) -> Self {
        self.primary = Some(address.to_owned());
        self
    }

    /// A secondary IPv4 address; can be said several times.
    pub fn secondary(mut self, address: &str) -> Self {
        self.secondaries.push(address.to_owned());
        self
    }

    /// An IPv6 address; can be said several times.
    pub fn ipv6(mut self, address: &str) -> Self {
        self.ipv6.push(address.to_owned());
        self
    }

    /// A delegated IPv4 prefix, a /28 in EC2.
    pub fn ipv4_prefix(mut self, prefix: &str) -> Self {
        self.ipv4_prefixes.push(prefix.to_owned());
        self
    }

    /// A delegated IPv6 prefix, a /80 in EC2.
    pub fn ipv6_prefix(mut self, prefix: &str) -> Self {
        self.ipv6_prefixes.push(prefix.to_owned());
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
        let wish = Wish::read(&self)?;
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

/// What was typed, read.
struct Wish {
    id: Option<EniId>,
    mac: Option<MacAddr>,
    primary: Option<Ipv4Addr>,
    secondaries: Vec<Ipv4Addr>,
    ipv6: Vec<Ipv6Addr>,
    ipv4_prefixes: Vec<Ipv4Network>,
    ipv6_prefixes: Vec<Ipv6Network>,
}

impl Wish {
    fn read(builder: &EniBuilder) -> Result<Self, Error> {
        if !MTU.contains(&builder.mtu) {
            return Err(Error::Value { what: "mtu", value: builder.mtu.to_string(), rule: "68 to 9001" });
        }
        let id = |id: &String| {
            let rule = "eni- and 17 hexadecimal digits";
            EniId::new(id).map_err(|_| Error::Value { what: "id", value: id.clone(), rule })
        };
        let v4 = |text: &String| parse::<Ipv4Addr>("address", text, "an IPv4 address");
        let v6 = |text: &String| parse::<Ipv6Addr>("address", text, "an IPv6 address");
        Ok(Self {
            id: builder.id.as_ref().map(id).transpose()?,
            mac: builder.mac.as_deref().map(|mac| parse("mac", mac, "a unicast MAC")).transpose()?,
            primary: builder.primary.as_ref().map(v4).transpose()?,
            secondaries: builder.secondaries.iter().map(v4).collect::<Result<_, _>>()?,
            ipv6: builder.ipv6.iter().map(v6).collect::<Result<_, _>>()?,
            ipv4_prefixes: builder.ipv4_prefixes.iter().map(|text| network4(text)).collect::<Result<_, _>>()?,
            ipv6_prefixes: builder.ipv6_prefixes.iter().map(|text| network6(text)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the subnet can give all of it; gives the primary address.
    fn check(&self, inner: &Inner, subnet: &SubnetId) -> Result<Ipv4Addr, Error> {
        let (state, of) = (&inner.state, inner.state.subnet(subnet)?);
        for address in &self.secondaries {
            check_ipv4(state, subnet, *address)?;
        }
        for address in &self.ipv6 {
            check_ipv6(state, subnet, *address)?;
        }
        let strange = |value: String| Error::Value { what: "prefix", value, rule: "inside the subnet" };
        if let Some(prefix) = self.ipv4_prefixes.iter().find(|prefix| !prefix.is_subnet_of(of.ipv4)) {
            return Err(strange(prefix.to_string()));
        }
        let outside = |prefix: &&Ipv6Network| of.ipv6.is_none_or(|subnet| !prefix.is_subnet_of(subnet));
        if let Some(prefix) = self.ipv6_prefixes.iter().find(outside) {
            return Err(strange(prefix.to_string()));
        }
        let twice = |address: Ipv4Addr| self.secondaries.contains(&address) || self.in_prefix(address);
        match self.primary {
            Some(address) if twice(address) => {
                Err(Error::Value { what: "address", value: address.to_string(), rule: "said twice" })
            }
            Some(address) => check_ipv4(state, subnet, address).map(|()| address),
            None => next_ipv4(state, subnet, twice),
        }
    }

    fn in_prefix(&self, address: Ipv4Addr) -> bool {
        self.ipv4_prefixes.iter().any(|prefix| prefix.contains(address))
    }

    /// Identifiers and MACs are an ENI's alone.
    fn check_identity(&self, state: &State) -> Result<(), Error> {
        let rule = "another ENI has it";
        if let Some(id) = self.id.as_ref().filter(|id| state.enis().contains_key(*id)) {
            return Err(Error::Value { what: "id", value: id.to_string(), rule });
        }
        match self.mac.filter(|mac| state.enis().values().any(|eni| eni.mac == *mac)) {
            Some(mac) => Err(Error::Value { what: "mac", value: mac.to_string(), rule }),
            None => Ok(()),
        }
    }
}
