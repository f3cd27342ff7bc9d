//! The agent's socket: several connections at once, each for one request, and no more of them than a node has plugins for. What
//! is asked goes to the loop; a connection that closes takes its request back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use node::ask::{LineError, Refusal, Reply, Request, answer, receive, withdrawn};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::agent::requests::{Ask, Asking};
use crate::apply::policy::TRY_AGAIN;

#[cfg(test)]
mod tests;

/// The most connections; more wait in the kernel's queue.
const MOST: usize = 64;
/// How long a request and a reply may be on their way.
const LINE_LIMIT: Duration = Duration::from_secs(5);
/// How long a refresh may take: EC2 is asked for it.
const REFRESH_LIMIT: Duration = Duration::from_secs(60);
/// After a refusal by the kernel (no descriptors left, as a rule).
const PAUSE: Duration = Duration::from_secs(1);
/// How long answers may be on their way when the agent ends.
const END: Duration = Duration::from_millis(500);
/// CNI's code for what cannot be decoded.
const DECODE: u32 = 6;

/// The numbers of requests.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Serves until `end` is there.
pub(crate) async fn serve(listener: UnixListener, asks: mpsc::Sender<Ask>, end: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MOST => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, asks.clone()))),
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

async fn converse(mut stream: UnixStream, asks: mpsc::Sender<Ask>) {
    let reply = match timeout(LINE_LIMIT, receive(&mut stream)).await {
        Ok(Ok(request)) => reply(&stream, request, &asks).await,
        Ok(Err(LineError::Closed { read: 0 })) => None,
        Ok(Err(error)) => Some(refused(DECODE, format!("the request cannot be read: {error}"))),
        Err(_) => Some(refused(DECODE, "the request did not come".to_string())),
    };
    let Some(reply) = reply else { return };
    match timeout(LINE_LIMIT, answer(&mut stream, &reply)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("a reply does not reach its plugin: {error}"),
        Err(_) => log::debug!("a plugin does not read its reply"),
    }
}

/// The loop's reply; nothing if nobody waits for it any more.
async fn reply(stream: &UnixStream, request: Request, asks: &mpsc::Sender<Ask>) -> Option<Reply> {
    let (sender, receiver) = oneshot::channel();
    let ending = || Some(refused(TRY_AGAIN, "the agent is ending: try again".to_string()));
    let (ask, number, limit) = match request {
        Request::Acquire(acquire) => {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let limit = acquire.patience();
            (Ask::Acquire(Asking { number, acquire, reply: sender }), Some(number), limit)
        }
        Request::Refresh {} => (Ask::Refresh(sender), None, REFRESH_LIMIT),
        Request::Status {} => (Ask::Status(sender), None, LINE_LIMIT),
    };
    if asks.send(ask).await.is_err() {
        return ending();
    }
    let over = tokio::select! {
        reply = receiver => return reply.ok().or_else(ending),
        () = withdrawn(stream) => None,
        () = sleep(limit) => Some(refused(TRY_AGAIN, "the agent has no answer in time: try again".to_string())),
    };
    if let Some(number) = number {
        // A loop that has ended has forgotten it by itself.
        drop(asks.send(Ask::Withdraw(number)).await);
    }
    over
}

fn refused(code: u32, msg: String) -> Reply {
    Reply::Refused(Refusal { code, msg, details: String::new() })
}
