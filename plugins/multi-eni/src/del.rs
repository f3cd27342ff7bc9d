//! DEL. It needs neither the namespace nor `prevResult` nor the interface, and acts only for the owner on record.

use crate::choose::Refusal;
use crate::config::Config;
use crate::device_info;
use crate::error::Error;
use crate::ipam::Ipam;
use crate::node_here::{LOCK_LIMIT, Node, owner};
use crate::take_down::{free, wish};
use cni::DelRequest;
use node::ground::{Ground, Side};
use node::inventory::Entry;
use node::netns::Netns;
use node::record::{Home, Owner, Record};
use node::release::{self, Ending, Release};
use node::take_down::{Done, Only, Wish, take_down};
use std::path::Path;

/// Undoes the attachment, however little of it there is. Where nothing can be known of it, its addresses are given back all the same.
pub(crate) async fn run(request: &DelRequest) -> Result<(), Error> {
    let ipam = Ipam::of_request(&request.config, &request.environment);
    let free = async || match &ipam {
        Ok(ipam) => free(ipam.as_ref()).await,
        Err(error) => Err(error.clone()),
    };
    let owner = owner(&request.attachment);
    let known = Node::open_to_release().and_then(|node| {
        direct_log(&node, request, &owner);
        Ok((node.store.record(&owner)?, node))
    });
    let (record, node) = match known {
        Ok(known) => known,
        Err(error) => {
            if let Err(left) = free().await {
                log::warn!("the IPAM plugin of {owner} does not release: {left}");
            }
            return Err(error);
        }
    };
    let released = match record {
        Some(record) => of_record(&node, request, &record, free).await,
        None => without_record(&node, request, &owner, free).await,
    };
    let removed = device_info::remove(&node, &request.config.raw);
    released.and(removed)
}

/// A configuration that has become wrong since ADD is no reason to keep a device.
fn direct_log(node: &Node, request: &DelRequest, owner: &Owner) {
    let config = Config::read(&request.config, Some(request.attachment.ifname.as_str())).map_err(Error::from);
    if let Err(error) = config.and_then(|config| node.direct_log(&config, "DEL", Some(owner))) {
        log::warn!("going on in spite of the configuration: {}", cni::Error::from(error));
    }
}

async fn of_record(
    node: &Node,
    request: &DelRequest,
    record: &Record,
    free: impl AsyncFn() -> Result<(), cni::Error>,
) -> Result<(), Error> {
    let wish = Wish { named: request.netns.as_deref(), ..wish(node, record, Only::Always, Some(LOCK_LIMIT)) };
    match take_down(&node.store, &wish, async |_: &Record| free().await).await? {
        Done::Down(down) => Ok(down.freed?),
        Done::Nothing => Ok(free().await?),
        // An ADD has another device for its owner by now; the lock was waited for.
        Done::Replaced | Done::Busy | Done::Spared(_) => Err(Refusal::InProgress(record.owner.clone()).into()),
    }
}

/// Nothing is on record: a device in that namespace that is provably the project's, and that no record says somebody
/// else has, goes home all the same.
async fn without_record(
    node: &Node,
    request: &DelRequest,
    owner: &Owner,
    free: impl AsyncFn() -> Result<(), cni::Error>,
) -> Result<(), Error> {
    let swept = match &request.netns {
        Some(path) => sweep(node, path, owner).await,
        None => Ok(()),
    };
    if let Err(error) = swept {
        log::warn!("looking for a device without a record: {}", cni::Error::from(error));
    }
    Ok(free().await?)
}

async fn sweep(node: &Node, path: &Path, owner: &Owner) -> Result<(), Error> {
    let host = Side::here()?;
    let Ok(netns) = Netns::open(path) else { return Ok(()) };
    if netns.is_same(&host.netns) {
        return Ok(());
    }
    let visit = netns.visit(&host.netns)?;
    let mut ground: Option<Ground> = None;
    let (mut host, mut pod) = (Some(host), Some(Side { netns, visit }));
    for entry in node.store.inventory()?.into_iter().filter(|entry| entry.pool.is_some() && !entry.is_shared()) {
        let device = entry.device();
        let Some(_lock) = node.store.try_device_lock(&device.lock_name())? else { continue };
        if node.store.records()?.iter().any(|record| record.holds() && record.device.is_same(&device)) {
            continue;
        }
        let mut this = match (ground.take(), host.take()) {
            (Some(ground), _) => ground.with_device(device),
            (None, Some(host)) => Ground::new(host, pod.take(), device),
            (None, None) => return Ok(()),
        };
        send_home(&mut this, &entry, owner).await?;
        ground = Some(this);
    }
    Ok(())
}

async fn send_home(ground: &mut Ground, entry: &Entry, owner: &Owner) -> Result<(), Error> {
    let Some((node::step::Place::Pod, link)) = ground.locate().await? else { return Ok(()) };
    log::warn!("{} is in the namespace of {owner} without a record, and goes home", entry.network_interface_id);
    let home = Home {
        name: entry.host_name.clone(),
        altnames: link.altnames.iter().filter_map(|name| name.parse().ok()).collect(),
        mtu: entry.mtu.unwrap_or(link.mtu),
        mac_address: entry.mac_address,
        alias: link.alias.clone(),
        up: false,
    };
    let device = entry.device();
    let release = Release { device: &device, home: Some(&home), bound: None, leftovers: &[], ending: Ending::Down };
    for error in release::run(ground, &release).await.errors {
        log::warn!("{device}: {}", cni::Error::from(Error::from(error)));
    }
    Ok(())
}
