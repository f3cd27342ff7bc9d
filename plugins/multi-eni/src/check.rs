//! CHECK: what `prevResult`, the record and the kernel prove. Routes, MTU and MAC may be a later plugin's by now.

use crate::config::Config;
use crate::error::Error;
use crate::hand_over;
use crate::ipam::Ipam;
use crate::node_here::{Node, owner, pod_side};
use cni::CheckRequest;
use node::ground::Side;
use node::netlink::Link;
use node::record::{Phase, Record};
use node::store::Listed;

/// Verifies the attachment.
pub(crate) async fn run(request: &CheckRequest) -> Result<(), Error> {
    let config = Config::read(&request.config, Some(request.attachment.ifname.as_str()))?;
    let node = Node::open()?;
    let owner = owner(&request.attachment);
    node.direct_log(&config, "CHECK", Some(&owner))?;
    let record = node.store.record(&owner)?.filter(|record| record.phase == Phase::Committed);
    let record = record.ok_or_else(|| Error::Check(format!("there is no record of {owner}: DEL it")))?;
    check_inventory(&node, &record)?;
    let host = Side::here()?;
    let pod = pod_side(&request.netns, &host.netns)?;
    if !pod.visit.identity.is_same(&record.namespace.identity) {
        return Err(Error::Check(format!(
            "{owner} is on record with another network namespace than {}",
            request.netns.display()
        )));
    }
    if record.bound.is_some() {
        hand_over::verify(&node.bus, &record).map_err(|error| Error::Check(cni::Error::from(error).to_string()))?;
        check_interface(request, &record)?;
    } else {
        let link = check_link(&config, &record, &pod).await?;
        check_addresses(request, check_interface(request, &record)?, &pod, &link).await?;
    }
    match Ipam::of_request(&request.config, &request.environment)? {
        Some(ipam) => Ok(ipam.check(config.timeout).await?),
        None => Ok(()),
    }
}

/// The ENI is still the node's.
fn check_inventory(node: &Node, record: &Record) -> Result<(), Error> {
    let Some(eni) = &record.device.network_interface_id else { return Ok(()) };
    match node.store.listed(eni)? {
        Listed::Here(entry) if entry.state.is_on_node() => Ok(()),
        Listed::Here(entry) => Err(Error::Check(format!("{eni} is {}", entry.state))),
        Listed::Absent => Err(Error::Check(format!("{eni} is not in the inventory of this node any more"))),
        Listed::Unreadable => {
            log::warn!("whether {eni} is still the node's cannot be told: its entry in the inventory is unreadable");
            Ok(())
        }
    }
}

/// The device is in the pod, under its name, up.
async fn check_link(config: &Config, record: &Record, pod: &Side) -> Result<Link, Error> {
    let links = pod.visit.netlink.links().await?;
    let Some(link) = record.device.find(&links) else {
        return Err(Error::Check(format!("{} is not in the pod", record.device)));
    };
    if link.name != record.interface_name.as_str() {
        return Err(Error::Check(format!(
            "{} is {} in the pod, not {}",
            record.device, link.name, record.interface_name
        )));
    }
    if !link.up && !config.keep_down {
        return Err(Error::Check(format!("{} is down", link.name)));
    }
    Ok(link.clone())
}

/// `prevResult` has the interface, at this place.
fn check_interface(request: &CheckRequest, record: &Record) -> Result<usize, Error> {
    let sandbox = request.netns.display().to_string();
    let mut previous = request.config.prev_result.iter().flat_map(|result| &result.interfaces);
    let is_mine = |interface: &cni::Interface| {
        interface.name == record.interface_name.as_str() && interface.sandbox.as_deref() == Some(sandbox.as_str())
    };
    let missing = || format!("prevResult has no interface {} in {sandbox}", record.interface_name);
    previous.position(is_mine).ok_or_else(|| Error::Check(missing()))
}

/// The kernel has the addresses of `prevResult`.
async fn check_addresses(request: &CheckRequest, mine: usize, pod: &Side, link: &Link) -> Result<(), Error> {
    let previous = request.config.prev_result.clone().unwrap_or_default();
    let addresses = pod.visit.netlink.addresses().await?;
    for ip in previous.ips.iter().filter(|ip| ip.interface == Some(mine)) {
        let has =
            |address: &node::netlink::Address| address.link == link.index && address.network.ip() == ip.address.ip();
        if !addresses.iter().any(has) {
            return Err(Error::Check(format!("address {} is not on {}", ip.address, link.name)));
        }
    }
    Ok(())
}
