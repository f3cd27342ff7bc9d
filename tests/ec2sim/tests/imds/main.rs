//! The metadata service over real sockets, in the namespace of the machine that it serves. Needs root and `nft`.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod client;
mod faults;
mod tokens;
mod tree;
