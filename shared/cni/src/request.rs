//! What a plugin is asked to do, one type for each verb.

use std::fmt;
use std::path::PathBuf;

use crate::{ContainerId, Environment, IfName, Interrupt, NetworkConfig, NetworkName};

/// One interface of one container in one network: what the specification calls an attachment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attachment {
    /// `name` of the configuration.
    pub network: NetworkName,
    /// `CNI_CONTAINERID`
    pub container_id: ContainerId,
    /// `CNI_IFNAME`
    pub ifname: IfName,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.network, self.container_id, self.ifname)
    }
}

/// ADD: make the attachment.
#[derive(Clone, Debug)]
pub struct AddRequest {
    /// Which attachment.
    pub attachment: Attachment,
    /// `CNI_NETNS`
    pub netns: PathBuf,
    /// The configuration.
    pub config: NetworkConfig,
    /// The rest of the environment.
    pub environment: Environment,
    /// Raised when the runtime wants it to stop.
    pub interrupt: Interrupt,
}

/// DEL: undo the attachment, however little of it there is.
#[derive(Clone, Debug)]
pub struct DelRequest {
    /// Which attachment.
    pub attachment: Attachment,
    /// `CNI_NETNS`, if the runtime still has one.
    pub netns: Option<PathBuf>,
    /// The configuration.
    pub config: NetworkConfig,
    /// The rest of the environment.
    pub environment: Environment,
    /// Raised when the runtime wants it to stop.
    pub interrupt: Interrupt,
}

/// CHECK: verify the attachment against `config.prev_result`, which is always there.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// Which attachment.
    pub attachment: Attachment,
    /// `CNI_NETNS`
    pub netns: PathBuf,
    /// The configuration.
    pub config: NetworkConfig,
    /// The rest of the environment.
    pub environment: Environment,
    /// Raised when the runtime wants it to stop.
    pub interrupt: Interrupt,
}

/// GC: free what belongs to no valid attachment of this network.
#[derive(Clone, Debug)]
pub struct GcRequest {
    /// The attachments that are still valid. None where the runtime did not say, which is not the same as an empty list.
    pub valid: Option<Vec<(ContainerId, IfName)>>,
    /// The configuration.
    pub config: NetworkConfig,
    /// The rest of the environment.
    pub environment: Environment,
    /// Raised when the runtime wants it to stop.
    pub interrupt: Interrupt,
}

/// STATUS: could an ADD be serviced now?
#[derive(Clone, Debug)]
pub struct StatusRequest {
    /// The configuration.
    pub config: NetworkConfig,
    /// The rest of the environment.
    pub environment: Environment,
    /// Raised when the runtime wants it to stop.
    pub interrupt: Interrupt,
}
