//! `cluster`: the cluster agent as a daemon.

use std::sync::Arc;
use std::time::Duration;

use ec2::{Client as Ec2, Lifecycle, Query, Sweep};
use node::settings::{ClusterId, Settings};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::agent::Agent;
use super::apply::Hands;
use super::health::Health;
use super::lease::{Candidate, Tenure};
use super::shown::{Leader, Shown};
use super::sweep::Rules;
use crate::agent::{Signal, VERSION};
use crate::kubernetes::{self, Contact, connect};
use crate::run::{self, Watch, signals};
use crate::seen::http::{self, Pages};
use crate::seen::logs;
use crate::seen::probe::InvalidEndpoint;

/// The environment variables by which a pod is told who it is (the downward API).
const POD_NAMESPACE: &str = "POD_NAMESPACE";
const POD_NAME: &str = "POD_NAME";
/// An answer about all of a cluster's ENIs has many pages.
const READ_TOTAL: Duration = Duration::from_secs(180);
/// One page of a thousand ENIs takes its time.
const READ_ATTEMPT: Duration = Duration::from_secs(20);
/// How long the server of the pages has to end.
const SERVER_ENDS: Duration = Duration::from_secs(1);

/// Why the cluster agent cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0} is not in the environment: the Deployment of install/ sets it, by the downward API")]
    Environment(&'static str),
    #[error("[cluster] gone_clusters of node.toml has {0}, which is this cluster")]
    NotGone(ClusterId),
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    #[error("an endpoint of node.toml cannot be used")]
    Endpoint(#[from] ec2::InvalidEndpoint),
    #[error("an endpoint of node.toml cannot be used")]
    Address(#[from] InvalidEndpoint),
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error("signals cannot be listened to")]
    Signals(#[source] std::io::Error),
}

/// Who this process is.
#[derive(Debug)]
struct Pod {
    namespace: String,
    /// The pod's name, and what no earlier process of it had.
    identity: String,
}

impl Pod {
    fn of_environment() -> Result<Self, Error> {
        let said = |name| std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or(Error::Environment(name));
        let identity = format!("{}_{:016x}", said(POD_NAME)?, fastrand::u64(..));
        Ok(Self { namespace: said(POD_NAMESPACE)?, identity })
    }
}

/// Looks after the cluster until it is told to end.
pub(crate) fn run(settings: &Settings) -> Result<(), run::Error> {
    let logger = logs::install(settings.agent.log_format, settings.agent.log_level);
    let runtime = run::runtime()?;
    let outcome = runtime.block_on(async {
        tokio::spawn(logger.write_counts());
        serve(settings).await
    });
    runtime.shutdown_background();
    log::logger().flush();
    Ok(outcome?)
}

async fn serve(settings: &Settings) -> Result<(), Error> {
    let pod = Pod::of_environment()?;
    let mut signals = signals::listen().map_err(Error::Signals)?;
    let ec2 = run::ec2_address(&settings.agent).await;
    let shown = Shown::new(Health::new(ec2.as_deref().map(str::parse).transpose()?));
    let client = connect(Contact { metrics: shown.metrics.clone(), health: shown.health.clone() }).await?;
    let pages = match settings.agent.listen {
        Some(listen) => Some(http::bind(&listen.to_string()).await?),
        None => None,
    };
    let (ending, mut end) = watch::channel(());
    let served = Pages { metrics: shown.metrics.clone(), health: shown.health.clone() };
    let ended = async move { drop(end.changed().await) };
    let server = pages.map(|listener| tokio::spawn(http::serve(listener, served, ended)));
    log::info!("multi-eni-agent {VERSION} begins as {} of the cluster's", pod.identity);
    let (mut candidate, tenure) = Candidate::new(client.clone(), &pod.namespace, pod.identity, shown.health.clone());
    let outcome = tokio::select! {
        outcome = serve_cluster(settings, client, tenure, &shown) => outcome,
        () = candidate.run() => Ok(()),
        () = told_to_end(&mut signals) => Ok(()),
    };
    candidate.give_back().await;
    drop(ending);
    if let Some(server) = server {
        // One that hangs ends with the process.
        drop(timeout(SERVER_ENDS, server).await);
    }
    log::info!("multi-eni-agent {VERSION} ends");
    outcome
}

/// Everything but the Lease.
async fn serve_cluster(settings: &Settings, client: kube::Client, tenure: Tenure, shown: &Shown) -> Result<(), Error> {
    let observer = Arc::new(Watch { metrics: shown.metrics.clone(), health: shown.health.clone() });
    let mut options = run::options(&settings.agent, observer);
    options.limits.read_total = READ_TOTAL;
    options.limits.read_attempt = READ_ATTEMPT;
    let rules = rules(settings, &client).await?;
    let hands = Hands { cloud: Ec2::connect(options)?, client, rules };
    works(&hands, tenure, shown).await;
    Ok(())
}

/// Work, whenever this process holds the Lease; all of it is dropped at the end of a tenure.
pub(super) async fn works<C: Lifecycle + Query + Sweep>(hands: &Hands<C>, mut tenure: Tenure, shown: &Shown) {
    while tenure.begins().await.is_some() {
        shown.holds(Leader::Here);
        tokio::select! {
            biased;
            () = tenure.ends() => {}
            () = Agent::new(hands, shown).run() => {}
        }
        shown.holds(Leader::Elsewhere);
        shown.health.rests();
    }
}

/// What is swept, once it is known whose the cluster is.
async fn rules(settings: &Settings, client: &kube::Client) -> Result<Rules, Error> {
    let cluster = match &settings.cluster_id {
        Some(cluster) => cluster.clone(),
        None => kubernetes::cluster(client).await,
    };
    let gone_clusters = settings.cluster.gone_clusters.clone();
    if gone_clusters.contains(&cluster) {
        return Err(Error::NotGone(cluster));
    }
    log::info!("the cluster is {cluster}");
    Ok(Rules { cluster, gone_clusters, grace: settings.agent.orphan_grace() })
}

async fn told_to_end(signals: &mut mpsc::Receiver<Signal>) {
    // What SIGHUP asks for, to look at everything again, is done all the time.
    while signals.recv().await.is_some_and(|signal| signal != Signal::End) {}
}
