//! The command line.

mod ask;
mod check;
pub(crate) mod output;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use node::settings::{Manifests, PATH_VARIABLE, Settings};

use self::output::{Format, fail};
use crate::api::crds;
use crate::view::Asked;
use crate::{once, run};

/// Keeps a node's pools of ENIs in step with EC2.
#[derive(Debug, Parser)]
#[command(name = "multi-eni-agent", version, about)]
struct Cli {
    /// The node's settings
    #[arg(long, global = true, env = PATH_VARIABLE, value_name = "FILE")]
    node_toml: Option<PathBuf>,
    /// The folder of NodeENI manifests, instead of that of the settings or of Kubernetes
    #[arg(long, global = true, value_name = "DIR")]
    pools: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep the pools until told to end
    Run,
    /// Do what is to be done now, and end; for a node without a daemon
    Once(OnceArgs),
    /// Show the node's pools, ENIs, owners, and what waits and why
    Status(Shown),
    /// Say what a pod has on this node, and what it waits for
    Explain(ExplainArgs),
    /// Check the settings and the manifests, without EC2
    Check(Shown),
    /// Show what would be done now, and from what; nothing is changed
    Plan,
    /// Print the CRDs of NodeENI and ENINode, as `kubectl apply` takes them
    Crds,
}

#[derive(Debug, Args)]
struct OnceArgs {
    /// Answer one request of a plugin, from stdin to stdout
    #[arg(long)]
    acquire: bool,
    /// How long it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

#[derive(Debug, Args)]
struct Shown {
    /// How it is shown
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The pod, as namespace/name, its UID, or the beginning of a container id
    pod: Asked,
    /// How it is shown
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// Runs what the arguments say.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    // What no node's settings say anything about.
    if let Command::Crds = cli.command {
        return print_crds().unwrap_or_else(|error| fail(&error));
    }
    let mut settings = match cli.node_toml.as_ref().map_or_else(Settings::of_node, |path| Settings::read(path)) {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    if let Some(pools) = cli.pools {
        settings.agent.pools_dir = pools;
        settings.agent.manifests = Manifests::Folder;
    }
    let outcome = match cli.command {
        Command::Run => run::run(settings).map(|()| ExitCode::SUCCESS),
        Command::Once(args) if args.acquire => once::acquire(settings).map(|()| ExitCode::SUCCESS),
        Command::Once(args) => once::once(settings, Duration::from_secs(args.timeout)).map(|()| ExitCode::SUCCESS),
        Command::Plan => once::plan(settings).map(|()| ExitCode::SUCCESS),
        Command::Status(shown) => ask::status(&settings, shown.output),
        Command::Explain(args) => ask::explain(&settings, &args.pod, args.output),
        Command::Check(shown) => check::check(&settings, shown.output),
        Command::Crds => return print_crds().unwrap_or_else(|error| fail(&error)),
    };
    outcome.unwrap_or_else(|error| fail(&error))
}

fn print_crds() -> Result<ExitCode, crds::Error> {
    output::show(&crds::yaml()?);
    Ok(ExitCode::SUCCESS)
}
