//! Which of those who hold a device are dead. There is one look at all processes for a whole claim, and none where what this
//! process sees of itself says that all are alive.

use crate::error::Error;
use crate::node_here::Node;
use node::record::Record;
use node::verdict::{self, Life, Pods, Sight};
use std::path::Path;

/// What an ADD knows of who is alive.
#[derive(Debug)]
pub(crate) struct Lookout<'a> {
    node: &'a Node,
    proc_dir: &'a Path,
    /// The UID of the pod that asks.
    uid: Option<&'a str>,
    sight: Option<Sight>,
}

impl<'a> Lookout<'a> {
    pub(crate) fn new(node: &'a Node, proc_dir: &'a Path, uid: Option<&'a str>) -> Self {
        Self { node, proc_dir, uid, sight: None }
    }

    /// The first of these holders whose namespace is surely gone and whose pod is not alive. A pod that asks for its own device
    /// is no reason against: its earlier sandbox is what is dead.
    ///
    /// # Errors
    /// Those of the records.
    pub(crate) async fn first_dead<'r>(&mut self, holders: &'r [Record]) -> Result<Option<&'r Record>, Error> {
        if self.sight.is_none() {
            if self.near_has_all(holders).await {
                return Ok(None);
            }
            let records = self.node.store.records()?;
            let namespaces = records.iter().chain(holders).map(|record| record.namespace.identity);
            self.sight = Some(Sight::look(self.proc_dir, namespaces).await);
        }
        let Some(sight) = &self.sight else { return Ok(None) };
        let pods = Pods { kubelet_dir: &self.node.settings.kubelet_dir, of_api: None };
        for holder in holders {
            let judged = Record { pod: holder.pod.clone().filter(|_| !self.is_own(holder)), ..holder.clone() };
            match verdict::of_record(&judged, &self.node.store, sight, pods)? {
                Life::Gone => return Ok(Some(holder)),
                Life::Alive => {}
                Life::Unknown(why) => log::warn!("cannot tell whether {} is alive: {why}", holder.owner),
            }
        }
        Ok(None)
    }

    async fn near_has_all(&self, holders: &[Record]) -> bool {
        let near = Sight::near(self.proc_dir, holders.iter().map(|holder| holder.namespace.identity)).await;
        holders.iter().all(|holder| near.has(&holder.namespace.identity))
    }

    fn is_own(&self, holder: &Record) -> bool {
        let uid = holder.pod.as_ref().and_then(|pod| pod.uid.as_deref());
        uid.is_some() && uid == self.uid
    }
}

#[cfg(test)]
mod tests;
