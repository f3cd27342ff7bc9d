//! The pages `/metrics`, `/healthz` and `/readyz`: a few connections at a time, each for one request and for seconds.

#[cfg(test)]
mod tests;

use super::health::{Checks, Report};
use super::metrics::{CONTENT_TYPE, Metrics};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::errno::Errno;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}")]
pub(crate) struct Error {
    listen: String,
    #[source]
    source: io::Error,
}

/// What the pages show.
#[derive(Debug, Clone)]
pub(crate) struct Pages<H> {
    pub(crate) metrics: Metrics,
    pub(crate) health: H,
}

/// How much a client may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// More wait in the kernel's queue.
    connections: usize,
    headers: Duration,
    whole: Duration,
    /// The time that requests have to end when the agent does.
    end: Duration,
}

const LIMITS: Limits = Limits {
    connections: 16,
    headers: Duration::from_secs(3),
    whole: Duration::from_secs(10),
    end: Duration::from_secs(1),
};
const MOST_HEADERS: usize = 64;
/// hyper takes no less than 8 KiB.
const MOST_HEADER_BYTES: usize = 16 << 10;
/// After a refusal by the kernel (no descriptors left, as a rule).
const PAUSE: Duration = Duration::from_secs(1);

/// Listens on `host:port`. `[::]` is every address of both families, and on a kernel without IPv6 every one of IPv4.
///
/// # Errors
/// The system's, with the address.
pub(crate) async fn bind(listen: &str) -> Result<TcpListener, Error> {
    let bound = match TcpListener::bind(listen).await {
        Err(error) => match without_ipv6(listen, &error) {
            Some(instead) => TcpListener::bind(instead).await,
            None => Err(error),
        },
        bound => bound,
    };
    bound.map_err(|source| Error { listen: listen.to_string(), source })
}

/// Every address of IPv4, if all were asked for and the kernel has no IPv6.
fn without_ipv6(listen: &str, error: &io::Error) -> Option<SocketAddr> {
    let asked: SocketAddr = listen.parse().ok()?;
    let is_all = asked.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let has_none = error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32);
    (is_all && has_none).then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, asked.port())))
}

/// Serves the pages until `end` is there; then what is under way has a second.
pub(crate) async fn serve<H: Checks>(listener: TcpListener, pages: Pages<H>, end: impl Future<Output = ()>) {
    serve_within(LIMITS, listener, pages, end).await;
}

async fn serve_within<H: Checks>(
    limits: Limits,
    listener: TcpListener,
    pages: Pages<H>,
    end: impl Future<Output = ()>,
) {
    let router = Router::new()
        .route("/metrics", get(metrics::<H>))
        .route("/healthz", get(alive::<H>))
        .route("/readyz", get(ready::<H>))
        .with_state(pages);
    let mut connections = JoinSet::new();
    let mut end = pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, _)) => drop(connections.spawn(answer(limits, stream, router.clone()))),
                Err(error) => {
                    log::warn!("cannot accept a connection for metrics and health: {error}");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.end, ended).await.is_err() {
        connections.abort_all();
    }
}

async fn answer(limits: Limits, stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEADER_BYTES)
        // A connection that stays would keep another client out.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(limits.whole, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("a connection for metrics and health ended early: {error}"),
        Err(_) => log::debug!("a connection for metrics and health took too long"),
    }
}

async fn metrics<H: Checks>(State(pages): State<Pages<H>>) -> impl IntoResponse {
    ([(CONTENT_TYPE_HEADER, CONTENT_TYPE)], pages.metrics.text())
}

async fn alive<H: Checks>(State(pages): State<Pages<H>>) -> impl IntoResponse {
    page(&pages.health.alive())
}

async fn ready<H: Checks>(State(pages): State<Pages<H>>) -> impl IntoResponse {
    page(&pages.health.ready().await)
}

fn page(report: &Report) -> (StatusCode, String) {
    let status = if report.good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, report.lines.iter().map(|line| format!("{line}\n")).collect())
}
