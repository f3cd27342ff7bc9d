//! The connection to the API server.

use std::time::Duration;

use http::Response;
use kube::client::{Client, ClientBuilder, DynBody};
use kube::config::{Config, InClusterError, KubeConfigOptions, KubeconfigError};
use tower::BoxError;
use tower::util::MapResultLayer;

use super::Contact;
use crate::apply::policy::reason;
use crate::seen::health::Checks;

/// As with the API server's own clients, a server that does not take a connection within this time is away.
const CONNECT: Duration = Duration::from_secs(10);
/// The server ends a watch after 290 s at the latest; a connection that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(295);
/// Names a file that says where the API server is and who asks, for an agent that is no pod.
const KUBECONFIG: &str = "KUBECONFIG";

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("manifests = \"kubernetes\" needs a pod's ServiceAccount, or KUBECONFIG in the environment")]
    InCluster(#[from] InClusterError),
    #[error("the file that KUBECONFIG names cannot be used")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("no client of the API server can be made")]
    Client(#[source] Box<kube::Error>),
}

/// An error of the client in few words: kube's own have each thing that was said twice or more.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.message),
        kube::Error::Service(source) => reason(&**source),
        other => reason(other),
    }
}

/// A client as this process is told to be: of a pod, or of `KUBECONFIG`. Nothing is asked yet.
pub(crate) async fn connect<H: Checks>(contact: Contact<H>) -> Result<Client, Error> {
    let config = match std::env::var_os(KUBECONFIG) {
        Some(_) => Config::from_kubeconfig(&KubeConfigOptions::default()).await?,
        None => Config::incluster()?,
    };
    client(config, contact)
}

pub(super) fn client<H: Checks>(mut config: Config, contact: Contact<H>) -> Result<Client, Error> {
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    // Each who asks has a patience of its own, and what is asked again below it would be counted nowhere.
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).map_err(|error| Error::Client(Box::new(error)))?;
    let observed = MapResultLayer::new(move |result: Result<Response<Box<DynBody>>, BoxError>| {
        contact.answered(&result);
        result
    });
    Ok(builder.with_layer(&observed).build())
}
