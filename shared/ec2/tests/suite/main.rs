//! The client as its callers see it: over endpoints that a test scripts, over a wire that a test answers, and over the
//! simulated metadata service.

#![cfg(test)]

mod compiled_once;
mod errands;
mod fleet;
mod imds;
mod scripted;
mod server;
mod simulated;
mod wire;
