//! EC2, a VPC, an instance and its metadata service on this machine, until SIGTERM or SIGINT.
//!
//! One JSON document on stdout says that everything is up: where the EC2 API, the metadata service and the simulator's own
//! endpoint listen, the environment that a client of AWS needs, the ENIs with all that EC2 would know of them. Attached by
//! a call, an ENI becomes a link of the machine: first under the kernel's name, then renamed as udev does. Nothing is
//! written elsewhere, but the mounts of the namespaces that are asked for by name; they go when the program does. Needs
//! root, and `nft` of the package nftables.

mod description;
mod named;
mod raise;
mod small;
mod stderr;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use description::{Description, Timing};
use small::{Company, small};

#[derive(Debug, Parser)]
#[command(name = "ec2sim", about, long_about = None)]
pub(crate) struct Arguments {
    /// What to bring up, TOML or (by its ending .json) JSON; a small VPC with dual-stack ENIs unless given
    #[arg(long, value_name = "FILE")]
    description: Option<PathBuf>,
    /// How many ENIs the small VPC gives to the instance, beside its primary one
    #[arg(long, value_name = "N", default_value_t = 2, conflicts_with = "description")]
    enis: u32,
    /// The small VPC has ENIs of others, too: one of amazon-vpc-cni, one of EFA, a user's
    #[arg(long, conflicts_with = "description")]
    others: bool,
    /// The namespace that plays the machine, made if there is none of this name; the caller's unless given
    #[arg(long, value_name = "NAME")]
    host_netns: Option<String>,
    /// The namespace that plays the VPC, made if there is none of this name; one without a name unless given
    #[arg(long, value_name = "NAME")]
    fabric_netns: Option<String>,
    /// Where the metadata service listens, in the machine's namespace
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    imds: String,
    /// Where the EC2 API listens, in the machine's namespace
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    ec2: String,
    /// Where the simulator's own endpoint listens, in the caller's namespace: its / tells what it can
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    control: String,
    /// How long EC2 takes for what it does; realistic unless the description says otherwise
    #[arg(long, value_enum)]
    timing: Option<Timing>,
    /// An IAM policy to evaluate on every call; everything is allowed unless given
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What chance is made of
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Also write the environment of a client here, in lines that a shell can source
    #[arg(long, value_name = "FILE")]
    environment: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    stderr::log_there();
    let description = describe(&arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&arguments, &description))
}

fn describe(arguments: &Arguments) -> Result<Description> {
    let Some(path) = &arguments.description else {
        let company = if arguments.others { Company::Others } else { Company::Ours };
        return Ok(small(arguments.enis, company));
    };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let json = path.extension().is_some_and(|ending| ending == "json");
    Description::read(&text, json).with_context(|| format!("cannot understand {}", path.display()))
}

async fn run(arguments: &Arguments, description: &Description) -> Result<()> {
    // Before anything is made: from here on a signal ends in the taking down.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let places = raise::Places::open(arguments.host_netns.as_deref(), arguments.fabric_netns.as_deref())?;
    let raised = raise::raise(description, &places, arguments)?;
    if let Some(path) = &arguments.environment {
        fs::write(path, raised.exports()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    answer(&raised.report(&places)?)?;
    stderr::tell(&raised.summary(&places)?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
    raised.take_down()
}

/// The one place that writes to stdout.
fn answer(report: &serde_json::Value) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{report:#}")?;
    Ok(stdout.flush()?)
}
