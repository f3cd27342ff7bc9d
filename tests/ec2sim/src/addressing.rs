//! Which addresses EC2 gives to an ENI: pure functions over what is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use crate::error::Error;
use crate::ids::{SubnetId, VpcId};
use crate::record::SubnetRecord;
use crate::state::State;

/// The address that the VPC's router has in every subnet, for IPv6
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>).
pub const IPV6_GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0xec2, 0, 0, 0, 0, 0, 1);

/// The first four addresses and the last of a subnet are never an ENI's (same page).
const RESERVED_FIRST: u32 = 4;

/// The router's IPv4 address in a subnet: base + 1.
#[must_use]
pub fn ipv4_gateway(subnet: Ipv4Network) -> Ipv4Addr {
    Ipv4Addr::from_bits(subnet.network().to_bits() + 1)
}

/// The first free IPv4 address that is not spoken for by the ENI to be made.
pub(crate) fn next_ipv4(
    state: &State,
    subnet: &SubnetId,
    spoken: impl Fn(Ipv4Addr) -> bool,
) -> Result<Ipv4Addr, Error> {
    // Both ascend, so a full subnet is walked once and not once for each of its addresses.
    let mut taken = state.index().taken_ipv4(subnet).peekable();
    usable(state.subnet(subnet)?.ipv4)
        .filter(|address| {
            while taken.next_if(|other| other < address).is_some() {}
            taken.peek() != Some(address)
        })
        .map(Ipv4Addr::from_bits)
        .find(|address| !spoken(*address) && free(state, subnet, (*address).into()).is_ok())
        .ok_or_else(|| Error::SubnetFull(subnet.clone()))
}

/// The wished IPv4 address, if an ENI of the subnet may have it.
pub(crate) fn check_ipv4(state: &State, subnet: &SubnetId, address: Ipv4Addr) -> Result<(), Error> {
    if !usable(state.subnet(subnet)?.ipv4).contains(&address.to_bits()) {
        return Err(Error::AddressNotOfSubnet { address: address.into(), subnet: subnet.clone() });
    }
    free(state, subnet, address.into())
}

/// The wished IPv6 address, if an ENI of the subnet may have it.
pub(crate) fn check_ipv6(state: &State, subnet: &SubnetId, address: Ipv6Addr) -> Result<(), Error> {
    let fits = state.subnet(subnet)?.ipv6.is_some_and(|network| network.contains(address));
    if !fits {
        return Err(Error::AddressNotOfSubnet { address: address.into(), subnet: subnet.clone() });
    }
    free(state, subnet, address.into())
}

/// Whether a new subnet lies inside its VPC and beside the other subnets. EC2: `InvalidSubnet.Range`, `.Conflict`.
pub(crate) fn check_subnet(state: &State, vpc: &VpcId, subnet: &SubnetRecord) -> Result<(), Error> {
    let of = state.vpc(vpc)?;
    let refuse = |value: String, rule| Err(Error::Value { what: "subnet", value, rule });
    if !(16..=28).contains(&subnet.ipv4.prefix()) {
        return refuse(subnet.ipv4.to_string(), "EC2 takes /16 to /28");
    }
    if !of.ipv4.iter().any(|cidr| subnet.ipv4.is_subnet_of(*cidr)) {
        return refuse(subnet.ipv4.to_string(), "not inside a CIDR of the VPC");
    }
    if let Some(ipv6) = subnet.ipv6.filter(|ipv6| !of.ipv6.iter().any(|cidr| ipv6.is_subnet_of(*cidr))) {
        return refuse(ipv6.to_string(), "not inside an IPv6 CIDR of the VPC");
    }
    let mut others = state.subnets.values().filter(|other| other.vpc == *vpc);
    match others.find(|other| overlaps(other, subnet)) {
        Some(other) => refuse(subnet.ipv4.to_string(), overlap_rule(other, subnet)),
        None => Ok(()),
    }
}

fn overlaps(a: &SubnetRecord, b: &SubnetRecord) -> bool {
    a.ipv4.overlaps(b.ipv4) || ipv6_overlaps(a.ipv6, b.ipv6)
}

fn ipv6_overlaps(a: Option<Ipv6Network>, b: Option<Ipv6Network>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a.overlaps(b))
}

fn overlap_rule(a: &SubnetRecord, b: &SubnetRecord) -> &'static str {
    if a.ipv4.overlaps(b.ipv4) { "overlaps another subnet" } else { "its IPv6 CIDR overlaps another subnet's" }
}

/// How many addresses an ENI can still have (`AvailableIpAddressCount`).
pub(crate) fn free_ipv4(state: &State, subnet: &SubnetId) -> Result<u32, Error> {
    let range = usable(state.subnet(subnet)?.ipv4);
    let in_prefixes: u32 = state.index().prefixes(subnet).map(|prefix| ipv4_size(&prefix)).sum();
    let taken = u32::try_from(state.index().taken_ipv4(subnet).count()).unwrap_or(u32::MAX);
    Ok((range.end - range.start).saturating_sub(in_prefixes.saturating_add(taken)))
}

fn ipv4_size(prefix: &IpNetwork) -> u32 {
    match prefix {
        IpNetwork::V4(v4) => v4.size(),
        IpNetwork::V6(_) => 0,
    }
}

/// The first free IPv6 address of the subnet's second kibi: EC2 gives any of them, a test wants the same one twice.
pub(crate) fn next_ipv6(state: &State, subnet: &SubnetId) -> Result<Ipv6Addr, Error> {
    let network = state.subnet(subnet)?.ipv6.ok_or_else(|| Error::NoIpv6(subnet.clone()))?;
    let base = network.network().to_bits() + 0x400;
    (base..=u128::MAX)
        .map(Ipv6Addr::from_bits)
        .take_while(|address| network.contains(*address))
        .find(|address| free(state, subnet, (*address).into()).is_ok())
        .ok_or_else(|| Error::SubnetFull(subnet.clone()))
}

fn usable(network: Ipv4Network) -> std::ops::Range<u32> {
    network.network().to_bits() + RESERVED_FIRST..network.broadcast().to_bits()
}

fn free(state: &State, subnet: &SubnetId, address: IpAddr) -> Result<(), Error> {
    match state.index().owner(subnet, address) {
        Some(owner) => Err(Error::AddressInUse { address, owner: owner.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Tags;

    fn state_with(subnet: &str) -> (State, SubnetId) {
        let (mut state, id, vpc) = (State::default(), SubnetId::nth(1), VpcId::nth(1));
        let ipv4: Ipv4Network = subnet.parse().unwrap();
        let ipv6 = Some("2001:db8:0:1::/64".parse().unwrap());
        state.subnets.insert(id.clone(), SubnetRecord { vpc, zone: "z".into(), ipv4, ipv6, tags: Tags::new() });
        (state, id)
    }

    #[test]
    fn the_first_address_given_is_base_plus_4_and_the_reserved_ones_are_refused() {
        let (state, subnet) = state_with("10.0.1.0/28");
        assert_eq!(next_ipv4(&state, &subnet, |_| false).unwrap(), Ipv4Addr::new(10, 0, 1, 4));
        let spoken = |address| address == Ipv4Addr::new(10, 0, 1, 4);
        assert_eq!(next_ipv4(&state, &subnet, spoken).unwrap(), Ipv4Addr::new(10, 0, 1, 5));
        for reserved in [0, 1, 2, 3, 15, 16] {
            let address = Ipv4Addr::new(10, 0, 1, reserved);
            let refused = check_ipv4(&state, &subnet, address);
            assert!(matches!(refused, Err(Error::AddressNotOfSubnet { .. })), "{address}");
        }
        assert!(check_ipv4(&state, &subnet, Ipv4Addr::new(10, 0, 1, 14)).is_ok());
    }

    #[test]
    fn an_ipv6_address_of_another_subnet_is_refused() {
        let (state, subnet) = state_with("10.0.1.0/28");
        assert!(check_ipv6(&state, &subnet, "2001:db8:0:1::5".parse().unwrap()).is_ok());
        assert!(check_ipv6(&state, &subnet, "2001:db8:0:2::5".parse().unwrap()).is_err());
    }
}
