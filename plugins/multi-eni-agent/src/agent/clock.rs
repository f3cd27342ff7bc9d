//! What time it is: seconds since the boot, the clock of all records.

use node::boot::seconds_since_boot;

/// A clock that never goes back and that nobody sets.
pub(crate) trait Clock: Clone + Send + Sync + 'static {
    /// Seconds since the boot.
    fn now(&self) -> u64;
}

/// The kernel's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BootClock(());

impl BootClock {
    /// The clock, if the kernel has it.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn new() -> std::io::Result<Self> {
        seconds_since_boot().map(|_| Self(()))
    }
}

impl Clock for BootClock {
    fn now(&self) -> u64 {
        // It was there when the process began, and no kernel takes it away.
        seconds_since_boot().unwrap_or_default()
    }
}
