//! Every answer of the API server, for metrics and health: also those after which a watch only begins again.

use http::{Response, StatusCode};
use tower::BoxError;

use crate::apply::policy::reason;
use crate::seen::health::{Answer, Checks};
use crate::seen::metrics::{Metrics, Outcome};

/// Who watches.
#[derive(Debug, Clone)]
pub(crate) struct Contact<H> {
    pub(crate) metrics: Metrics,
    pub(crate) health: H,
}

impl<H: Checks> Contact<H> {
    /// A request ended so.
    pub(super) fn answered<B>(&self, result: &Result<Response<B>, BoxError>) {
        let (outcome, answer) = match result {
            Ok(response) => of_status(response.status()),
            Err(error) => (Outcome::Failed("silent"), Answer::Silent(reason(&**error))),
        };
        self.metrics.kubernetes_called(outcome);
        self.health.kubernetes(answer);
    }
}

/// A server that refuses one request serves: what is not there, is another now, is too old, or comes too often.
fn of_status(status: StatusCode) -> (Outcome, Answer) {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            Outcome::Failed("denied"),
            Answer::Refused(format!("it answers {status}: see the ServiceAccount's rights")),
        ),
        StatusCode::NOT_FOUND => (Outcome::Failed("not-found"), Answer::Served),
        StatusCode::CONFLICT => (Outcome::Failed("conflict"), Answer::Served),
        StatusCode::GONE => (Outcome::Failed("expired"), Answer::Served),
        StatusCode::TOO_MANY_REQUESTS => (Outcome::Failed("throttled"), Answer::Served),
        status if status.is_client_error() => (Outcome::Failed("refused"), Answer::Served),
        status if status.is_server_error() => {
            (Outcome::Failed("failed"), Answer::Silent(format!("it answers {status}")))
        }
        _ => (Outcome::Done, Answer::Served),
    }
}
