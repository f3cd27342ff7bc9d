//! The agent's socket: several connections at once, each for one request. What is asked goes to the loop, and no more requests
//! for an ENI at a time than a node has plugins for: who only wants to know something is never behind those who wait. A
//! connection that closes takes its request back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cni::Code;
use node::ask::{Acquire, LineError, Reply, Request, answer, receive, withdrawn};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::agent::requests::{Ask, Asking, refused};

#[cfg(test)]
mod tests;

/// The most connections; more wait in the kernel's queue. No node has pods for so many.
const MOST: usize = 512;
/// The most requests for an ENI that the loop has; more wait here.
const MOST_ACQUIRES: usize = 64;
/// How long a request and a reply may be on their way.
const LINE_LIMIT: Duration = Duration::from_secs(5);
/// How long a refresh may take: EC2 is asked for it.
const REFRESH_LIMIT: Duration = Duration::from_secs(60);
/// After a refusal by the kernel (no descriptors left, as a rule).
const PAUSE: Duration = Duration::from_secs(1);
/// How long answers may be on their way when the agent ends.
const END: Duration = Duration::from_millis(500);

/// The numbers of requests.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Serves until `end` is there.
pub(crate) async fn serve(listener: UnixListener, asks: mpsc::Sender<Ask>, end: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(MOST_ACQUIRES));
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MOST => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, asks.clone(), Arc::clone(&places)))),
                Err(error) => {
                    log::warn!("cannot accept a plugin's connection: {error}");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // The loop has answered those who waited, or forgotten them, which is an answer too.
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(END, ended).await.is_err() {
        connections.shutdown().await;
    }
}

async fn converse(mut stream: UnixStream, asks: mpsc::Sender<Ask>, places: Arc<Semaphore>) {
    let reply = match timeout(LINE_LIMIT, receive(&mut stream)).await {
        Ok(Ok(request)) => reply(&stream, request, &asks, &places).await,
        Ok(Err(LineError::Closed { read: 0 })) => None,
        Ok(Err(error)) => Some(refused(Code::DECODE, format!("the request cannot be read: {error}"))),
        Err(_) => Some(refused(Code::DECODE, "the request did not come".to_string())),
    };
    let Some(reply) = reply else { return };
    match timeout(LINE_LIMIT, answer(&mut stream, &reply)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("a reply does not reach its plugin: {error}"),
        Err(_) => log::debug!("a plugin does not read its reply"),
    }
}

/// The loop's reply; nothing if nobody waits for it any more, or the loop ends: a plugin that gets none waits for the next agent.
async fn reply(stream: &UnixStream, request: Request, asks: &mpsc::Sender<Ask>, places: &Semaphore) -> Option<Reply> {
    let (sender, receiver) = oneshot::channel();
    let late = |why: &str| Some(refused(Code::TRY_AGAIN, format!("{why}: try again")));
    let (ask, number, end, _place) = match request {
        Request::Acquire(acquire) => {
            let end = Instant::now() + acquire.patience();
            let place = tokio::select! {
                place = places.acquire() => place.ok(),
                () = withdrawn(stream) => return None,
                () = sleep_until(end) => return late("too many plugins wait for an ENI"),
                () = asks.closed() => return None,
            };
            let left = end.saturating_duration_since(Instant::now());
            let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let (number, acquire) = (NUMBER.fetch_add(1, Ordering::Relaxed), Acquire { deadline_ms, ..acquire });
            (Ask::Acquire(Asking { number, acquire, reply: sender }), Some(number), end, place)
        }
        Request::Refresh {} => (Ask::Refresh(sender), None, Instant::now() + REFRESH_LIMIT, None),
        Request::Status {} => (Ask::Status(sender), None, Instant::now() + LINE_LIMIT, None),
    };
    asks.send(ask).await.ok()?;
    let over = tokio::select! {
        reply = receiver => return reply.ok(),
        () = withdrawn(stream) => None,
        () = sleep_until(end) => late("the agent has no answer in time"),
    };
    if let Some(number) = number {
        // A loop that has ended has forgotten it by itself.
        drop(asks.send(Ask::Withdraw(number)).await);
    }
    over
}
