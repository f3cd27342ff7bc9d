//! What the cluster agent does. Each can be done twice, or by two holders of the Lease at once, and is then done once: a status and a
//! finalizer are written on the version that was seen, and EC2 deletes no ENI that is attached.

use std::collections::BTreeSet;
use std::fmt;

use ec2::NetworkInterfaceId;

use super::listed::Listed;
use super::world::NodeEni;
use crate::api::NodeEniStatus;

/// A NodeENI that is written to, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: String,
    pub(crate) finalizers: Vec<String>,
}

impl Target {
    pub(crate) fn of(node_eni: &NodeEni) -> Self {
        let NodeEni { name, uid, version, finalizers, .. } = node_eni.clone();
        Self { name, uid, version, finalizers }
    }
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Ask whether aws-multi-eni-controller is at work.
    AskForOriginal,
    /// Have a NodeENI wait for its ENIs when it is deleted.
    AddFinalizer(Target),
    /// Say what became of a NodeENI; with what is not ours to change as it stands.
    WriteStatus { of: Target, status: Box<NodeEniStatus>, untouched: Option<Listed> },
    /// Ask EC2 for the ENIs of a NodeENI that is deleted.
    AskForEnis { name: String, uid: String },
    /// Let a NodeENI go.
    RemoveFinalizer(Target),
    /// Ask EC2 for the ENIs of the cluster that are attached to nothing, and for their instances.
    Survey,
    /// Delete an ENI that nobody looks after.
    Delete(NetworkInterfaceId),
}

/// What an action is about: it is not begun while another of the same is under way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Of the cluster as a whole.
    Cluster(&'static str),
    /// Of the NodeENI of this UID.
    NodeEni(&'static str, String),
    /// Of an ENI.
    Eni(NetworkInterfaceId),
}

impl Action {
    /// A word for it, as labels of metrics have it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::AskForOriginal => "ask-for-original",
            Self::AddFinalizer(_) => "add-finalizer",
            Self::WriteStatus { .. } => "write-status",
            Self::AskForEnis { .. } => "ask-for-enis",
            Self::RemoveFinalizer(_) => "remove-finalizer",
            Self::Survey => "survey",
            Self::Delete(_) => "sweep",
        }
    }

    pub(crate) fn key(&self) -> Key {
        let kind = self.kind();
        match self {
            Self::AskForOriginal | Self::Survey => Key::Cluster(kind),
            Self::AddFinalizer(of) | Self::RemoveFinalizer(of) | Self::WriteStatus { of, .. } => {
                Key::NodeEni(kind, of.uid.clone())
            }
            Self::AskForEnis { uid, .. } => Key::NodeEni(kind, uid.clone()),
            Self::Delete(id) => Key::Eni(id.clone()),
        }
    }
}

impl Key {
    /// Whether it is about one of these NodeENIs, or about none at all.
    pub(super) fn is_of_none_but(&self, uids: &BTreeSet<&str>) -> bool {
        match self {
            Self::NodeEni(_, uid) => uids.contains(uid.as_str()),
            Self::Cluster(_) | Self::Eni(_) => true,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AskForOriginal => f.write_str("ask whether aws-multi-eni-controller is at work"),
            Self::AddFinalizer(of) => write!(f, "add the finalizer to NodeENI {}", of.name),
            Self::WriteStatus { of, .. } => write!(f, "write the status of NodeENI {}", of.name),
            Self::AskForEnis { name, .. } => write!(f, "ask EC2 for the ENIs of NodeENI {name}"),
            Self::RemoveFinalizer(of) => write!(f, "let NodeENI {} go: EC2 has none of its ENIs", of.name),
            Self::Survey => f.write_str("ask EC2 for ENIs of the cluster that are attached to nothing"),
            Self::Delete(id) => write!(f, "delete {id}, whose instance is gone"),
        }
    }
}
