//! Giving a device back: DEL, GC, ADD's rollback and the taking over of a dead pod's device all come through here.

use crate::error::Error;
use crate::ipam::Ipam;
use crate::node_here::{LOCK_LIMIT, Node};
use node::ground::{Ground, Side};
use node::liveness::find_namespace;
use node::netns::{self, Netns};
use node::record::Record;
use node::release::Ending;
use std::path::Path;
use std::time::Duration;

/// How long an IPAM plugin may take to release.
const IPAM_LIMIT: Duration = Duration::from_secs(30);

/// Gives back the device of a record, and lets `ipam` release beside it. The caller holds the device's lock.
///
/// # Errors
/// The IPAM plugin's, and those of the records. What could not be done to the device is marked on the record and logged.
pub(crate) async fn take_down(
    node: &Node,
    record: &Record,
    ipam: Option<&Ipam>,
    ground: &mut Ground,
    ending: Ending,
) -> Result<(), Error> {
    let down = node::take_down::take_down(&node.store, record, ground, ending, free(ipam)).await?;
    for error in &down.errors {
        log::warn!("{}: {}", record.device, cni::Error::from_chain(cni::Code::INTERNAL, error));
    }
    down.freed
}

/// Lets an IPAM plugin release, if there is one.
pub(crate) async fn free(ipam: Option<&Ipam>) -> Result<(), Error> {
    match ipam {
        Some(ipam) => Ok(ipam.del(IPAM_LIMIT).await?),
        None => Ok(()),
    }
}

/// Takes down what is on record without being asked for just that by the runtime; its IPAM plugin is run as it was then.
///
/// # Errors
/// As [`take_down`]; code 11 where another process has the device in its hands.
pub(crate) async fn take_down_of_record(node: &Node, record: &Record) -> Result<(), Error> {
    let _lock = node.store.device_lock(&record.device.lock_name(), LOCK_LIMIT).await?;
    // It may have been taken down while the lock was waited for, and its owner may have another device by now.
    let now = node.store.record(&record.owner)?;
    let Some(record) = now.filter(|now| now.device == record.device) else { return Ok(()) };
    node.note_death_of(&record);
    let mut ground = ground_of(&record, None)?;
    let ipam = Ipam::of_record(&record.call, &record.owner)?;
    take_down(node, &record, ipam.as_ref(), &mut ground, Ending::Down).await
}

/// The ground of a record: the host, and the pod's namespace wherever it still is. `named` is where the runtime says that
/// it is, which is believed only of the very namespace that the device went to.
pub(crate) fn ground_of(record: &Record, named: Option<&Path>) -> Result<Ground, Error> {
    let host = Side::here()?;
    let pod = pod_of(record, named, &host.netns)?;
    Ok(Ground::new(host, pod, record.device.clone()))
}

fn pod_of(record: &Record, named: Option<&Path>, host: &Netns) -> Result<Option<Side>, Error> {
    let identity = &record.namespace.identity;
    for path in named.into_iter().chain([record.namespace.path.as_path()]) {
        let netns = match Netns::open(path) {
            Ok(netns) => netns,
            Err(netns::Error::Missing(_) | netns::Error::NotOne(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let visit = match netns.visit(host) {
            Ok(visit) => visit,
            Err(netns::Error::NotOne(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        if visit.identity.is_same(identity) {
            return Ok(Some(Side { netns, visit }));
        }
    }
    match find_namespace(identity, host) {
        Ok(Some(netns)) => {
            let visit = netns.visit(host)?;
            Ok(Some(Side { netns, visit }))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            log::warn!("cannot look for the namespace of {}: {error}", record.owner);
            Ok(None)
        }
    }
}
