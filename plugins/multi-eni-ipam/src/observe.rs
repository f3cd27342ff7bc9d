//! Which ENI an answer is about.

use crate::config::MainPlugin;
use crate::error::Error;
use node::inventory::Entry;
use node::netlink::{Link, Netlink};
use node::record::{Owner, Record};
use node::store::{Listed, Store};

/// The ENI that `multi-eni` has on record for this owner; nothing if there is no record. The record is the proof: only
/// `multi-eni` writes it, whatever a configuration says.
pub(crate) fn exclusive(store: &Store, owner: &Owner) -> Result<Option<Entry>, Error> {
    let Some(record) = store.record(owner)?.filter(Record::holds) else { return Ok(None) };
    let device = record.device;
    let Some(eni) = &device.network_interface_id else { return Err(Error::NotInInventory(device.to_string())) };
    match store.listed(eni)? {
        Listed::Here(entry) => Ok(Some(*entry)),
        Listed::Absent => Err(Error::NotInInventory(device.to_string())),
        Listed::Unreadable => Err(Error::UnreadableEntry(eni.clone())),
    }
}

/// The shared ENI that the main plugin's master is. To be called with the lock over addresses held, so that nobody
/// takes the ENI away between this look and what is written because of it.
pub(crate) async fn shared(store: &Store, owner: &Owner, main: &MainPlugin) -> Result<Entry, Error> {
    let master = match main {
        MainPlugin::MultiEni => return Err(Error::NoRecord(owner.to_string())),
        MainPlugin::Other(plugin) => return Err(Error::MainPlugin(plugin.clone())),
        MainPlugin::SameMac { plugin, master: None, .. } => return Err(Error::NoMaster(plugin.clone())),
        MainPlugin::SameMac { master: Some(master), in_container: true, .. } => {
            return Err(Error::MasterInContainer(master.clone()));
        }
        MainPlugin::SameMac { master: Some(master), in_container: false, .. } => master,
    };
    let links = links(master).await?;
    let link = links.iter().find(|link| link.is_called(master)).ok_or_else(|| Error::NoLink(master.clone()))?;
    let is_master = |entry: &Entry| entry.device().find(&links).is_some_and(|found| found.index == link.index);
    let Some(entry) = store.inventory()?.into_iter().find(is_master) else {
        if store.agent_pass()?.is_none() {
            return Err(Error::NoPass(master.clone()));
        }
        return Err(Error::MasterNotInInventory { master: master.clone(), mac: link.mac });
    };
    usable(entry, master)
}

async fn links(master: &str) -> Result<Vec<Link>, Error> {
    let failed = |source| Error::Links { master: master.to_string(), source };
    Netlink::open().map_err(failed)?.links().await.map_err(failed)
}

fn usable(entry: Entry, master: &str) -> Result<Entry, Error> {
    let eni = entry.network_interface_id.clone();
    if !entry.is_shared() {
        let pool = entry.pool_name().map_or_else(|| "no pool".to_string(), |pool| format!("pool {pool}"));
        return Err(Error::NotShared { master: master.to_string(), eni, pool });
    }
    if !entry.state.is_on_node() {
        return Err(Error::NotReady { eni, state: entry.state.to_string() });
    }
    Ok(entry)
}
