//! The kernel's side of a VPC: one thread that lives in the VPC's namespace and owns every link in it.
//!
//! The namespace is held by nothing but that thread and descriptors, so a process that dies, by whatever signal, leaves
//! nothing: the kernel takes the namespace, and with it both ends of every pair.

mod error;
mod filter;
mod link;
mod order;
mod port;
mod returns;
mod segment;
mod task;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use error::WireError;
pub use filter::Drops;
pub(crate) use order::{Allowed, Port, Segment};
pub(crate) use returns::Returns;

use crate::ids::EniId;
use crate::mac::MacAddr;
use crate::netns::Netns;
use order::{Answer, Call, Order};

/// Turns a machine's loopback on, as every machine does when it boots.
pub(crate) fn boot(machine: &Netns) -> Result<(), WireError> {
    machine.run(task::loopback_up)?
}

/// Renames the link with this MAC, as udev does when a NIC has come. It may have been taken away before.
pub(crate) fn rename(machine: &Netns, mac: MacAddr, name: &str) -> Result<(), WireError> {
    machine.run(|| task::rename(mac, name))?
}

/// A running VPC namespace.
#[derive(Debug)]
pub(crate) struct Wire {
    orders: UnboundedSender<Call>,
    thread: Option<JoinHandle<()>>,
    netns: Netns,
}

impl Wire {
    /// Starts the thread, in a namespace that it makes or in the given one.
    pub(crate) fn start(place: Option<Netns>, returns: Arc<Returns>) -> Result<Self, WireError> {
        let (orders, calls) = unbounded_channel();
        let (ready, started) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("vpc".into())
            .spawn(move || task::main(place, returns, calls, &ready))
            .map_err(WireError::Thread)?;
        let netns = started.recv().map_err(|_| WireError::Stopped)??;
        Ok(Self { orders, thread: Some(thread), netns })
    }

    pub(crate) fn netns(&self) -> &Netns {
        &self.netns
    }

    pub(crate) fn add_segment(&self, segment: Segment) -> Result<(), WireError> {
        self.call(Order::AddSegment(segment)).map(drop)
    }

    pub(crate) fn plug(&self, port: Port) -> Result<(), WireError> {
        self.call(Order::Plug(Box::new(port))).map(drop)
    }

    pub(crate) fn unplug(&self, eni: EniId) -> Result<(), WireError> {
        self.call(Order::Unplug(eni)).map(drop)
    }

    pub(crate) fn allow(&self, eni: EniId, allowed: Allowed) -> Result<(), WireError> {
        self.call(Order::Allow(eni, allowed)).map(drop)
    }

    pub(crate) fn return_as(&self, eni: EniId, name: String) -> Result<(), WireError> {
        self.call(Order::ReturnAs(eni, name)).map(drop)
    }

    pub(crate) fn keep(&self) -> Result<(), WireError> {
        self.call(Order::Keep).map(drop)
    }

    pub(crate) fn drops(&self, eni: EniId) -> Result<Drops, WireError> {
        match self.call(Order::Drops(eni))? {
            Answer::Drops(drops) => Ok(drops),
            Answer::Done => Ok(Drops::default()),
        }
    }

    /// Takes every link down and ends the thread.
    pub(crate) fn stop(mut self) -> Result<(), WireError> {
        let answer = self.call(Order::Stop).map(drop);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(WireError::Stopped),
            Some(Ok(())) | None => answer,
        }
    }

    fn call(&self, order: Order) -> Result<Answer, WireError> {
        let (answer, answered) = mpsc::channel();
        self.orders.send(Call { order, answer }).map_err(|_| WireError::Stopped)?;
        answered.recv().map_err(|_| WireError::Stopped)?
    }
}
