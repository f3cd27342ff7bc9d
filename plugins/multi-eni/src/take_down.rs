//! Giving a device back: DEL, GC, ADD's rollback and the taking over of a dead pod's device all come through here.

use crate::error::Error;
use crate::ipam::Ipam;
use crate::node_here::{Node, PROC};
use node::record::Record;
use node::take_down::{Done, Only, Wish, take_down};
use std::path::Path;
use std::time::Duration;

/// How long an IPAM plugin may take to release.
const IPAM_LIMIT: Duration = Duration::from_secs(30);

/// Lets an IPAM plugin release, if there is one.
pub(crate) async fn free(ipam: Option<&Ipam>) -> Result<(), cni::Error> {
    match ipam {
        Some(ipam) => ipam.del(IPAM_LIMIT).await,
        None => Ok(()),
    }
}

/// What is on record, to be taken down.
pub(crate) fn wish<'a>(node: &'a Node, record: &'a Record, only: Only<'a>, patience: Option<Duration>) -> Wish<'a> {
    Wish { record, only, patience, named: None, proc_dir: Path::new(PROC), bus: &node.bus }
}

/// Takes down what is on record without being asked for just that by the runtime; its IPAM plugin is run as it was then.
///
/// # Errors
/// The IPAM plugin's, those of the records, code 11 where another process has the device in its hands. What could not be done
/// to the device is marked on the record and logged.
pub(crate) async fn of_record(node: &Node, wish: &Wish<'_>) -> Result<Done<cni::Error>, Error> {
    let free = async |record: &Record| free(Ipam::of_record(&record.call, &record.owner)?.as_ref()).await;
    match take_down(&node.store, wish, free).await? {
        Done::Down(down) => match down.freed {
            Ok(()) => Ok(Done::Down(down)),
            Err(error) => Err(error.into()),
        },
        done => Ok(done),
    }
}
