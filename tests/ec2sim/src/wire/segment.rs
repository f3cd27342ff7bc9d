//! A subnet in the kernel: a bridge that is the router's leg.

use std::fs;

use ipnetwork::{IpNetwork, Ipv6Network};
use rtnetlink::Handle;

use super::{Segment, WireError, link};
use crate::addressing::IPV6_GATEWAY;
use crate::ids::SubnetId;

/// The largest MTU of an ENI (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html>).
const JUMBO: u32 = 9001;

const ROUTER_SETTINGS: [(&str, &str); 8] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv6/conf/all/forwarding", "1"),
    // Not inherited from the machine, whatever its administrator chose.
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
    // A router of one subnet does not answer ARP for another's address.
    ("net/ipv4/conf/all/arp_ignore", "1"),
    // The ends of the pairs speak for nobody; the bridges turn it on for themselves.
    ("net/ipv6/conf/default/disable_ipv6", "1"),
];

/// Makes the calling thread's namespace a router.
pub(super) async fn make_router(kernel: &Handle) -> Result<(), WireError> {
    for (key, value) in ROUTER_SETTINGS {
        sysctl(key, value)?;
    }
    super::filter::silence_redirects()?;
    link::loopback_up(kernel).await
}

/// Adds a subnet's bridge and gives its index.
pub(super) async fn add(kernel: &Handle, segment: &Segment) -> Result<u32, WireError> {
    let name = bridge_name(&segment.subnet);
    let bridge = link::add_bridge(kernel, &name, segment.mac, JUMBO).await?;
    sysctl(&format!("net/ipv6/conf/{name}/disable_ipv6"), "0")?;
    link::add_address(kernel, bridge, IpNetwork::V4(segment.gateway)).await?;
    link::up(kernel, bridge).await?;
    if let Some(gateway) = Ipv6Network::new_checked(IPV6_GATEWAY, 64) {
        link::add_address(kernel, bridge, IpNetwork::V6(gateway)).await?;
    }
    if let Some(ipv6) = segment.ipv6 {
        link::add_route(kernel, bridge, ipv6).await?;
    }
    Ok(bridge)
}

/// `br` and the last 12 digits: names of links have at most 15 octets (IFNAMSIZ).
fn bridge_name(subnet: &SubnetId) -> String {
    let id = subnet.as_str();
    format!("br{}", &id[id.len() - 12..])
}

/// `/proc/sys/net` is that of the opening thread's namespace (`net_ctl_root_lookup`, net/sysctl_net.c).
fn sysctl(key: &str, value: &str) -> Result<(), WireError> {
    let path = format!("/proc/sys/{key}");
    fs::write(&path, value).map_err(|source| WireError::Sysctl { path, source })
}
