//! Keeps a node's pools of ENIs in step with EC2.

mod declared;
mod kernel;
mod learn;
mod life;
mod observe;
mod plan;
mod seen;
mod tags;
mod view;

fn main() {}
