//! One request to the API server, and what its refusal means here.

use std::time::Duration;

use tokio::time::timeout;

/// Names who writes, in `managedFields`.
pub(crate) const FIELD_MANAGER: &str = "multi-eni-cluster-agent";
/// How long the API server has for an answer: less than a holder of the Lease works on without it.
const LIMIT: Duration = Duration::from_secs(4);

/// Why a request was not done, or may not have been.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// 404 and 410: it is not there, or no more.
    #[error("it is not there")]
    NotThere,
    /// 409: it is another one than was seen.
    #[error("somebody else has changed it meanwhile")]
    Conflict,
    /// 401 and 403.
    #[error("the API server does not allow it: see the ServiceAccount's rights")]
    Denied(#[source] Box<kube::Error>),
    /// 400 and 422: the API server does not take what was written.
    #[error("the API server does not take it")]
    Invalid(#[source] Box<kube::Error>),
    /// 429, 5xx, and what is none of its answers.
    #[error("the API server fails")]
    Failed(#[source] Box<kube::Error>),
    #[error("the API server has not answered within {} s", LIMIT.as_secs())]
    Late,
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        let code = match &error {
            kube::Error::Api(status) => status.code,
            _ => 0,
        };
        let error = Box::new(error);
        match code {
            404 | 410 => Self::NotThere,
            409 => Self::Conflict,
            401 | 403 => Self::Denied(error),
            400 | 422 => Self::Invalid(error),
            _ => Self::Failed(error),
        }
    }
}

impl Error {
    /// A word for it, as labels of metrics have it.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::NotThere => "not-found",
            Self::Conflict => "conflict",
            Self::Denied(_) => "denied",
            Self::Invalid(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Late => "silent",
        }
    }
}

/// The answer, within its time.
pub(crate) async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    Ok(timeout(LIMIT, request).await.map_err(|_| Error::Late)??)
}

/// [`within`], where that it is not there is an answer.
pub(crate) async fn if_there<T>(request: impl Future<Output = kube::Result<T>>) -> Result<Option<T>, Error> {
    match within(request).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotThere) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    #[test]
    fn a_refusal_is_known_by_its_code_and_not_by_its_text() {
        let of = |code: u16| {
            Error::from(kube::Error::Api(Status { code, ..Status::failure("not found", "Conflict") }.boxed()))
        };
        for (code, class) in [
            (404, "not-found"),
            (410, "not-found"),
            (409, "conflict"),
            (403, "denied"),
            (422, "refused"),
            (429, "failed"),
            (500, "failed"),
            (503, "failed"),
        ] {
            assert_eq!(of(code).class(), class, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_hangs_is_given_up() {
        let error = within(std::future::pending::<kube::Result<()>>()).await.unwrap_err();
        assert_eq!(error.class(), "silent");
    }
}
