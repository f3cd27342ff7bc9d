//! The node that the plugin runs on: its settings, its records, its own namespace.

use crate::LOGGER;
use crate::config::Config;
use crate::error::Error;
use node::boot::seconds_since_boot;
use node::ground::Side;
use node::netns::Netns;
use node::pci::Bus;
use node::record::{Owner, Pod};
use node::settings::Settings;
use node::store::Store;
use serde_json::{Map, json};
use std::path::Path;
use std::time::Duration;

/// How long a lock is waited for at most.
pub(crate) const LOCK_LIMIT: Duration = Duration::from_secs(30);

/// The processes of the runtime's view, in which it made the namespaces of its pods.
pub(crate) const PROC: &str = "/proc";

/// What every verb works on.
#[derive(Debug)]
pub(crate) struct Node {
    /// `/etc/multi-eni/node.toml`.
    pub(crate) settings: Settings,
    /// `/run/multi-eni`.
    pub(crate) store: Store,
    /// The PCI functions and their drivers.
    pub(crate) bus: Bus,
}

impl Node {
    /// Reads the settings and opens the records.
    pub(crate) fn open() -> Result<Self, Error> {
        Self::with(Settings::of_node()?)
    }

    /// The same for a DEL, also where the settings are of a newer version.
    pub(crate) fn open_to_release() -> Result<Self, Error> {
        Self::with(Settings::of_node_to_release()?)
    }

    fn with(settings: Settings) -> Result<Self, Error> {
        let store = Store::open(&settings.state_dir)?;
        Ok(Self { bus: Bus::of(&settings), settings, store })
    }

    /// Whether an agent has finished a pass lately, as it does at each resync. Where that cannot be read, none is known of.
    pub(crate) fn had_an_agent_lately(&self) -> bool {
        let (Ok(Some(pass)), Ok(now)) = (self.store.agent_pass(), seconds_since_boot()) else { return false };
        now.saturating_sub(pass.finished_at) <= 2 * self.settings.agent.resync_seconds
    }

    /// Sends the log where the configuration wants it.
    pub(crate) fn direct_log(&self, config: &Config, verb: &str, owner: Option<&Owner>) -> Result<(), Error> {
        let mut context = Map::new();
        context.insert("verb".to_string(), json!(verb));
        if let Some(owner) = owner {
            context.insert("network".to_string(), json!(owner.network));
            context.insert("containerId".to_string(), json!(owner.container_id));
            context.insert("ifname".to_string(), json!(owner.ifname));
        }
        let file = config.log_file.as_deref().map(|path| (self.settings.log_dir.as_path(), path));
        Ok(LOGGER.direct(config.log_level, file, context)?)
    }
}

/// The pod's namespace, visited from `host`.
pub(crate) fn pod_side(path: &Path, host: &Netns) -> Result<Side, Error> {
    let netns = Netns::open(path)?;
    let visit = netns.visit(host)?;
    Ok(Side { netns, visit })
}

/// CNI's attachment as the records have it.
pub(crate) fn owner(attachment: &cni::Attachment) -> Owner {
    Owner {
        network: attachment.network.to_string(),
        container_id: attachment.container_id.to_string(),
        ifname: attachment.ifname.to_string(),
    }
}

/// The pod that the runtime named, if it did.
pub(crate) fn pod(environment: &cni::Environment) -> Option<Pod> {
    let pod = environment.args.pod();
    Some(Pod { namespace: pod.namespace?, name: pod.name?, uid: pod.uid })
}
