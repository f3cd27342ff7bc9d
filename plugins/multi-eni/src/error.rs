//! What can go wrong, and the CNI code of each.

use crate::choose::Refusal;
use cni::{Code, Signal};
use node::names::IfName;
use node::{files, ground, lock, logger, netlink, netns, pci, settings, store, take_down};
use std::path::PathBuf;

/// Why a verb was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The protocol's own, a delegate's among them: code, message and details stay.
    #[error(transparent)]
    Cni(#[from] cni::Error),
    /// `/etc/multi-eni/node.toml`.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// `logFile`.
    #[error(transparent)]
    Log(#[from] logger::Error),
    /// `/run/multi-eni`.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file beside the records.
    #[error(transparent)]
    File(#[from] files::Error),
    /// A lock that did not come within its bound.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The host's or the pod's namespace.
    #[error(transparent)]
    Netns(#[from] netns::Error),
    /// Reading the kernel.
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    /// A step.
    #[error(transparent)]
    Step(#[from] ground::Error),
    /// A device's PCI function.
    #[error(transparent)]
    Function(#[from] pci::Error),
    /// The choice of a device.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The namespace to move into is the one that the device is in.
    #[error("CNI_NETNS {} is the host's own namespace: a device cannot be moved into where it is", .0.display())]
    OwnNamespace(PathBuf),
    /// The name is taken in the pod.
    #[error("the pod has an interface {0} already: set interfaceName to another name")]
    NameTaken(IfName),
    /// A plan cannot be made of this configuration and this answer.
    #[error("{0}")]
    Plan(String),
    /// ADD took too long.
    #[error("ADD was not done within {seconds} s (timeoutSeconds), and was undone: try again")]
    TimedOut {
        /// The bound.
        seconds: u64,
    },
    /// The runtime wanted an end.
    #[error("{0} came, and ADD was undone: try again")]
    Interrupted(Signal),
    /// The kernel has not what it was given.
    #[error("after ADD the kernel has {0}: undone")]
    ReadBack(String),
    /// CHECK found a fault.
    #[error("{0}")]
    Check(String),
    /// STATUS found a reason.
    #[error("{0}")]
    NotAvailable(String),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::Cni(error) => error.code,
            Self::Settings(_) | Self::NameTaken(_) | Self::Plan(_) | Self::Log(logger::Error::Place { .. }) => {
                Code::CONFIG
            }
            Self::Log(logger::Error::File(_)) | Self::Store(_) | Self::File(_) => Code::IO,
            Self::Lock(lock::Error::Held { .. }) | Self::TimedOut { .. } | Self::Interrupted(_) => Code::TRY_AGAIN,
            Self::Lock(_) => Code::IO,
            Self::Netns(_) | Self::OwnNamespace(_) => Code::NETNS,
            Self::Step(ground::Error::Function { source, .. }) => of_function(source),
            Self::Function(error) => of_function(error),
            Self::Netlink(_) | Self::Step(_) | Self::ReadBack(_) => Code::INTERNAL,
            Self::Refused(refusal) => refusal.code(),
            Self::Check(_) => Code::NOT_AS_RECORDED,
            Self::NotAvailable(_) => Code::NOT_AVAILABLE,
        }
    }
}

fn of_function(error: &pci::Error) -> Code {
    match error {
        pci::Error::Refused(_) | pci::Error::NoNode { .. } => Code::IOMMU,
        pci::Error::InUse(_) | pci::Error::Absent(_) => Code::DEVICE_BUSY,
        pci::Error::Write { .. } | pci::Error::NotBound { .. } | pci::Error::StillBound { .. } => Code::DRIVER_BIND,
        pci::Error::Read { .. } | pci::Error::Content { .. } | pci::Error::Node { .. } => Code::IO,
    }
}

impl From<Error> for cni::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Cni(error) => error,
            error => Self::from_chain(error.code(), &error),
        }
    }
}

impl From<take_down::Error> for Error {
    fn from(error: take_down::Error) -> Self {
        match error {
            take_down::Error::Store(error) => error.into(),
            take_down::Error::Lock(error) => error.into(),
            take_down::Error::Netns(error) => error.into(),
        }
    }
}
