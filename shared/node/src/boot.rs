//! Which boot of the machine this is, and how long it has lasted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The random identity of a boot (`/proc/sys/kernel/random/boot_id`, random(4)). What was written under another one is
/// about pods that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootId(String);

impl BootId {
    /// That of this boot.
    ///
    /// # Errors
    /// That of reading the kernel's file.
    pub fn current() -> std::io::Result<Self> {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| Self(text.trim().to_string()))
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Seconds since the machine booted, suspension included (`CLOCK_BOOTTIME`, clock_gettime(2)): a clock that nobody sets.
///
/// # Errors
/// The system's; no kernel that runs this lacks the clock.
pub fn seconds_since_boot() -> std::io::Result<u64> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)?;
    Ok(u64::try_from(time.tv_sec()).unwrap_or_default())
}
