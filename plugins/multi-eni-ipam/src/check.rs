//! CHECK: EC2 still has what was answered, and it is still this attachment's.

use crate::chain::Chain;
use crate::config::{Config, MainPlugin};
use crate::error::Error;
use crate::{ground, observe};
use cni::{CheckRequest, CniResult};
use node::addresses::{AddressState, AddressUse};
use node::inventory::Entry;
use node::record::Owner;
use node::store::{Listed, Store};
use std::net::IpAddr;

pub(crate) async fn check(request: &CheckRequest) -> Result<(), Error> {
    let config = Config::of(&request.config)?;
    let settings = ground::settings()?;
    let owner = ground::owner(&request.attachment);
    ground::direct_log(&config.outer, &settings, ground::context(&owner))?;
    let store = ground::store(&settings)?;

    let empty = CniResult::default();
    let result = request.config.prev_result.as_ref().unwrap_or(&empty);
    match observe::exclusive(&store, &owner)? {
        Some(entry) => is_on(&entry, addresses_of(&entry, result))?,
        None => shared(&store, &owner, &config.outer.main, result)?,
    }
    let chain = Chain {
        members: &config.chain,
        config: &request.config,
        environment: &request.environment,
        limit: config.outer.limit,
    };
    Ok(chain.check().await?)
}

fn shared(store: &Store, owner: &Owner, main: &MainPlugin, result: &CniResult) -> Result<(), Error> {
    let is_own = |usage: &AddressUse| usage.owner == *owner && usage.state == AddressState::Used;
    let Some(usage) = store.address_uses()?.into_iter().find(is_own) else {
        return Err(match main {
            MainPlugin::MultiEni => Error::NoRecord(owner.to_string()),
            MainPlugin::SameMac { .. } | MainPlugin::Other(_) => Error::NothingGiven(owner.to_string()),
        });
    };
    let eni = usage.network_interface_id.clone();
    let answered = |address: &IpAddr| result.ips.iter().any(|ip| ip.address.ip() == *address);
    if let Some(&address) = usage.addresses.iter().find(|address| !answered(address)) {
        return Err(Error::NotInResult { eni, address });
    }
    match store.listed(&eni)? {
        Listed::Here(entry) => is_on(&entry, usage.addresses),
        Listed::Absent => Err(Error::NotInInventory(eni.to_string())),
        Listed::Unreadable => Err(Error::UnreadableEntry(eni)),
    }
}

fn is_on(entry: &Entry, addresses: Vec<IpAddr>) -> Result<(), Error> {
    let gone = |address: &IpAddr| !entry.addresses().any(|assigned| assigned == *address);
    match addresses.into_iter().find(gone) {
        Some(address) => Err(Error::Gone { eni: entry.network_interface_id.clone(), address }),
        None => Ok(()),
    }
}

/// The addresses of a result that are the ENI's: of its subnet, and on no interface that has another MAC, since the
/// pod's primary interface may well be in the same subnet.
fn addresses_of(entry: &Entry, result: &CniResult) -> Vec<IpAddr> {
    let mac = entry.mac_address.to_string();
    let elsewhere = |index: usize| {
        let interface = result.interfaces.get(index).and_then(|interface| interface.mac.as_ref());
        interface.is_some_and(|theirs| !theirs.eq_ignore_ascii_case(&mac))
    };
    let ours = result.ips.iter().filter(|ip| !ip.interface.is_some_and(elsewhere)).map(|ip| ip.address.ip());
    ours.filter(|&address| entry.subnet_of(address).is_some()).collect()
}
