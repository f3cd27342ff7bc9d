//! The agent as it is, in virtual time, on a simulated EC2 and a model of the machine.

mod bad_luck;
mod devices;
mod kubernetes;
pub(crate) mod machine;
mod names;
mod pools;
mod refusals;
pub(crate) mod region;
mod telling;
pub(crate) mod world;
