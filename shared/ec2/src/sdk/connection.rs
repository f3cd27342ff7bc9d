//! The SDK's client: made when it is first needed, and anew when EC2 says that its credentials are of yesterday.

use crate::imds::Imds;
use crate::metadata::MetadataError;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_sdk_ec2::Client;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

const CONNECT: Duration = Duration::from_secs(3);
/// The SDK keeps what a file or a variable said as long as the client lives, so a new client is made when EC2 does not
/// take the credentials; but not for each call while there are no better ones.
const RENEWAL: Duration = Duration::from_secs(30);
const APP_NAME: &str = "multi-eni";

/// Where EC2 is, and with what it is asked.
pub(crate) struct Connection {
    region: Option<String>,
    endpoint: Option<String>,
    imds_endpoint: Option<String>,
    imds: Arc<Imds>,
    http: SharedHttpClient,
    current: Mutex<Option<Current>>,
    doubted: AtomicBool,
}

struct Current {
    client: Client,
    /// When it took the place of another one.
    renewed: Option<Instant>,
}

/// Places only: a client has credentials.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoClient {
    #[error("the region is not known")]
    Region(#[source] MetadataError),
    #[error("the metadata service's address is not one")]
    Imds(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Connection {
    pub(crate) fn new(
        region: Option<String>,
        endpoint: Option<String>,
        imds_endpoint: Option<String>,
        imds: Arc<Imds>,
    ) -> Self {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let http = aws_smithy_http_client::Builder::new().tls_provider(provider).build_https();
        Self { region, endpoint, imds_endpoint, imds, http, current: Mutex::new(None), doubted: false.into() }
    }

    /// The next client is a new one.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn client(&self) -> Result<Client, NoClient> {
        let mut current = self.current.lock().await;
        let doubted = self.doubted.load(Ordering::Relaxed);
        let is_new = |current: &Current| current.renewed.is_some_and(|renewed| renewed.elapsed() < RENEWAL);
        if let Some(current) = current.as_ref().filter(|current| !doubted || is_new(current)) {
            return Ok(current.client.clone());
        }
        let client = self.make().await?;
        self.doubted.store(false, Ordering::Relaxed);
        let renewed = current.is_some().then(Instant::now);
        *current = Some(Current { client: client.clone(), renewed });
        Ok(client)
    }

    async fn make(&self) -> Result<Client, NoClient> {
        let region = Region::new(self.region().await?);
        let provider = ProviderConfig::without_region().with_region(Some(region.clone()));
        let provider = provider.with_http_client(self.http.clone());
        let mut chain = DefaultCredentialsChain::builder().region(region.clone()).configure(provider.clone());
        if let Some(endpoint) = &self.imds_endpoint {
            let imds = aws_config::imds::Client::builder().configure(&provider).endpoint(endpoint);
            chain = chain.imds_client(imds.map_err(NoClient::Imds)?.build());
        }
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).build();
        let mut config = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .http_client(self.http.clone())
            .credentials_provider(chain.build().await)
            // Repetitions and deadlines are made in one layer, above this one.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Ok(name) = AppName::new(APP_NAME) {
            config = config.app_name(name);
        }
        let config = aws_sdk_ec2::config::Builder::from(&config.load().await);
        let config = match &self.endpoint {
            Some(endpoint) => config.endpoint_url(endpoint),
            None => config,
        };
        Ok(Client::from_conf(config.build()))
    }

    async fn region(&self) -> Result<String, NoClient> {
        let variable = || std::env::var("AWS_REGION").ok().filter(|region| !region.is_empty());
        match self.region.clone().or_else(variable) {
            Some(region) => Ok(region),
            None => self.imds.region().await.map_err(NoClient::Region),
        }
    }
}
