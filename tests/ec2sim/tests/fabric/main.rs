//! The fabric against the kernel. Each test's machine is a namespace of its own; the links of a test live and die in it.
//! Needs root, `ip`, `ping` and `nft`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails as the test does")]

mod hot_plug;
mod machine;
mod reach;
mod returns;
mod spoofing;
mod take_down;
