//! The command line.

mod ask;
mod check;
mod install;
pub(crate) mod output;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use node::settings::{Manifests, PATH_VARIABLE, Settings};

use self::output::{Format, fail};
use crate::api::crds;
use crate::view::Asked;
use crate::{cluster, once, run};

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
    /// Look after the whole cluster: NodeENIs' status and end, and ENIs of nodes that are gone; a Deployment of two
    Cluster,
    /// Print the CRDs of NodeENI and ENINode, as `kubectl apply` takes them
    Crds,
    /// Put the plugins and their settings on this host
    Install(install::InstallArgs),
    /// Remove what was installed, as far as it is as it was installed
    Uninstall(install::UninstallArgs),
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

/// Runs what the arguments say. What does not work with the node's settings does not read them: they may be wrong, or none.
pub(crate) fn main() -> ExitCode {
    let Cli { node_toml, pools, command } = Cli::parse();
    let settings = || settings(node_toml.as_deref(), pools);
    let done = |()| ExitCode::SUCCESS;
    let outcome = match command {
        Command::Run => settings().and_then(run::run).map(done),
        Command::Cluster => settings().and_then(|settings| cluster::run(&settings)).map(done),
        Command::Once(args) if args.acquire => settings().and_then(once::acquire).map(done),
        Command::Once(args) => {
            settings().and_then(|settings| once::once(settings, Duration::from_secs(args.timeout))).map(done)
        }
        Command::Plan => settings().and_then(once::plan).map(done),
        Command::Status(shown) => settings().and_then(|settings| ask::status(&settings, shown.output)),
        Command::Explain(args) => settings().and_then(|settings| ask::explain(&settings, &args.pod, args.output)),
        Command::Check(shown) => settings().and_then(|settings| check::check(&settings, shown.output)),
        Command::Crds => return print_crds().unwrap_or_else(|error| fail(&error)),
        Command::Install(args) => install::install(&args),
        Command::Uninstall(args) => install::uninstall(&args),
    };
    outcome.unwrap_or_else(|error| fail(&error))
}

fn print_crds() -> Result<ExitCode, crds::Error> {
    output::show(&crds::yaml()?);
    Ok(ExitCode::SUCCESS)
}

fn settings(node_toml: Option<&Path>, pools: Option<PathBuf>) -> Result<Settings, run::Error> {
    let mut settings = node_toml.map_or_else(Settings::of_node, Settings::read)?;
    if let Some(pools) = pools {
        settings.agent.pools_dir = pools;
        settings.agent.manifests = Manifests::Folder;
    }
    Ok(settings)
}
