//! The Query protocol over a real socket. That an SDK of AWS understands the answers is for those who use one to show.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod client;
mod protocol;
