//! One request to the API server, and what its answer means for the next one. Not by `kube::Api`, which throws away how long the
//! server asks to be left in peace (`Retry-After`).

use std::time::Duration;

use kube::client::Body;
use kube::core::Status;
use kube::{Client, core};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::text::short;

/// What writes, in `managedFields` and in the server's log.
pub(crate) const FIELD_MANAGER: &str = "multi-eni-agent";
/// A server that answers later than this answers nobody.
const LIMIT: Duration = Duration::from_secs(30);
/// What is kept of the words of a refusal, in bytes.
const MOST_TEXT: usize = 300;
/// The server may not make the agent wait for longer.
const LONGEST_WISH: Duration = Duration::from_secs(300);

/// Why a request was not done, or may not have been.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the API server answers {code} to {what}: {message}")]
    Answered {
        what: String,
        code: u16,
        message: String,
        /// How long it asks to be left in peace.
        after: Option<Duration>,
    },
    #[error("the API server cannot be asked to {what}")]
    Silent { what: String, source: Box<kube::Error> },
    #[error("the API server has not answered within {} s: {what}", LIMIT.as_secs())]
    Late { what: String },
    #[error("the API server's answer to {what} cannot be read")]
    Unreadable { what: String, source: serde_json::Error },
    #[error("the request to {what} cannot be made")]
    Request { what: String, source: core::request::Error },
}

impl Error {
    /// The HTTP status, if there was an answer.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Answered { code, .. } => Some(*code),
            Self::Silent { .. } | Self::Late { .. } | Self::Unreadable { .. } | Self::Request { .. } => None,
        }
    }

    /// How long the server asks to be left in peace.
    pub(crate) fn after(&self) -> Option<Duration> {
        match self {
            Self::Answered { after, .. } => *after,
            Self::Silent { .. } | Self::Late { .. } | Self::Unreadable { .. } | Self::Request { .. } => None,
        }
    }

    /// Its class, one of a few.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Answered { code: 404 | 410, .. } => "gone",
            Self::Answered { code: 409, .. } => "conflict",
            Self::Answered { code: 429, .. } => "throttled",
            Self::Answered { code: 401 | 403, .. } => "denied",
            Self::Answered { code: 500.., .. } => "server",
            Self::Answered { .. } | Self::Request { .. } => "refused",
            Self::Silent { .. } | Self::Late { .. } | Self::Unreadable { .. } => "silent",
        }
    }

    /// Whether the same may be done when it is asked for again.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.class(), "conflict" | "throttled" | "server" | "silent")
    }

    /// Whether it may have been done all the same.
    pub(crate) fn may_have_happened(&self) -> bool {
        matches!(self.class(), "server" | "silent")
    }
}

/// Sends a request that is built with kube's own paths, and reads the object of its answer.
///
/// # Errors
/// [`Error`].
pub(crate) async fn send<T: DeserializeOwned>(client: &Client, what: &str, request: Request) -> Result<T, Error> {
    let what = || what.to_string();
    let request = request.map_err(|source| Error::Request { what: what(), source })?;
    let answer = async {
        let response = client.send(request.map(Body::from)).await?;
        let (code, after) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
        Ok((code, after, response.into_body().collect_bytes().await?))
    };
    let (code, after, body) = match timeout(LIMIT, answer).await {
        Err(_) => return Err(Error::Late { what: what() }),
        Ok(Err(source)) => return Err(Error::Silent { what: what(), source: Box::new(source) }),
        Ok(Ok(answer)) => answer,
    };
    if (200..300).contains(&code) {
        return serde_json::from_slice(&body).map_err(|source| Error::Unreadable { what: what(), source });
    }
    let after = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Err(refusal(what(), code, after, &body))
}

/// What kube makes of a request.
pub(crate) type Request = Result<http::Request<Vec<u8>>, core::request::Error>;

fn refusal(what: String, code: u16, after: Option<u64>, body: &[u8]) -> Error {
    // A proxy in between, and the server when it is overloaded, answer with a text.
    let status = serde_json::from_slice::<Status>(body).ok();
    let wished = status.as_ref().and_then(|status| status.details.as_ref()).map(|details| details.retry_after_seconds);
    let message = status.map_or_else(|| String::from_utf8_lossy(body).into_owned(), |status| status.message);
    let after = after.or_else(|| wished.filter(|&seconds| seconds > 0).map(u64::from));
    Error::Answered {
        what,
        code,
        message: short(&message, MOST_TEXT),
        after: after.map(|after| Duration::from_secs(after).min(LONGEST_WISH)),
    }
}
