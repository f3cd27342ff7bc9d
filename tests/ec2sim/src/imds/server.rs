//! The HTTP side.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::answer::Answer;
use super::fault::{Faults, Kind};
use super::journal::Journal;
use super::token::{TOKEN_HEADER, TTL_HEADER, Tokens};
use super::tree::{Snapshot, Tree};
use crate::instance::Instance;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) instance: Instance,
    pub(super) tokens: Tokens,
    pub(super) faults: Arc<Faults>,
    pub(super) journal: Journal,
    credentials: BTreeMap<String, String>,
}

impl Shared {
    pub(super) fn new(instance: Instance, credentials: BTreeMap<String, String>) -> Self {
        Self { instance, tokens: Tokens::default(), faults: Arc::default(), journal: Journal::default(), credentials }
    }
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let router = Router::new().fallback(handle).with_state(shared);
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
}

async fn handle(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().to_owned();
    let number = shared.journal.begin(method.as_str(), &path);
    let answer = match shared.faults.take(below_latest(&path)) {
        Some(kind) => faulty(&shared, kind, &method, &path, &headers).await,
        None => honest(&shared, None, &method, &path, &headers),
    };
    shared.journal.finish(number, answer.status());
    answer.into_response()
}

/// The path that faults and the journal go by.
pub(super) fn below_latest(path: &str) -> &str {
    path.strip_prefix("/latest/").unwrap_or(path)
}

async fn faulty(shared: &Shared, kind: Kind, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
    match kind {
        Kind::Status(code) => return Answer::Status(code),
        Kind::Empty => return Answer::Text(String::new()),
        Kind::Stale(snapshot) => return honest(shared, Some(&snapshot), method, path, headers),
        Kind::Hold => std::future::pending().await,
        Kind::HoldUntil(trigger) => trigger.fired().await,
        Kind::HoldFor(requests) => shared.journal.after(requests).await,
    }
    honest(shared, None, method, path, headers)
}

fn honest(shared: &Shared, then: Option<&Snapshot>, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
    if path == "/latest/api/token" {
        return token(shared, method, headers);
    }
    if method != Method::GET && method != Method::HEAD {
        return Answer::Status(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !shared.tokens.knows(header(headers, TOKEN_HEADER)) {
        return Answer::Status(StatusCode::UNAUTHORIZED);
    }
    let snapshot = match then {
        Some(then) => Ok(then.clone()),
        None => Snapshot::of(&shared.instance),
    };
    match snapshot {
        Ok(snapshot) => Tree::of(&snapshot, &shared.credentials).get(path).into(),
        Err(error) => {
            log::error!("no metadata: {error}");
            Answer::Status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// A forwarded request is refused: the service is not to be reached through an open proxy.
fn token(shared: &Shared, method: &Method, headers: &HeaderMap) -> Answer {
    if method != Method::PUT {
        return Answer::Status(StatusCode::METHOD_NOT_ALLOWED);
    }
    if headers.contains_key("x-forwarded-for") {
        return Answer::Status(StatusCode::FORBIDDEN);
    }
    match shared.tokens.issue(header(headers, TTL_HEADER)) {
        Some((token, seconds)) => Answer::Token { token, seconds },
        None => Answer::Status(StatusCode::BAD_REQUEST),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
