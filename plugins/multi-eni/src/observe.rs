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
    /// Reads all that a choice has to know.
    pub(crate) async fn read(node: &Node, netlink: &Netlink) -> Result<Self, Error> {
        Ok(Self {
            host: Host::read(netlink).await?,
            inventory: node.store.inventory()?,
            records: node.store.records()?,
            agent_was_here: node.store.agent_pass()?.is_some(),
        })
    }
}
