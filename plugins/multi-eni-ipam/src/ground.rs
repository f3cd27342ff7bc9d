//! What every verb stands on: the node's settings and records, the log, the clock, the lock.

use crate::LOGGER;
use crate::config::Outer;
use crate::error::Error;
use cni::Attachment;
use node::boot::seconds_since_boot;
use node::lock::Lock;
use node::record::Owner;
use node::settings::Settings;
use node::store::Store;
use serde_json::{Map, Value};
use std::time::Duration;

/// It is held for some file writes, so this is many holders.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// Opens the node's settings.
pub(crate) fn settings() -> Result<Settings, Error> {
    Settings::of_node().map_err(Error::Settings)
}

/// The same for a release, also where they are of a newer version.
pub(crate) fn settings_to_release() -> Result<Settings, Error> {
    Settings::of_node_to_release().map_err(Error::Settings)
}

/// Opens the node's records.
pub(crate) fn store(settings: &Settings) -> Result<Store, Error> {
    Ok(Store::open(&settings.state_dir)?)
}

/// Directs the log as the configuration says.
pub(crate) fn direct_log(outer: &Outer, settings: &Settings, context: Map<String, Value>) -> Result<(), Error> {
    let file = outer.log_file.as_deref().map(|file| (settings.log_dir.as_path(), file));
    Ok(LOGGER.direct(outer.log_level, file, context)?)
}

/// What every line of a verb on an attachment says.
pub(crate) fn context(owner: &Owner) -> Map<String, Value> {
    let Owner { network, container_id, ifname } = owner.clone();
    [("network", network), ("containerId", container_id), ("ifname", ifname)]
        .map(|(key, value)| (key.to_string(), Value::String(value)))
        .into_iter()
        .collect()
}

pub(crate) fn owner(attachment: &Attachment) -> Owner {
    Owner {
        network: attachment.network.to_string(),
        container_id: attachment.container_id.to_string(),
        ifname: attachment.ifname.to_string(),
    }
}

/// Seconds since the boot.
pub(crate) fn now() -> Result<u64, Error> {
    seconds_since_boot().map_err(Error::Clock)
}

/// The lock over everything about addresses of shared ENIs.
pub(crate) async fn lock(store: &Store) -> Result<Lock, Error> {
    Ok(store.addresses_lock(LOCK_LIMIT).await?)
}
