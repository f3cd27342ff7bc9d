//! Looking whether something is there, at most once per so often, whoever asks.

use axum::http::Uri;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// A look that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(2);

/// Where a service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
}

/// Why a text is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the URL of an HTTP service")]
pub(crate) struct InvalidEndpoint(String);

impl std::str::FromStr for Endpoint {
    type Err = InvalidEndpoint;

    /// From a URL; what it has behind the authority does not matter.
    fn from_str(url: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint(url.to_string());
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let usual = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(invalid()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { host: host.to_string(), port: uri.port_u16().unwrap_or(usual) })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Endpoint {
    /// Makes a connection and drops it: it costs the service no call.
    pub(crate) async fn connect(&self) -> Result<(), String> {
        match TcpStream::connect((self.host.as_str(), self.port)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("cannot connect to {self}: {error}")),
        }
    }
}

/// What a look found, and when.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(super) at: Instant,
    pub(super) result: Result<(), String>,
}

/// The last look at something. Who asks while one is under way waits for it.
#[derive(Debug)]
pub(crate) struct Probe {
    fresh_for: Duration,
    last: Mutex<Option<Found>>,
}

impl Probe {
    pub(crate) fn new(fresh_for: Duration) -> Self {
        Self { fresh_for, last: Mutex::new(None) }
    }

    /// The last look's result, or that of a new one if it is too old.
    pub(crate) async fn ask(&self, look: impl Future<Output = Result<(), String>>) -> Found {
        let mut last = self.last.lock().await;
        if let Some(found) = last.as_ref().filter(|found| found.at.elapsed() < self.fresh_for) {
            return found.clone();
        }
        let late = |_| Err(format!("no answer in {} s", LIMIT.as_secs()));
        let result = timeout(LIMIT, look).await.unwrap_or_else(late);
        last.insert(Found { at: Instant::now(), result }).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_authority_of_a_url() {
        for (url, shown) in [
            ("https://ec2.eu-west-1.amazonaws.com", "ec2.eu-west-1.amazonaws.com:443"),
            ("http://127.0.0.1:4566/path?x", "127.0.0.1:4566"),
            ("http://[fd00:ec2::254]/latest", "[fd00:ec2::254]:80"),
        ] {
            assert_eq!(url.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for bad in ["", "127.0.0.1:80", "ftp://x", "http://", "/path"] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_is_taken_once_in_its_time() {
        let probe = Probe::new(Duration::from_secs(10));
        assert!(probe.ask(async { Ok(()) }).await.result.is_ok());
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(probe.ask(async { panic!("looked again") }).await.result.is_ok());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(probe.ask(async { Err("gone".to_string()) }).await.result.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_has_failed() {
        let probe = Probe::new(Duration::from_secs(10));
        assert_eq!(probe.ask(std::future::pending()).await.result.unwrap_err(), "no answer in 2 s");
    }
}
