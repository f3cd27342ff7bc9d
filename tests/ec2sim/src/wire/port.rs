//! The ends of the ENIs' pairs in the VPC's namespace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rtnetlink::Handle;

use super::{Allowed, Port, Returns, WireError, filter, link};
use crate::ids::{EniId, SubnetId};

/// How the kernel calls a device whose own name is taken where it comes back (`default_device_exit_net`, net/core/dev.c).
const FALLBACK_PREFIX: &str = "dev";

#[derive(Debug)]
struct Plugged {
    port: Port,
    index: u32,
}

#[derive(Debug)]
pub(super) struct Ports {
    kernel: Handle,
    bridges: HashMap<SubnetId, u32>,
    plugged: HashMap<EniId, Plugged>,
    returns: Arc<Returns>,
    keeping: bool,
}

impl Ports {
    pub(super) fn new(kernel: Handle, returns: Arc<Returns>) -> Self {
        Self { kernel, bridges: HashMap::new(), plugged: HashMap::new(), returns, keeping: false }
    }

    pub(super) fn add_bridge(&mut self, subnet: SubnetId, bridge: u32) {
        self.bridges.insert(subnet, bridge);
    }

    /// A NIC is plugged in: its link appears in the host's namespace, down.
    pub(super) async fn plug(&mut self, port: Port) -> Result<(), WireError> {
        let name = port.host_name.clone();
        let index = self.make(&port, &name).await?;
        self.plugged.insert(port.eni.clone(), Plugged { port, index });
        Ok(())
    }

    /// Off the list first: the kernel's event of the deletion must not bring it back.
    pub(super) async fn unplug(&mut self, eni: &EniId) -> Result<(), WireError> {
        let plugged = self.plugged.remove(eni).ok_or_else(|| WireError::NotPlugged(eni.clone()))?;
        link::delete(&self.kernel, plugged.index).await?;
        filter::remove(eni)
    }

    pub(super) fn allow(&mut self, eni: &EniId, allowed: Allowed) -> Result<(), WireError> {
        let plugged = self.plugged.get_mut(eni).ok_or_else(|| WireError::NotPlugged(eni.clone()))?;
        plugged.port.allowed = allowed;
        let port = &plugged.port;
        filter::apply(&filter::table(eni, &near_name(eni), port.mac, &port.allowed))
    }

    pub(super) fn return_as(&mut self, eni: &EniId, name: String) -> Result<(), WireError> {
        let plugged = self.plugged.get_mut(eni).ok_or_else(|| WireError::NotPlugged(eni.clone()))?;
        plugged.port.host_name = name;
        Ok(())
    }

    /// From now on what vanishes comes back, and so does what has vanished.
    pub(super) async fn keep(&mut self) -> Result<(), WireError> {
        self.keeping = true;
        self.look_again().await
    }

    /// Compares with the kernel: at the start, and when the kernel said that it had to drop events.
    pub(super) async fn look_again(&mut self) -> Result<(), WireError> {
        let there: HashSet<u32> = link::all(&self.kernel).await?.iter().map(|link| link.header.index).collect();
        let gone: Vec<u32> = self.plugged.values().map(|at| at.index).filter(|index| !there.contains(index)).collect();
        for index in gone {
            self.vanished(index).await;
        }
        Ok(())
    }

    /// The kernel took the link with this index, since the namespace of its other end died.
    pub(super) async fn vanished(&mut self, index: u32) {
        let port = self.plugged.values().find(|at| at.index == index).map(|at| at.port.clone());
        let Some(port) = port.filter(|_| self.keeping) else { return };
        let eni = port.eni.clone();
        let outcome = match self.make_again(&port).await {
            Ok((index, name)) => {
                self.plugged.insert(eni.clone(), Plugged { port, index });
                Ok(name)
            }
            Err(error) => Err(with_cause(&error)),
        };
        if let Err(reason) = &outcome {
            log::error!("{eni} cannot come back: {reason}");
        }
        self.returns.record(&eni, outcome);
    }

    pub(super) async fn unplug_all(&mut self) -> Result<(), WireError> {
        let mut first = Ok(());
        for eni in self.plugged.keys().cloned().collect::<Vec<_>>() {
            first = first.and(self.unplug(&eni).await);
        }
        for (_, bridge) in self.bridges.drain() {
            first = first.and(link::delete(&self.kernel, bridge).await);
        }
        first
    }

    /// Under its own name, else under the first free `devN`.
    async fn make_again(&self, port: &Port) -> Result<(u32, String), WireError> {
        let mut name = port.host_name.clone();
        for number in 0_u32.. {
            match self.make(port, &name).await {
                Err(error) if error.is_name_taken() => name = format!("{FALLBACK_PREFIX}{number}"),
                made => return made.map(|index| (index, name)),
            }
        }
        Err(WireError::NoLink(name))
    }

    /// Guarded before it is up: not one frame passes unchecked.
    async fn make(&self, port: &Port, far_name: &str) -> Result<u32, WireError> {
        let no_segment = || WireError::NoSegment(port.subnet.clone());
        let bridge = *self.bridges.get(&port.subnet).ok_or_else(no_segment)?;
        let near = near_name(&port.eni);
        let index = link::add_pair(&self.kernel, &near, port, far_name).await?;
        let finished = self.finish(port, &near, index, bridge).await;
        if finished.is_err() {
            link::delete(&self.kernel, index).await?;
        }
        finished.map(|()| index)
    }

    async fn finish(&self, port: &Port, near: &str, index: u32, bridge: u32) -> Result<(), WireError> {
        filter::apply(&filter::table(&port.eni, near, port.mac, &port.allowed))?;
        link::join_bridge(&self.kernel, index, bridge, port.mac).await?;
        link::up(&self.kernel, index).await
    }
}

/// `p` and the last 14 digits: names of links have at most 15 octets (IFNAMSIZ).
fn near_name(eni: &EniId) -> String {
    let id = eni.as_str();
    format!("p{}", &id[id.len() - 14..])
}

fn with_cause(error: &WireError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
