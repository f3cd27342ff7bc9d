//! The client as its callers see it: over endpoints that a test scripts, over a wire that a test answers, over the
//! simulated EC2 and metadata service, and over an EC2 that others wrote.

#![cfg(test)]

mod compiled_once;
mod errands;
mod fleet;
mod imds;
mod moto;
mod scripted;
mod server;
mod simulated;
mod wire;
