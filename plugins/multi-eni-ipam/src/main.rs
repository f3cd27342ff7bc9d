//! `multi-eni-ipam`: answers with the addresses that EC2 has on an ENI.
//!
//! A CNI IPAM plugin, so it is another plugin's `ipam.type`:
//!
//! * Under `multi-eni`, which has put an ENI on record for the attachment, it answers with addresses of that ENI, by
//!   default the primary ones.
//! * Under `ipvlan` (or `macvlan` in mode `passthru`) whose `master` is an ENI of a shared pool, it gives each
//!   attachment one secondary address of each family for its own, and lets it rest for a while when it comes back.
//!
//! Addresses, subnets and VPCs are those of the node's inventory, so no verb calls EC2. Gateways are the subnet's
//! second address and `fe80:ec2::1`.
//!
//! Keys of `ipam`: `addresses` (`"primary"`, `"all"` or a number), `families` (`["ipv4", "ipv6"]`), `defaultRoute`
//! (false), `vpcRoutes` (true), `routes` (a list of CNI routes), `chain` (a list of `ipam` objects of further plugins,
//! whose answers are added). Addresses that the runtime asks for come before `addresses`: `runtimeConfig.ips`, else
//! `args.cni.ips`, else `IP` of `CNI_ARGS`.
//!
//! Keys of the network configuration itself: `timeoutSeconds` (60, for each plugin of the chain), `statusOnExhaustion`
//! (false), `logFile`, `logLevel` (`info`).

mod add;
mod chain;
mod check;
mod config;
mod del;
mod error;
mod family;
mod gc;
mod ground;
mod observe;
mod plan;
mod requested;
mod reservation;
mod status;

use cni::{About, AddRequest, CheckRequest, CniResult, Death, DelRequest, GcRequest, Plugin, StatusRequest};
use node::logger::Logger;
use node::notes::{self, Note};
use std::process::ExitCode;

static LOGGER: Logger = Logger::new("multi-eni-ipam");

struct Ipam;

impl Plugin for Ipam {
    fn about(&self) -> About {
        About { name: "multi-eni-ipam", line: "answers with the addresses that EC2 has on an ENI" }
    }

    async fn add(&self, request: &AddRequest) -> Result<CniResult, cni::Error> {
        Ok(add::add(request).await?)
    }

    async fn del(&self, request: &DelRequest) -> Result<(), cni::Error> {
        error::collected(del::del(request).await)
    }

    async fn check(&self, request: &CheckRequest) -> Result<(), cni::Error> {
        Ok(check::check(request).await?)
    }

    async fn gc(&self, request: &GcRequest) -> Result<(), cni::Error> {
        error::collected(gc::gc(request).await)
    }

    async fn status(&self, request: &StatusRequest) -> Result<(), cni::Error> {
        Ok(status::status(request).await?)
    }

    fn died(&self, death: &Death<'_>) {
        let owner = death.attachment.map(ground::owner);
        let note = Note::now("multi-eni-ipam", death.verb, owner, &death.error.msg);
        notes::leave(&Note { details: death.error.details.clone(), ..note });
    }
}

fn main() -> ExitCode {
    LOGGER.install();
    cni::run(&Ipam)
}
