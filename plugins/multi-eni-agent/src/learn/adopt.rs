//! An ENI that EC2 shows and nobody here knows: somebody else's, or one of ours whose records are lost.

use ec2::{AttachmentStatus, NetworkInterface, Status};
use ipnetwork::IpNetwork;
use node::inventory::{Entry, Ipv4Address, Ipv6Address, Pool, State, Subnet, Upkeep, Vpc};

use super::Known;
use crate::observe::Planned;
use crate::tags::{TOKEN, pool_of};

/// Why an ENI cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("its id is none that can be a file's name")]
    Id(#[source] node::names::InvalidName),
    #[error("its MAC address is none")]
    Mac,
}

/// What is known of a subnet: from EC2, else from an interface of the instance that is in it.
pub(crate) fn subnet_of<'a>(
    id: &str,
    subnets: impl IntoIterator<Item = &'a ec2::Subnet>,
    metadata: &[ec2::MetadataInterface],
) -> Subnet {
    let subnet = subnets.into_iter().find(|subnet| subnet.id.as_str() == id);
    let in_subnet = metadata.iter().find(|interface| interface.subnet.as_str() == id);
    Subnet {
        id: id.to_string(),
        ipv4_cidr: subnet
            .and_then(|subnet| subnet.ipv4_cidr)
            .or_else(|| in_subnet.and_then(|interface| interface.subnet_ipv4_cidr))
            .map(IpNetwork::V4),
        ipv6_cidrs: subnet
            .map(|subnet| subnet.ipv6_cidrs.clone())
            .or_else(|| in_subnet.map(|interface| interface.subnet_ipv6_cidrs.clone()))
            .unwrap_or_default()
            .into_iter()
            .map(IpNetwork::V6)
            .collect(),
    }
}

/// The entry of an ENI as EC2 just described it, in a state that the caller chooses; with its pool, if it has one.
///
/// # Errors
/// What of it cannot be used.
pub(crate) fn entry_of(
    eni: &NetworkInterface,
    pool: Option<Pool>,
    link_name: Option<node::names::IfName>,
    state: State,
    known: &Known<'_>,
    now: u64,
) -> Result<Entry, Error> {
    let id: node::names::EniId = eni.id.as_str().parse().map_err(Error::Id)?;
    let slot = eni.attachment.as_ref().map(|attachment| attachment.slot);
    let metadata = known.metadata.unwrap_or_default();
    let in_vpc = metadata.iter().find(|interface| interface.vpc == eni.vpc);
    Ok(Entry {
        host_name: link_name.unwrap_or_else(|| id.fallback_name()),
        network_interface_id: id,
        mac_address: eni.mac_address.as_str().parse().map_err(|_| Error::Mac)?,
        pci_address: None,
        subnet: subnet_of(eni.subnet.as_str(), known.subnets, metadata),
        vpc: in_vpc.map_or_else(Vpc::default, |interface| Vpc {
            ipv4_cidrs: interface.vpc_ipv4_cidrs.iter().copied().map(IpNetwork::V4).collect(),
            ipv6_cidrs: interface.vpc_ipv6_cidrs.iter().copied().map(IpNetwork::V6).collect(),
        }),
        ipv4_addresses: eni.ipv4.iter().map(|one| Ipv4Address { address: one.address, primary: one.primary }).collect(),
        ipv6_addresses: eni.ipv6.iter().map(|one| Ipv6Address { address: one.address, primary: one.primary }).collect(),
        // An index of 0 is the primary's alone.
        device_index: slot.map_or(1, |slot| slot.device_index),
        network_card_index: slot.map_or(0, |slot| slot.network_card_index),
        pool,
        original_driver: None,
        seen: None,
        mtu: None,
        tags: eni.tags.clone(),
        state,
        upkeep: Upkeep {
            since: now,
            attachment_id: eni.attachment.as_ref().map(|attachment| attachment.id.to_string()),
            delete_on_termination: eni.attachment.as_ref().map(|attachment| attachment.delete_on_termination),
            source_dest_check: Some(eni.source_dest_check),
            security_groups: eni.security_groups.iter().map(ToString::to_string).collect(),
            ..Upkeep::default()
        },
    })
}

/// The entry, if it belongs into the inventory.
pub(super) fn adopt(
    eni: &NetworkInterface,
    creations: &[Planned],
    known: &Known<'_>,
    now: u64,
) -> Result<Option<Entry>, Error> {
    let is_here = eni.attachment.as_ref().is_some_and(|attachment| {
        attachment.instance.as_ref().is_some_and(|instance| instance.as_str() == known.identity.instance)
    });
    if !known.identity.owns(&eni.tags) {
        // Plugins have to know what is not theirs, and `allow` of node.toml may let them have it.
        if !is_here {
            return Ok(None);
        }
        let link_name = link_name_of(eni, known);
        return entry_of(eni, None, link_name, State::Ready, known, now).map(Some);
    }
    let token = eni.tags.get(TOKEN);
    if creations.iter().any(|planned| Some(&planned.request.client_token) == token) {
        // Its creation is still under way here, and will bring it.
        return Ok(None);
    }
    let state = match &eni.attachment {
        Some(attachment) if is_here => match attachment.status {
            AttachmentStatus::Attached => State::Attached,
            AttachmentStatus::Attaching => State::Attaching,
            AttachmentStatus::Detaching | AttachmentStatus::Detached => State::Detaching,
            AttachmentStatus::Other => return Ok(None),
        },
        Some(attachment) if attachment.status != AttachmentStatus::Detached => return Ok(None),
        _ if eni.status == Status::Available => State::Created,
        _ => return Ok(None),
    };
    let Some(name) = pool_of(&eni.tags) else { return Ok(None) };
    let declared = known.pools.iter().find(|pool| pool.name == name);
    let pool = declared.map_or_else(|| undeclared(name), |pool| pool.for_eni_at(None));
    let link_name = declared.and_then(|pool| pool.link_name.clone());
    let mut entry = entry_of(eni, Some(pool), link_name, state, known, now)?;
    if state == State::Created {
        entry.upkeep.found = true;
        entry.upkeep.unattached_since = Some(now);
    }
    Ok(Some(entry))
}

/// What the host calls an ENI that is nobody's to name.
fn link_name_of(eni: &NetworkInterface, known: &Known<'_>) -> Option<node::names::IfName> {
    let mac_address = eni.mac_address.as_str().parse().ok()?;
    let mut links = known.links?.iter();
    links.find(|link| link.mac_address == Some(mac_address))?.name.parse().ok()
}

/// A pool of which nothing but the name is left.
fn undeclared(name: node::names::PoolName) -> Pool {
    Pool {
        name,
        sharing: node::inventory::Sharing::Exclusive,
        mode: node::inventory::Mode::Netdev,
        cooldown_seconds: 0,
        resource_name: None,
    }
}
