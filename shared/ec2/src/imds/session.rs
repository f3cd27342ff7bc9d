//! Reads with a token, which is kept while it is good.

use super::InvalidEndpoint;
use crate::metadata::MetadataError;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::fmt;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

const ENDPOINT: &str = "http://169.254.169.254";
const ENDPOINT_VARIABLE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TTL_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
/// The longest that there is.
const TTL_SECONDS: u32 = 21_600;
const TOKEN_LIFE: Duration = Duration::from_secs(TTL_SECONDS as u64 - 300);
/// The service answers within milliseconds or not at all.
const ATTEMPT: Duration = Duration::from_secs(1);
const TOTAL: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// It throttles each instance's requests (EC2, "Query throttling").
const AT_ONCE: usize = 4;
const BODY_LIMIT: usize = 64 * 1024;

pub(super) struct Session {
    http: Client<HttpConnector, Empty<Bytes>>,
    base: String,
    token: Mutex<Option<Token>>,
    places: Semaphore,
}

#[derive(Clone)]
struct Token {
    text: HeaderValue,
    ends: Instant,
}

/// The address only: a token is a credential.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(endpoint: Option<&str>) -> Result<Self, InvalidEndpoint> {
        let variable = std::env::var(ENDPOINT_VARIABLE).ok().filter(|text| !text.is_empty());
        let base = endpoint.or(variable.as_deref()).unwrap_or(ENDPOINT).trim_end_matches('/').to_string();
        let is_http = base.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        if !is_http {
            return Err(InvalidEndpoint { text: base });
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(ATTEMPT));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, base, token: Mutex::new(None), places: Semaphore::new(AT_ONCE) })
    }

    /// A part below `meta-data/` that every instance has.
    pub(super) async fn required(&self, path: &str) -> Result<String, MetadataError> {
        self.get(path).await?.ok_or_else(|| MetadataError::Missing { path: path.to_string() })
    }

    /// A part below `meta-data/`, or nothing if it is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<String>, MetadataError> {
        let deadline = Instant::now() + TOTAL;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(path, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = FIRST_PAUSE.saturating_mul(1 << attempt).mul_f64(fastrand::f64());
            if attempt >= ATTEMPTS || !may_repeat(&error) || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One read. A token that the service does not take, as after its restart, is replaced once.
    async fn attempt(&self, path: &str, deadline: Instant) -> Result<Option<String>, MetadataError> {
        let first = self.token(deadline).await?;
        let (mut status, mut body) = self.read(path, &first, deadline).await?;
        if status == StatusCode::UNAUTHORIZED {
            self.drop_token(&first).await;
            let second = self.token(deadline).await?;
            (status, body) = self.read(path, &second, deadline).await?;
        }
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK if body.trim().is_empty() => {
                Err(MetadataError::Invalid { path: path.to_string(), source: "it is empty".into() })
            }
            StatusCode::OK => Ok(Some(body)),
            status => Err(refused(path, status)),
        }
    }

    async fn read(&self, path: &str, token: &Token, deadline: Instant) -> Result<(StatusCode, String), MetadataError> {
        let header = (TOKEN_HEADER, token.text.clone());
        self.send(Method::GET, &format!("meta-data/{path}"), header, deadline).await
    }

    async fn token(&self, deadline: Instant) -> Result<Token, MetadataError> {
        // Held while a token is got: who reads meanwhile takes the same one.
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.ends) {
            return Ok(token.clone());
        }
        let path = "api/token";
        let header = (TTL_HEADER, HeaderValue::from(TTL_SECONDS));
        let asked = Instant::now();
        let (status, body) = self.send(Method::PUT, path, header, deadline).await?;
        if status != StatusCode::OK {
            return Err(refused(path, status));
        }
        let invalid = |source| MetadataError::Invalid { path: path.to_string(), source: Box::new(source) };
        let mut text = HeaderValue::from_str(body.trim()).map_err(invalid)?;
        text.set_sensitive(true);
        Ok(kept.insert(Token { text, ends: asked + TOKEN_LIFE }).clone())
    }

    /// Drops this token, unless another one has taken its place already.
    async fn drop_token(&self, token: &Token) {
        self.token.lock().await.take_if(|kept| kept.text == token.text);
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        (name, value): (HeaderName, HeaderValue),
        deadline: Instant,
    ) -> Result<(StatusCode, String), MetadataError> {
        let no_answer = |source| MetadataError::NoAnswer { path: path.to_string(), source };
        let uri = format!("{}/latest/{path}", self.base);
        let request = Request::builder().method(method).uri(uri).header(name, value).body(Empty::new());
        let request = request.map_err(|error| no_answer(error.into()))?;
        let exchange = async {
            let _place = self.places.acquire().await?;
            let response = self.http.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        match tokio::time::timeout_at(deadline.min(Instant::now() + ATTEMPT), exchange).await {
            Ok(answer) => answer.map_err(no_answer),
            Err(elapsed) => Err(no_answer(elapsed.into())),
        }
    }
}

fn refused(path: &str, status: StatusCode) -> MetadataError {
    MetadataError::Refused { path: path.to_string(), status: status.as_u16() }
}

fn may_repeat(error: &MetadataError) -> bool {
    match error {
        MetadataError::NoAnswer { .. } | MetadataError::Invalid { .. } => true,
        MetadataError::Refused { status, .. } => matches!(status, 401 | 429 | 500..),
        MetadataError::Missing { .. } => false,
    }
}
