//! What `install/` has: manifests with the least rights, an image, and the installer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic that says what went wrong is how a test fails")]

mod confined;
mod image;
mod installer;
mod manifests;
mod rights;
mod units;
