//! The cluster agent: what no node's agent can do for itself. It says what became of each NodeENI, lets one that is deleted go when EC2
//! has none of its ENIs, and deletes what instances that are gone left behind. Of several, the holder of a Lease works; two at once do
//! no harm.

mod action;
mod agent;
mod aggregate;
mod api;
mod apply;
mod deletion;
mod election;
mod health;
mod lease;
mod listed;
mod memory;
mod original;
mod plan;
mod run;
mod shown;
mod sweep;
#[cfg(test)]
mod tests;
mod text;
mod watches;
mod world;

pub(crate) use run::{Error, run};
