//! What a choice has to know, read once.

use crate::error::Error;
use crate::node_here::Node;
use node::host::View;
use node::inventory::Entry;
use node::netlink::Netlink;
use node::record::Record;

/// The host, the inventory and the records.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// The kernel.
    pub(crate) host: View,
    /// The inventory.
    pub(crate) inventory: Vec<Entry>,
    /// The records of attachments.
    pub(crate) records: Vec<Record>,
    /// Whether an agent has ever finished a pass.
    pub(crate) agent_was_here: bool,
}

impl World {
    /// Reads all that a choice has to know. The records come first: a release removes its record when the link is as it
    /// was, so a link without a record must be looked at after the records were.
    pub(crate) async fn read(node: &Node, netlink: &Netlink) -> Result<Self, Error> {
        let records = node.store.records()?;
        Ok(Self {
            host: View::read(netlink).await?,
            inventory: node.store.inventory()?,
            records,
            agent_was_here: node.store.agent_pass()?.is_some(),
        })
    }
}
