//! The netlink requests of a VPC's namespace.

use std::net::{IpAddr, Ipv6Addr};

use futures_util::TryStreamExt;
use ipnetwork::{IpNetwork, Ipv6Network};
use netlink_packet_route::address::{AddressAttribute, AddressFlags};
use netlink_packet_route::link::{InfoBridgePort, InfoData, InfoVeth, LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourFlags, NeighbourState};
use rtnetlink::{Handle, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::{Port, WireError};
use crate::mac::MacAddr;

fn failed(what: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> WireError {
    move |source| WireError::Netlink { what: what.into(), source }
}

pub(super) async fn all(kernel: &Handle) -> Result<Vec<LinkMessage>, WireError> {
    kernel.link().get().execute().try_collect().await.map_err(failed("list the links"))
}

async fn index(kernel: &Handle, name: &str) -> Result<u32, WireError> {
    let mut links = kernel.link().get().match_name(name).execute();
    let link = links.try_next().await.map_err(failed(format!("find link {name}")))?;
    link.map(|link| link.header.index).ok_or_else(|| WireError::NoLink(name.to_owned()))
}

pub(super) async fn loopback_up(kernel: &Handle) -> Result<(), WireError> {
    let message = LinkUnspec::new_with_name("lo").up().build();
    kernel.link().set(message).execute().await.map_err(failed("set lo up"))
}

pub(super) async fn up(kernel: &Handle, index: u32) -> Result<(), WireError> {
    let message = LinkUnspec::new_with_index(index).up().build();
    kernel.link().set(message).execute().await.map_err(failed(format!("set link {index} up")))
}

/// A link that is not there is not renamed, nor one that somebody else has named: the `keep` in the policy of systemd's
/// 99-default.link.
pub(super) async fn rename(kernel: &Handle, mac: MacAddr, name: &str) -> Result<(), WireError> {
    let is_it = |link: &LinkMessage| link.attributes.contains(&LinkAttribute::Address(mac.octets().to_vec()));
    let of_the_kernel = |attribute: &LinkAttribute| match attribute {
        LinkAttribute::IfName(name) => name.strip_prefix("eth").is_some_and(|rest| rest.parse::<u32>().is_ok()),
        _ => false,
    };
    let Some(link) = all(kernel).await?.into_iter().find(is_it) else { return Ok(()) };
    if !link.attributes.iter().any(of_the_kernel) {
        return Ok(());
    }
    let message = LinkUnspec::new_with_index(link.header.index).name(name.to_owned()).build();
    kernel.link().set(message).execute().await.map_err(failed(format!("rename the link of {mac} to {name}")))
}

pub(super) async fn delete(kernel: &Handle, index: u32) -> Result<(), WireError> {
    match kernel.link().del(index).execute().await {
        // The namespace of the other end died first.
        Err(rtnetlink::Error::NetlinkError(error)) if error.to_io().raw_os_error() == Some(nix::libc::ENODEV) => Ok(()),
        other => other.map_err(failed(format!("delete link {index}"))),
    }
}

/// Makes a bridge and gives its index. Its MTU is set, so that it does not follow that of its ports.
pub(super) async fn add_bridge(kernel: &Handle, name: &str, mac: MacAddr, mtu: u32) -> Result<u32, WireError> {
    let message = LinkBridge::new(name).address(mac.octets().to_vec()).mtu(mtu).down().build();
    kernel.link().add(message).execute().await.map_err(failed(format!("add bridge {name}")))?;
    index(kernel, name).await
}

/// Adds an address without duplicate address detection: the router's addresses work at once.
pub(super) async fn add_address(kernel: &Handle, index: u32, address: IpNetwork) -> Result<(), WireError> {
    let mut request = kernel.address().add(index, address.ip(), address.prefix());
    if address.is_ipv6() {
        request.message_mut().attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    request.execute().await.map_err(failed(format!("add address {address}")))
}

/// Every address of `network` is on this link.
pub(super) async fn add_route(kernel: &Handle, index: u32, network: Ipv6Network) -> Result<(), WireError> {
    let route = RouteMessageBuilder::<Ipv6Addr>::new()
        .destination_prefix(network.network(), network.prefix())
        .output_interface(index)
        .build();
    kernel.route().add(route).execute().await.map_err(failed(format!("add route {}", IpAddr::from(network.network()))))
}

/// Makes the pair in one request: this end here, the other in the instance's namespace, down and with the ENI's MAC.
/// Gives the index of this end.
pub(super) async fn add_pair(kernel: &Handle, near: &str, port: &Port, far_name: &str) -> Result<u32, WireError> {
    let far = LinkMessageBuilder::<LinkUnspec>::new()
        .name(far_name)
        .address(port.mac.octets().to_vec())
        .mtu(port.mtu)
        .append_extra_attribute(LinkAttribute::NetNsFd(port.host.as_raw_fd()))
        .build();
    let pair = LinkVeth::new(near, far_name).mtu(port.mtu).set_info_data(InfoData::Veth(InfoVeth::Peer(far))).build();
    let what = format!("add the link {far_name} of {}", port.eni);
    kernel.link().add(pair).execute().await.map_err(failed(what))?;
    index(kernel, near).await
}

/// Puts this end of a pair on the subnet's bridge. The bridge learns nothing and floods no unicast: as in a VPC, an ENI
/// gets what is addressed to its MAC, and no frame of another can change that.
pub(super) async fn join_bridge(kernel: &Handle, port: u32, bridge: u32, mac: MacAddr) -> Result<(), WireError> {
    let enslave = LinkUnspec::new_with_index(port).controller(bridge).build();
    kernel.link().set(enslave).execute().await.map_err(failed(format!("put link {port} on a bridge")))?;
    let strict = LinkBridgePort::new(port)
        .append_info_data(InfoBridgePort::Learning(false))
        .append_info_data(InfoBridgePort::UnicastFlood(false))
        .build();
    kernel.link().set_port(strict).execute().await.map_err(failed(format!("stop learning on link {port}")))?;
    kernel
        .neighbours()
        .add_bridge(port, &mac.octets())
        .state(NeighbourState::Noarp)
        .flags(NeighbourFlags::Controller)
        .execute()
        .await
        .map_err(failed(format!("forward {mac} to link {port}")))
}
