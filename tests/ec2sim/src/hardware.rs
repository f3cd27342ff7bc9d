//! The machine's side of an attachment: a NIC that appears, gets its name from udev, and goes.

use std::fmt;
use std::sync::Arc;

use crate::facts::EniFacts;

/// A NIC of an instance, when something happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// The ENI; its `attachment` says on which instance, in which slot and under which name.
    pub eni: EniFacts,
    /// The link's name at this moment: the kernel's at first, and then that of `attachment.host_name`.
    pub link_name: String,
}

/// Who is told of NICs, beside a fabric's own kernel. Calls come one after the other, in the order of their times, and
/// outside every lock, so that an implementation may call the region.
pub trait Hardware: Send + Sync {
    /// The machine shows the NIC, down, under the kernel's name.
    fn plug(&self, nic: &Nic);
    /// udev has given the link its name.
    fn renamed(&self, nic: &Nic);
    /// The NIC is gone, wherever its link was.
    fn unplug(&self, nic: &Nic);
}

#[derive(Clone, Default)]
pub(crate) struct Board(pub(crate) Option<Arc<dyn Hardware>>);

impl fmt::Debug for Board {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "Board(..)" } else { "Board(none)" })
    }
}

/// What is to happen to a machine, in this order.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Plug(Nic),
    Rename(Nic),
    Unplug(Nic),
    /// The VPC's guard over an ENI's sources.
    Allow(Nic),
}
