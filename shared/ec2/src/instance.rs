//! What becomes of an instance.

/// An instance's state (`InstanceState.name`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceState {
    /// Being started.
    Pending,
    /// Running.
    Running,
    /// On its way to `Stopped`.
    Stopping,
    /// Stopped: it may run again, with its ENIs.
    Stopped,
    /// On its way to `Terminated`.
    ShuttingDown,
    /// Gone for good. EC2 forgets it after about an hour (EC2, "Terminate your instance").
    Terminated,
    /// One that this project does not know.
    Other(String),
}

impl InstanceState {
    /// Whether it never runs again.
    pub fn is_over(&self) -> bool {
        match self {
            Self::ShuttingDown | Self::Terminated => true,
            Self::Pending | Self::Running | Self::Stopping | Self::Stopped | Self::Other(_) => false,
        }
    }
}
