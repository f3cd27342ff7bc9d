//! `multi-eni`: a CNI plugin that gives a pod a whole ENI.
//!
//! It takes an ENI that the node has, moves its link into the pod, gives it the addresses that its IPAM plugin answers
//! with, and on DEL puts everything back as it was. A runtime starts it with the environment and the configuration of the
//! CNI specification; started by hand without `CNI_COMMAND` it says its versions.

mod add;
mod answer;
mod asking;
mod check;
mod choose;
mod claim;
mod config;
mod del;
mod device_info;
mod error;
mod gc;
mod hand_over;
mod ipam;
mod lookout;
mod node_here;
mod observe;
mod plan;
mod status;
mod take_down;

use cni::{About, AddRequest, CheckRequest, CniResult, Death, DelRequest, GcRequest, Plugin, StatusRequest};
use node::logger::Logger;
use node::notes::{self, Note};
use std::process::ExitCode;

static LOGGER: Logger = Logger::new("multi-eni");

struct MultiEni;

impl Plugin for MultiEni {
    fn about(&self) -> About {
        About { name: "multi-eni", line: "gives a pod a whole ENI" }
    }

    async fn add(&self, request: &AddRequest) -> Result<CniResult, cni::Error> {
        Ok(add::run(request).await?)
    }

    async fn del(&self, request: &DelRequest) -> Result<(), cni::Error> {
        Ok(del::run(request).await?)
    }

    async fn check(&self, request: &CheckRequest) -> Result<(), cni::Error> {
        Ok(check::run(request).await?)
    }

    async fn gc(&self, request: &GcRequest) -> Result<(), cni::Error> {
        Ok(gc::run(request).await?)
    }

    async fn status(&self, request: &StatusRequest) -> Result<(), cni::Error> {
        Ok(status::run(request).await?)
    }

    fn died(&self, death: &Death<'_>) {
        let owner = death.attachment.map(node_here::owner);
        let note = Note::now("multi-eni", death.verb, owner, &death.error.msg);
        notes::leave(&Note { details: death.error.details.clone(), ..note });
    }
}

fn main() -> ExitCode {
    node::pci::written_apart().unwrap_or_else(|| {
        LOGGER.install();
        cni::run(&MultiEni)
    })
}
