//! Why no device was chosen: what is said, and with which code.

use cni::Code;
use node::device::Device;
use node::inventory::State;
use node::names::{PciAddr, PoolName};
use node::record::Owner;

/// Why no device was chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the network configuration names no device: set pool, eni, mac, device or deviceID")]
    NothingAsked,
    #[error("the network configuration names different devices: {0} and {1}")]
    Disagreement(Device, Device),
    #[error("more than one device of this node is meant: {0} and {1}; name one by eni or deviceID")]
    Ambiguous(Device, Device),
    #[error("this node has no device {asked}")]
    Unknown { asked: String, may_come: bool },
    #[error("{device} may not be taken: {why}")]
    NotOurs { device: Device, why: String },
    #[error("{device} is {state}: try again")]
    NotReady { device: Device, state: State },
    #[error("{device} is asked for by {asker}, but {holder} has it{}", if *.same_pod { ", its pod's earlier sandbox: try again" } else { "" })]
    Held { device: Device, holder: String, asker: String, same_pod: bool },
    #[error("the driver of {0} is being changed: try again")]
    Changing(Device),
    #[error(transparent)]
    Unfit(node::pci::Refusal),
    #[error("{0} is in the hands of another call: try again")]
    InProgress(Owner),
    #[error("what {owner} had before, {device}, is not wholly given back yet: try again")]
    Unfinished { owner: Owner, device: Device },
    #[error("{device} is not on the host, and no record says who has it")]
    Away { device: Device },
    #[error("{device} is in the hands of {driver} and has no link: mode vfio-pci with its deviceID takes it as it is")]
    InUserSpace { device: Device, driver: String },
    #[error(
        "nothing is known of the device at {address} but its driver {driver}: only ENIs of the inventory are taken without a link"
    )]
    Nameless { address: PciAddr, driver: String },
    #[error(
        "the devices of pool {pool} are given out by the kubelet as {resource}: the pod has to ask for that, and Multus to pass its deviceID on"
    )]
    GivenOut { pool: PoolName, resource: String },
    #[error("pool {pool} has no ENI on this node{}", if *.agent_was_here { "" } else { ", and no agent has finished a pass: try again" })]
    EmptyPool { pool: PoolName, agent_was_here: bool },
    #[error("pool {pool} has no free ENI on this node: {held} in use, {unready} not ready, {refused} refused{}", why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default())]
    Exhausted { pool: PoolName, held: usize, unready: usize, refused: usize, why: Option<String> },
}

impl Refusal {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::NothingAsked | Self::Disagreement(..) | Self::Ambiguous(..) | Self::GivenOut { .. } => Code::CONFIG,
            Self::Unknown { may_come: false, .. } => Code::CONFIG,
            Self::NotOurs { .. } | Self::Nameless { .. } => Code::NOT_OURS,
            Self::Unfit(_) => Code::IOMMU,
            Self::Held { same_pod: false, .. } | Self::Away { .. } | Self::InUserSpace { .. } => Code::DEVICE_BUSY,
            Self::Unknown { may_come: true, .. }
            | Self::Held { same_pod: true, .. }
            | Self::NotReady { .. }
            | Self::Changing(_)
            | Self::InProgress(_)
            | Self::Unfinished { .. }
            | Self::EmptyPool { .. }
            | Self::Exhausted { .. } => Code::TRY_AGAIN,
        }
    }

    /// The pool that has nothing to give, if that is why.
    pub(crate) fn lacking_pool(&self) -> Option<&PoolName> {
        match self {
            Self::EmptyPool { pool, .. } | Self::Exhausted { pool, .. } => Some(pool),
            Self::NothingAsked
            | Self::Disagreement(..)
            | Self::Ambiguous(..)
            | Self::Unknown { .. }
            | Self::NotOurs { .. }
            | Self::NotReady { .. }
            | Self::Changing(_)
            | Self::Unfit(_)
            | Self::Held { .. }
            | Self::InProgress(_)
            | Self::Unfinished { .. }
            | Self::Away { .. }
            | Self::InUserSpace { .. }
            | Self::Nameless { .. }
            | Self::GivenOut { .. } => None,
        }
    }
}
