//! What a choice has to know, read once.

use crate::error::Error;
use crate::node_here::Node;
use node::inventory::Entry;
use node::netlink::{Address, Link, Netlink, Route, Rule};
use node::record::Record;

/// The host's side of the kernel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// Its links.
    pub(crate) links: Vec<Link>,
    /// Their addresses.
    pub(crate) addresses: Vec<Address>,
    /// Its routes, of all tables.
    pub(crate) routes: Vec<Route>,
    /// Its rules.
    pub(crate) rules: Vec<Rule>,
}

/// The host, the inventory and the records.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// The kernel.
    pub(crate) host: Host,
    /// The inventory.
    pub(crate) inventory: Vec<Entry>,
    /// The records of attachments.
    pub(crate) records: Vec<Record>,
    /// Whether an agent has ever finished a pass.
    pub(crate) agent_was_here: bool,
}

impl Host {
    /// Reads all of one namespace.
    pub(crate) async fn read(netlink: &Netlink) -> Result<Self, Error> {
        Ok(Self {
            links: netlink.links().await?,
            addresses: netlink.addresses().await?,
            routes: netlink.routes().await?,
            rules: netlink.rules().await?,
        })
    }
}

impl World {
    /// Reads all that a choice has to know. The records come first: a release removes its record when the link is as it
    /// was, so a link without a record must be looked at after the records were.
    pub(crate) async fn read(node: &Node, netlink: &Netlink) -> Result<Self, Error> {
        let records = node.store.records()?;
        Ok(Self {
            host: Host::read(netlink).await?,
            inventory: node.store.inventory()?,
            records,
            agent_was_here: node.store.agent_pass()?.is_some(),
        })
    }
}
