//! `install` and `uninstall`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use node::settings::{Attach, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::show;
use crate::install::{self, Installation, Network, Places, Programs, Readiness, Waiting};
use crate::run::{Error, runtime};

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// The folder of the programs, instead of this program's own
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Put the agent's own program there, too, as is done with `attach = "once"`
    #[arg(long)]
    agent: bool,
    /// The node's settings: what is to be /etc/multi-eni/node.toml
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A network configuration list; it is put in its place last, and only when the agent is ready
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// How long the agent may take to be ready, in seconds; with --stay, it is waited for until it is
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Stay until told to end, as a container beside the agent; all stays in place then, so that an update has no gap
    #[arg(long)]
    stay: bool,
    /// Remove all when told to end
    #[arg(long, requires = "stay")]
    remove_at_end: bool,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Args)]
pub(super) struct UninstallArgs {
    /// Stay until told to end, as a container that a cluster has on every node
    #[arg(long)]
    stay: bool,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Args)]
struct HostArgs {
    /// Where the host's file system is; elsewhere in a container
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// The host's folder of CNI plugins
    #[arg(long, value_name = "DIR", default_value = "/opt/cni/bin")]
    bin_dir: PathBuf,
    /// The host's folder of network configurations
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    conf_dir: PathBuf,
}

impl HostArgs {
    fn places(&self) -> Places {
        Places { root: self.root.clone(), programs: self.bin_dir.clone(), networks: self.conf_dir.clone() }
    }
}

pub(super) fn install(args: &InstallArgs) -> Result<ExitCode, Error> {
    runtime()?.block_on(async {
        let mut end = End::listen()?;
        let whole = async {
            all(args).await?;
            if args.stay {
                std::future::pending::<()>().await;
            }
            Ok::<_, Error>(ExitCode::SUCCESS)
        };
        let told = if args.stay { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        let code = tokio::select! {
            done = whole => done?,
            () = end.told() => told,
        };
        if args.remove_at_end {
            remove(args.host.places()).await?;
        }
        Ok(code)
    })
}

pub(super) fn uninstall(args: &UninstallArgs) -> Result<ExitCode, Error> {
    runtime()?.block_on(async {
        let mut end = End::listen()?;
        remove(args.host.places()).await?;
        if args.stay {
            end.told().await;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What can be wrong is read before anything is written.
async fn all(args: &InstallArgs) -> Result<(), Error> {
    let places = args.host.places();
    let network = args.network.as_deref().map(Network::read).transpose().map_err(install::Error::from)?;
    let settings = args.settings.as_deref().map(Settings::read).transpose().map_err(install::Error::from)?;
    let from = args.from.clone().map_or_else(own_folder, Ok)?;
    // Programs before their settings, of which older ones might not know a key.
    let mut installation = Installation::begin(places.clone()).await?;
    let attach = match &settings {
        Some(settings) => settings.attach,
        None => places.settings().map_err(install::Error::from)?.attach,
    };
    let with = if args.agent || attach == Attach::Once { Programs::WithAgent } else { Programs::Plugins };
    installation.programs(&from, with)?.iter().for_each(say);
    if let Some(path) = &args.settings {
        say(&installation.settings(path)?);
    }
    // Another may install while the agent is waited for.
    drop(installation);
    let Some(network) = network else { return Ok(()) };
    let readiness = Readiness::of(&places.settings().map_err(install::Error::from)?)?;
    let waiting = if args.stay { Waiting::On } else { Waiting::Within(Duration::from_secs(args.timeout)) };
    readiness.wait(waiting, |said| say(&format_args!("waiting for the agent: {said}"))).await?;
    say(&Installation::begin(places).await?.network(&network)?);
    Ok(())
}

async fn remove(places: Places) -> Result<(), Error> {
    let mut installation = Installation::begin(places).await?;
    install::remove(&mut installation)?.iter().for_each(say);
    Ok(())
}

fn say(line: &impl std::fmt::Display) {
    show(&format!("{line}\n"));
}

/// Where the programs of an image or a release lie beside each other.
fn own_folder() -> Result<PathBuf, Error> {
    let program = std::env::current_exe().map_err(Error::Program)?;
    Ok(program.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// SIGTERM and SIGINT, heard from here on: the first process of a container dies of neither by itself.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::Signals);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
