//! Writing to the files of a driver. Such a write may not end: the kernel lets an unbind wait until every process has closed
//! the device, and no signal ends that (`vfio_unregister_group_dev` in drivers/vfio/vfio_main.c).

use crate::names::PciAddr;
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// One write.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// The function that it is about.
    pub address: PciAddr,
    /// The file, which is there.
    pub path: &'a Path,
    /// All that is written.
    pub text: &'a str,
    /// How long its end is waited for.
    pub limit: Duration,
}

/// Why nothing is known to be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The kernel's word on it.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// It goes on, and nobody waits for it any more.
    #[error("it has not ended")]
    Late,
    /// An earlier one of the same function goes on: this one was not begun.
    #[error("an earlier one has not ended")]
    Earlier,
}

/// What comes of a write.
pub type Written<'a> = Pin<Box<dyn Future<Output = Result<(), WriteError>> + Send + 'a>>;

/// Something that writes.
pub trait Write: fmt::Debug + Send + Sync {
    /// Writes, and waits for the end of it as long as it may.
    fn write<'a>(&'a self, writing: Writing<'a>) -> Written<'a>;

    /// Whether a write of this function goes on though nobody waits for it any more. What sysfs shows of the function may be
    /// otherwise at any moment then.
    fn goes_on(&self, address: PciAddr) -> bool;
}
