//! Waiting until the agent is ready, which its page `/readyz` tells.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use node::settings::Settings;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Error;

/// The page looks at what the agent depends on, which takes its time where that is not there.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two looks, twice as long each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 1 << 16;

/// How long it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// As long as it takes.
    On,
    /// So long at most.
    Within(Duration),
}

/// The page of this host's agent.
#[derive(Debug)]
pub(crate) struct Readiness {
    page: SocketAddr,
}

impl Readiness {
    /// Where the settings say that it is.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Error> {
        let listen = settings.agent.listen.ok_or(Error::Nowhere)?;
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Ok(Self { page: SocketAddr::new(ip, listen.port()) })
    }

    /// Waits until the agent is ready. `say` gets what it waits for, whenever that is something else.
    pub(crate) async fn wait(&self, waiting: Waiting, mut say: impl FnMut(&str)) -> Result<(), Error> {
        let (begin, mut pause, mut last) = (Instant::now(), SHORTEST_PAUSE, String::new());
        loop {
            let late = |_| Err(format!("no answer from http://{}/readyz", self.page));
            let Err(said) = timeout(LIMIT, self.look()).await.unwrap_or_else(late) else { return Ok(()) };
            if said != last {
                say(&said);
                last = said;
            }
            if let Waiting::Within(limit) = waiting
                && begin.elapsed() + pause > limit
            {
                return Err(Error::NotReady { limit, said: last });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks once; what is not ready, for people.
    async fn look(&self) -> Result<(), String> {
        let page = self.page;
        let stream = TcpStream::connect(page).await.map_err(|error| format!("no agent listens on {page}: {error}"))?;
        match ask(stream, page).await {
            Ok((StatusCode::OK, _)) => Ok(()),
            Ok((_, lines)) => Err(lines),
            Err(error) => Err(format!("http://{page}/readyz cannot be read: {error}")),
        }
    }
}

/// The page's status, and its lines about what is not ready in one.
async fn ask(stream: TcpStream, page: SocketAddr) -> Result<(StatusCode, String), axum::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(axum::Error::new)?;
    let request = Request::get("/readyz").header(header::HOST, page.to_string()).body(Body::empty());
    let request = request.map_err(axum::Error::new)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(axum::Error::new)?;
        let status = response.status();
        Ok((status, to_bytes(Body::new(response.into_body()), MOST_BYTES).await?))
    };
    let (status, body) = tokio::select! {
        answer = answered => answer?,
        // It ends before the answer is whole only with an error.
        Err(error) = connection => return Err(axum::Error::new(error)),
    };
    let text = String::from_utf8_lossy(&body);
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(": ok")).collect();
    Ok((status, if lines.is_empty() { text.trim().to_string() } else { lines.join("; ") }))
}
