//! The identity and the addresses that a builder of an ENI was told, read and checked.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnetwork::{Ipv4Network, Ipv6Network};

use crate::addressing::{check_ipv4, check_ipv6, next_ipv4};
use crate::cloud::Inner;
use crate::error::{Error, parse};
use crate::ids::{EniId, SubnetId};
use crate::mac::MacAddr;
use crate::state::State;
use crate::vpc::{network4, network6};

/// With these MTUs a link can carry IPv4 at all (`ETH_MIN_MTU`), and no ENI can more.
const MTU: std::ops::RangeInclusive<u32> = 68..=9001;

/// As it was typed.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    pub(crate) id: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) primary: Option<String>,
    pub(crate) secondaries: Vec<String>,
    pub(crate) ipv6: Vec<String>,
    pub(crate) ipv4_prefixes: Vec<String>,
    pub(crate) ipv6_prefixes: Vec<String>,
}

/// The same, read.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) id: Option<EniId>,
    pub(crate) mac: Option<MacAddr>,
    pub(crate) primary: Option<Ipv4Addr>,
    pub(crate) secondaries: Vec<Ipv4Addr>,
    pub(crate) ipv6: Vec<Ipv6Addr>,
    pub(crate) ipv4_prefixes: Vec<Ipv4Network>,
    pub(crate) ipv6_prefixes: Vec<Ipv6Network>,
}

impl Wish {
    pub(crate) fn read(typed: &Typed, mtu: u32) -> Result<Self, Error> {
        if !MTU.contains(&mtu) {
            return Err(Error::Value { what: "mtu", value: mtu.to_string(), rule: "68 to 9001" });
        }
        let id = |id: &String| {
            let rule = "eni- and 17 hexadecimal digits";
            EniId::new(id).map_err(|_| Error::Value { what: "id", value: id.clone(), rule })
        };
        let v4 = |text: &String| parse::<Ipv4Addr>("address", text, "an IPv4 address");
        let v6 = |text: &String| parse::<Ipv6Addr>("address", text, "an IPv6 address");
        Ok(Self {
            id: typed.id.as_ref().map(id).transpose()?,
            mac: typed.mac.as_deref().map(|mac| parse("mac", mac, "a unicast MAC")).transpose()?,
            primary: typed.primary.as_ref().map(v4).transpose()?,
            secondaries: typed.secondaries.iter().map(v4).collect::<Result<_, _>>()?,
            ipv6: typed.ipv6.iter().map(v6).collect::<Result<_, _>>()?,
            ipv4_prefixes: typed.ipv4_prefixes.iter().map(|text| network4(text)).collect::<Result<_, _>>()?,
            ipv6_prefixes: typed.ipv6_prefixes.iter().map(|text| network6(text)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the subnet can give all of it; gives the primary address.
    pub(crate) fn check(&self, inner: &Inner, subnet: &SubnetId) -> Result<Ipv4Addr, Error> {
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
    pub(crate) fn check_identity(&self, state: &State) -> Result<(), Error> {
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
