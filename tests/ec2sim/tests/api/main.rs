//! The EC2 API as a model, in a region on paper: no kernel, no root, and a clock that the test moves. Beside each rule
//! stands where EC2's documentation says it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails as the test does")]

mod addresses;
mod attaching;
mod creating;
mod describing;
mod ending;
mod faults;
mod hardware;
mod installed_policy;
mod invariants;
mod lifecycle;
mod many;
mod permissions;
mod region;
mod throttling;
mod virtual_time;
