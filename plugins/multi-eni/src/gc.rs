//! GC: what is on record for this network and not valid any more is taken down; then the IPAM plugin's own GC.

use crate::config::Config;
use crate::device_info;
use crate::error::Error;
use crate::ipam::Ipam;
use crate::node_here::Node;
use crate::take_down::{of_record, wish};
use cni::{Code, GcRequest};
use node::record::Record;
use node::take_down::{Done, Only};

/// Frees what belongs to no valid attachment of this network.
pub(crate) async fn run(request: &GcRequest) -> Result<(), Error> {
    let config = Config::read(&request.config, None)?;
    let node = Node::open()?;
    node.direct_log(&config, "GC", None)?;
    let Some(valid) = &request.valid else {
        let msg = "GC without cni.dev/valid-attachments frees nothing: an empty list would mean that all is stale";
        return Err(cni::Error::new(Code::CONFIG, msg).into());
    };
    let is_stale = |record: &Record| {
        record.owner.network == request.config.name.as_str()
            && !valid.iter().any(|(container_id, ifname)| {
                record.owner.container_id == container_id.as_str() && record.owner.ifname == ifname.as_str()
            })
    };
    let mut errors = Vec::new();
    for record in node.store.records()?.iter().filter(|record| is_stale(record)) {
        errors.extend(free(&node, record).await.err());
    }
    match Ipam::of_request(&request.config, &request.environment) {
        Ok(Some(ipam)) => errors.extend(ipam.gc(config.timeout).await.err()),
        Ok(None) => {}
        Err(error) => errors.push(error),
    }
    let mut errors = errors.into_iter();
    match errors.next() {
        None => Ok(()),
        Some(first) => {
            let rest: Vec<_> = errors.map(|error| error.to_string()).collect();
            Err(first.with_details(rest.join("; ")).into())
        }
    }
}

/// An attachment that another process has in its hands at this moment is left to the next GC.
async fn free(node: &Node, record: &Record) -> Result<(), cni::Error> {
    log::info!("{} of {} is stale", record.device, record.owner);
    let taken_down = match of_record(node, &wish(node, record, Only::Always, None)).await {
        Ok(Done::Busy) => {
            log::info!("{} is being worked on, and is left to the next GC", record.owner);
            return Ok(());
        }
        outcome => outcome.map(drop),
    };
    Ok(taken_down.and(device_info::remove(node, &record.call.config))?)
}
