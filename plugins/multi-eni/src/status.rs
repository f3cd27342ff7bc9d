//! STATUS: from local files only, since runtimes ask every few seconds.

use crate::config::Config;
use crate::error::Error;
use crate::ipam::Ipam;
use crate::node_here::Node;
use cni::StatusRequest;
use node::inventory::{Entry, State};
use node::names::PoolName;

/// Tells whether an ADD could be serviced.
pub(crate) async fn run(request: &StatusRequest) -> Result<(), Error> {
    let config = Config::read(&request.config, None)?;
    let node =
        Node::open().map_err(|error| Error::NotAvailable(format!("the node's records cannot be read: {error}")))?;
    node.direct_log(&config, "STATUS", None)?;
    let unreadable = |error| Error::NotAvailable(format!("the inventory cannot be read: {error}"));
    let inventory = node.store.inventory().map_err(unreadable)?;
    if node.store.agent_pass().map_err(unreadable)?.is_none() {
        return Err(Error::NotAvailable("no agent has finished a pass since this node booted".to_string()));
    }
    if let Some(pool) = config.selector.pool.as_ref().filter(|_| config.status_on_exhaustion) {
        check_pool(&node, &inventory, pool)?;
    }
    match Ipam::of_request(&request.config, &request.environment)? {
        Some(ipam) => Ok(ipam.status(config.timeout).await?),
        None => Ok(()),
    }
}

fn check_pool(node: &Node, inventory: &[Entry], pool: &PoolName) -> Result<(), Error> {
    let records = node.store.records()?;
    let is_held = |entry: &Entry| records.iter().any(|record| record.holds() && record.device.is_same(&entry.device()));
    let is_free = |entry: &&Entry| entry.pool_name() == Some(pool) && entry.state == State::Ready && !is_held(entry);
    match inventory.iter().find(is_free) {
        Some(_) => Ok(()),
        None => Err(Error::NotAvailable(format!("pool {pool} has no free ENI on this node (statusOnExhaustion)"))),
    }
}
