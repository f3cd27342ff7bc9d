//! `run`: the agent as the node's daemon, and what every way of running it stands on.

mod observer;
pub(crate) mod signals;

use std::sync::Arc;
use std::time::Duration;

use node::ask::{self, ListenError};
use node::lock::{self, Lock};
use node::pci::Bus;
use node::settings::{self, Manifests, Settings};
use node::store::{self, Store};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use self::observer::Watch;
use crate::agent::clock::BootClock;
use crate::agent::ledger::Ledger;
use crate::agent::site::Site;
use crate::agent::{self, Agent, Channels, Until, VERSION};
use crate::cluster;
use crate::declared::{Folder, NodeLabels, Objects};
use crate::devices::{self, Devices};
use crate::install;
use crate::kernel::{self, Host, Places};
use crate::kubernetes::{self, Cluster, Contact, Snapshot};
use crate::seen::health::{Dependencies, Health};
use crate::seen::http::{self, Pages};
use crate::seen::logs;
use crate::seen::metrics::Metrics;
use crate::socket;

/// The lock of the one agent of a node, in the folder of the store's locks.
pub(crate) const AGENT_LOCK: &str = "agent";
/// How long the metadata service may take to tell the region, which only the health page needs.
const REGION_LIMIT: Duration = Duration::from_secs(1);
/// How long the servers have to end after the loop has.
const SERVERS_END: Duration = Duration::from_secs(1);
/// Requests that the loop has not taken yet.
const ASKS: usize = 64;

/// The agent of this machine.
pub(crate) type NodeAgent = Agent<ec2::Client, Host, BootClock>;

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no runtime can be started")]
    Runtime(#[source] std::io::Error),
    #[error("this node's name cannot be read")]
    NodeName(#[source] std::io::Error),
    #[error("the time since the boot cannot be read")]
    Clock(#[source] std::io::Error),
    #[error("signals cannot be listened to")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Settings(#[from] settings::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Lock(#[from] lock::Error),
    #[error("another agent works on {0}: a node has one")]
    NotAlone(String),
    #[error(
        "manifests = \"kubernetes\" of node.toml is for `run`, and what is wrong with a NodeENI there its conditions say; for a \
         folder of manifests, name it with --pools"
    )]
    NeedsFolder,
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    #[error("an endpoint of node.toml cannot be used")]
    Endpoint(#[from] ec2::InvalidEndpoint),
    #[error("an endpoint of node.toml cannot be used")]
    Address(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    #[error("the agent's answer cannot be read or written")]
    Encode(#[source] serde_json::Error),
    #[error(transparent)]
    Ask(#[from] ask::Error),
    #[error("the agent refuses: {0}")]
    Refused(String),
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    #[error("stdin cannot be read")]
    Stdin(#[source] std::io::Error),
    #[error("what is asked on stdin is no request")]
    Request(#[source] ask::LineError),
    #[error(transparent)]
    Install(#[from] install::Error),
    #[error("it cannot be told where this program is")]
    Program(#[source] std::io::Error),
}

/// One thread is enough for what waits all the time, and takes the least of a node.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)
}

/// Keeps the node's pools until it is told to end.
pub(crate) fn run(settings: Settings) -> Result<(), Error> {
    let logger = logs::install(settings.agent.log_format, settings.agent.log_level);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        tokio::spawn(logger.write_counts());
        serve(settings).await
    });
    // A look at all processes that hangs must not keep the process.
    runtime.shutdown_background();
    log::logger().flush();
    outcome
}

async fn serve(settings: Settings) -> Result<(), Error> {
    let store = Arc::new(Store::open(&settings.state_dir)?);
    let _alone = alone(&store)?;
    let signals = signals::listen().map_err(Error::Signals)?;
    let (sender, asks) = mpsc::channel(ASKS);
    let pages = match settings.agent.listen {
        Some(listen) => Some(http::bind(&listen.to_string()).await?),
        None => None,
    };
    let listener = ask::listen(&settings.state_dir)?;
    let ec2 = ec2_address(&settings.agent).await;
    let mut site = site(settings, store, ec2.as_deref())?;
    let cluster = cluster(&site).await?;
    site.cluster = cluster.as_ref().map(|cluster| cluster.snapshot.clone());
    let shown = Pages { metrics: site.metrics.clone(), health: site.health.clone() };
    let service = devices::Service { devices: site.devices.clone(), asks: sender.clone(), clock: site.clock };
    let shows = cluster
        .as_ref()
        .map(|cluster| kubernetes::show(cluster, &site.store, &site.metrics, site.settings.agent.resync()));
    let watches = cluster.map(|cluster| kubernetes::keep(cluster, Arc::clone(&site.store), site.health.clone()));
    let mut agent = agent(site, Channels { asks, signals })?;
    if let Some((listeners, show)) = shows {
        agent = agent.heard_by(listeners);
        tokio::spawn(show);
    }
    log::info!("multi-eni-agent {VERSION} begins");
    // They end with the process: what they know is nowhere but here.
    watches.map(tokio::spawn);
    let (ending, end) = watch::channel(());
    let mut servers: Vec<JoinHandle<()>> = vec![tokio::spawn(socket::serve(listener, sender, ended(end.clone())))];
    servers.push(tokio::spawn(devices::serve(service, end.clone())));
    servers.extend(pages.map(|listener| tokio::spawn(http::serve(listener, shown, ended(end)))));
    let outcome = agent.run(Until::Told).await;
    drop(ending);
    for server in servers {
        // One that hangs ends with the process.
        drop(timeout(SERVERS_END, server).await);
    }
    log::info!("multi-eni-agent {VERSION} ends");
    Ok(outcome?)
}

/// The API server, where the manifests are with one.
async fn cluster(site: &Site<ec2::Client, Host, BootClock>) -> Result<Option<Cluster>, Error> {
    if site.settings.agent.manifests == Manifests::Folder {
        return Ok(None);
    }
    let contact = Contact { metrics: site.metrics.clone(), health: site.health.clone() };
    let client = kubernetes::connect(contact).await?;
    let snapshot = Snapshot::of(site.settings.cluster_id.clone());
    Ok(Some(Cluster { client, node: site.node.clone(), snapshot }))
}

async fn ended(mut end: watch::Receiver<()>) {
    // It changes never, and closes at the end.
    drop(end.changed().await);
}

/// The right to be this node's agent, for as long as it is held.
pub(crate) fn alone(store: &Store) -> Result<Lock, Error> {
    let lock = store.try_device_lock(AGENT_LOCK)?;
    lock.ok_or_else(|| Error::NotAlone(store.path().display().to_string()))
}

/// What the agent works with on this machine. EC2's address is for the health page alone.
pub(crate) fn site(
    settings: Settings,
    store: Arc<Store>,
    ec2_address: Option<&str>,
) -> Result<Site<ec2::Client, Host, BootClock>, Error> {
    let agent = &settings.agent;
    let classes: Vec<&'static str> = ec2::Class::ALL.into_iter().map(ec2::Class::as_str).collect();
    let metrics = Metrics::new(VERSION, &classes);
    let health = Health::new(dependencies(&settings, ec2_address)?, agent.resync() * 2);
    let options = options(agent, Arc::new(Watch { metrics: metrics.clone(), health: health.clone() }));
    let places = Places {
        pools_dir: agent.pools_dir.clone(),
        kubelet_dir: settings.kubelet_dir.clone(),
        proc_dir: agent.proc_dir.clone(),
        device_info_dir: settings.device_info_dir.clone(),
        bus: Bus::of(&settings),
    };
    Ok(Site {
        cloud: ec2::Client::connect(options)?,
        machine: Host::new(Arc::clone(&store), places),
        clock: BootClock::new().map_err(Error::Clock)?,
        ledger: Ledger::new(Arc::clone(&store)),
        devices: Devices::open(Arc::clone(&store), device_places(&settings))?,
        node: agent.node_name().map_err(Error::NodeName)?,
        cluster: None,
        metrics,
        health,
        store,
        settings,
    })
}

/// How EC2 is reached by these settings.
pub(crate) fn options(agent: &settings::Agent, observer: Arc<dyn ec2::Observer>) -> ec2::Options {
    ec2::Options {
        region: agent.region.clone(),
        ec2_endpoint: agent.ec2_endpoint.clone(),
        imds_endpoint: agent.imds_endpoint.clone(),
        limits: limits(agent),
        observer,
    }
}

fn device_places(settings: &Settings) -> devices::Places {
    devices::Places {
        kubelet_dir: settings.kubelet_dir.clone(),
        info_dir: settings.agent.device_plugin_info_dir.clone(),
        sysfs: settings.sysfs_dir.clone(),
    }
}

/// The agent over it.
pub(crate) fn agent(site: Site<ec2::Client, Host, BootClock>, channels: Channels) -> Result<NodeAgent, Error> {
    let agent = &site.settings.agent;
    let declared = match (agent.manifests, &site.cluster) {
        (Manifests::Folder, _) => {
            let labels = NodeLabels::of(agent).map_err(Error::NodeName)?;
            agent::Manifests::of_folder(Folder::new(agent.pools_dir.clone(), &agent.resource_prefix), labels)
        }
        (Manifests::Kubernetes, Some(snapshot)) => {
            agent::Manifests::of_kubernetes(Objects::new(&agent.resource_prefix), snapshot.subscribe())
        }
        (Manifests::Kubernetes, None) => return Err(Error::NeedsFolder),
    };
    Ok(Agent::new(site, declared, channels))
}

fn limits(agent: &settings::Agent) -> ec2::Limits {
    let rate = |per_second: std::num::NonZeroU32| {
        let per_second = f64::from(per_second.get());
        ec2::Rate { per_second, burst: (2.0 * per_second).max(10.0) }
    };
    ec2::Limits { reads: rate(agent.reads_per_second), writes: rate(agent.writes_per_second), ..ec2::Limits::default() }
}

fn dependencies(settings: &Settings, ec2_address: Option<&str>) -> Result<Dependencies, Error> {
    let agent = &settings.agent;
    let of_imds = from_environment(agent.imds_endpoint.as_deref(), &["AWS_EC2_METADATA_SERVICE_ENDPOINT"]);
    let imds = of_imds.as_deref().unwrap_or("http://169.254.169.254");
    Ok(Dependencies {
        ec2: ec2_address.map(str::parse).transpose().map_err(|error| Error::Address(Box::new(error)))?,
        imds: imds.parse().map_err(|error| Error::Address(Box::new(error)))?,
        state_dir: settings.state_dir.clone(),
        manifests: agent.manifests,
    })
}

/// Where EC2 is, as the client finds it: the SDK's own variables are for those who set no key of node.toml.
pub(crate) async fn ec2_address(agent: &settings::Agent) -> Option<String> {
    let said = from_environment(agent.ec2_endpoint.as_deref(), &["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"]);
    match said {
        Some(said) => Some(said),
        None => ec2::address_of(&region(agent).await?).await,
    }
}

async fn region(agent: &settings::Agent) -> Option<String> {
    let set = agent.region.clone().or_else(|| std::env::var("AWS_REGION").ok());
    if set.is_some() {
        return set;
    }
    let imds = ec2::Imds::new(agent.imds_endpoint.as_deref()).ok()?;
    let instance = timeout(REGION_LIMIT, ec2::Metadata::instance(&imds)).await.ok()?.ok()?;
    Some(instance.region)
}

/// What node.toml says, else the first of these variables that says something.
fn from_environment(said: Option<&str>, variables: &[&str]) -> Option<String> {
    let set = |variable: &&str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    said.map(ToString::to_string).or_else(|| variables.iter().find_map(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_node_toml_says_goes_before_the_environment() {
        let path = std::env::var("PATH").ok();
        assert_eq!(from_environment(None, &["MULTI_ENI_NOT_SET", "PATH"]), path);
        assert_eq!(from_environment(Some("http://127.0.0.1:1"), &["PATH"]).as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(from_environment(None, &["MULTI_ENI_NOT_SET"]), None);
    }
}
