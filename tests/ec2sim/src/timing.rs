//! How long EC2 takes.

use std::time::Duration;

/// How old an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// Always so old.
    Fixed(Duration),
    /// Between nothing and this, by the seed.
    UpTo(Duration),
}

/// The delays of what happens after a call. None is longer than ten minutes in effect for [`Timing::describe_lag`] and
/// [`Timing::metadata`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From Create until the ENI is `available`.
    pub available: Duration,
    /// From Create until the other calls find the ENI: before, it is `InvalidNetworkInterfaceID.NotFound`.
    pub visible: Duration,
    /// From Attach until the machine shows the NIC.
    pub plug: Duration,
    /// From then until udev has renamed its link.
    pub rename: Duration,
    /// From Attach until the attachment is `attached`.
    pub attach: Duration,
    /// From Detach until the machine loses the NIC.
    pub unplug: Duration,
    /// From Detach until the ENI is `available` again.
    pub detach: Duration,
    /// From TerminateInstances until the instance is `terminated` and its ENIs are gone or free.
    pub terminate: Duration,
    /// How far the metadata service is behind.
    pub metadata: Duration,
    /// How far DescribeNetworkInterfaces is behind.
    pub describe_lag: Lag,
}

impl Timing {
    /// Everything at once.
    #[must_use]
    pub const fn instant() -> Self {
        Self {
            available: Duration::ZERO,
            visible: Duration::ZERO,
            plug: Duration::ZERO,
            rename: Duration::ZERO,
            attach: Duration::ZERO,
            unplug: Duration::ZERO,
            detach: Duration::ZERO,
            terminate: Duration::ZERO,
            metadata: Duration::ZERO,
            describe_lag: Lag::Fixed(Duration::ZERO),
        }
    }

    /// About what a region does on a good day.
    #[must_use]
    pub const fn realistic() -> Self {
        Self {
            available: Duration::from_millis(800),
            visible: Duration::ZERO,
            plug: Duration::from_millis(1_200),
            rename: Duration::from_millis(80),
            attach: Duration::from_millis(2_000),
            unplug: Duration::from_millis(1_500),
            detach: Duration::from_millis(5_000),
            terminate: Duration::from_secs(20),
            metadata: Duration::from_millis(1_500),
            describe_lag: Lag::UpTo(Duration::from_secs(2)),
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::instant()
    }
}
