//! Keeps a node's pools of ENIs in step with EC2: makes, attaches, tends, detaches and deletes the ENIs that the node's NodeENI
//! manifests ask for, and gives plugins one when their pool is empty.

mod agent;
mod api;
mod apply;
mod cli;
mod cluster;
mod declared;
mod devices;
mod install;
mod kernel;
mod kubernetes;
mod learn;
mod life;
mod observe;
mod once;
mod plan;
mod run;
mod seen;
mod socket;
#[cfg(test)]
mod storm;
mod tags;
mod text;
mod view;

fn main() -> std::process::ExitCode {
    node::pci::written_apart().unwrap_or_else(cli::main)
}
