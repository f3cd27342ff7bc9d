//! What a choice has to know, read once.

use crate::config::Config;
use crate::error::Error;
use crate::node_here::Node;
use node::host::View;
use node::inventory::{Entry, Mode};
use node::names::PciAddr;
use node::netlink::Netlink;
use node::pci::{Function, Unfit};
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
    /// The PCI functions of the devices that have no link on the host, or need none.
    pub(crate) functions: Vec<Function>,
    /// Which of them cannot be handed to user space now.
    pub(crate) unfit: Vec<(PciAddr, Unfit)>,
    /// Whether an agent has ever finished a pass.
    pub(crate) agent_was_here: bool,
}

impl World {
    /// Reads all that a choice has to know. The records come first: a release removes its record when the link is as it
    /// was, so a link without a record must be looked at after the records were.
    pub(crate) async fn read(node: &Node, netlink: &Netlink, config: &Config) -> Result<Self, Error> {
        let records = node.store.records()?;
        let mut world = Self {
            host: View::read(netlink).await?,
            inventory: node.store.inventory()?,
            records,
            functions: Vec::new(),
            unfit: Vec::new(),
            agent_was_here: node.store.agent_pass()?.is_some(),
        };
        for address in world.needed(config) {
            world.functions.extend(node.bus.function(address)?);
        }
        // Of one that is named, that is an error of its own.
        if !config.selector.is_explicit() {
            let unfit = |function: &Function| Some((function.address, node.bus.unfit(function)?));
            world.unfit = world.functions.iter().filter_map(unfit).collect();
        }
        Ok(world)
    }

    /// The function at this address, if it was looked at and is there.
    pub(crate) fn function(&self, address: Option<PciAddr>) -> Option<&Function> {
        self.functions.iter().find(|function| Some(function.address) == address)
    }

    /// Reading a function takes as long as a dump of links, so only those are read that a choice could turn on.
    fn needed(&self, config: &Config) -> Vec<PciAddr> {
        let is_free = |entry: &&Entry| {
            let device = entry.device();
            !self.records.iter().any(|record| record.holds() && record.device.is_same(&device))
        };
        let has_to_be_seen = |entry: &&Entry| {
            let mode = config.mode.or(entry.pool.as_ref().map(|pool| pool.mode)).unwrap_or_default();
            mode == Mode::VfioPci || entry.device().find(&self.host.links).is_none()
        };
        let known = self.inventory.iter().filter(is_free).filter(has_to_be_seen).filter_map(|entry| entry.pci_address);
        let asked = config.selector.pci;
        let mut needed: Vec<_> = known.chain(asked).collect();
        needed.sort();
        needed.dedup();
        needed
    }
}
