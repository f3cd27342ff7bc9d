//! `once`: the same loop until nothing is left to do, for a node without a daemon; and `plan`, which does nothing.

use std::io::{BufRead, Read};
use std::sync::Arc;
use std::time::Duration;

use cni::Code;
use node::ask::{Acquire, Decoded, REQUEST_LIMIT, Reply, Request, ask};
use node::lock;
use node::settings::Settings;
use node::store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::agent::requests::{Ask, Asking, refused};
use crate::agent::{Channels, Signal, Until};
use crate::cli::output::show;
use crate::run::{self, AGENT_LOCK, Error, runtime};
use crate::seen::logs;

/// How long a preview looks things up.
const PREVIEW: Duration = Duration::from_secs(30);

/// Does what is to be done, within this time.
pub(crate) fn once(settings: Settings, limit: Duration) -> Result<(), Error> {
    logs::install(settings.agent.log_format, settings.agent.log_level);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let store = Arc::new(Store::open(&settings.state_dir)?);
        let _alone = run::alone(&store)?;
        let (_asks, _signals, channels) = channels();
        let agent = run::agent(run::site(settings, store, None)?, channels)?.hasty();
        Ok(agent.run(Until::Idle(Instant::now() + limit)).await?)
    });
    runtime.shutdown_background();
    outcome
}

/// Answers the one request on stdin, on stdout.
pub(crate) fn acquire(settings: Settings) -> Result<(), Error> {
    logs::install(settings.agent.log_format, settings.agent.log_level);
    let mut line = Vec::new();
    let limit = u64::try_from(REQUEST_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().lock().take(limit).read_until(b'\n', &mut line).map_err(Error::Stdin)?;
    let request = Request::decode(&line).map_err(Error::Request)?;
    let runtime = runtime()?;
    let outcome = match request {
        Request::Acquire(acquire) => runtime.block_on(acquired(settings, acquire)),
        Request::Refresh {} | Request::Status {} => {
            tell(&refused(Code::CONFIG, "once --acquire takes a request for an ENI".to_string()))
        }
    };
    runtime.shutdown_background();
    outcome
}

fn tell(reply: &Reply) -> Result<(), Error> {
    let line = reply.encode().map_err(Error::Request)?;
    show(&String::from_utf8_lossy(&line));
    Ok(())
}

async fn acquired(settings: Settings, acquire: Acquire) -> Result<(), Error> {
    let end = Instant::now() + acquire.patience();
    let store = Arc::new(Store::open(&settings.state_dir)?);
    let _alone = match store.try_device_lock(AGENT_LOCK)? {
        Some(alone) => alone,
        None => {
            // A daemon answers over its socket. Another one like this is waited for: it does what this one would.
            let request = Request::Acquire(acquire.clone());
            if let Ok(reply) = ask(&settings.state_dir, &request, acquire.patience()).await {
                return tell(&reply);
            }
            match store.device_lock(AGENT_LOCK, end.saturating_duration_since(Instant::now())).await {
                Ok(alone) => alone,
                Err(lock::Error::Held { .. }) => {
                    return tell(&refused(
                        Code::TRY_AGAIN,
                        "another run of the agent does not end: try again".to_string(),
                    ));
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let (asks, _signals, channels) = channels();
    let (sender, receiver) = oneshot::channel();
    let left = end.saturating_duration_since(Instant::now());
    let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let asking = Asking { number: 0, acquire: Acquire { deadline_ms, ..acquire }, reply: sender };
    // The channel is new, and has room.
    drop(asks.try_send(Ask::Acquire(asking)));
    let agent = run::agent(run::site(settings, store, None)?, channels)?.without_describes();
    tell_first(agent.run(Until::Answered(end)), receiver, tell).await
}

/// Tells the reply as soon as it is known. What is under way then has its time to end.
async fn tell_first<E>(
    run: impl Future<Output = Result<(), E>>,
    mut reply: oneshot::Receiver<Reply>,
    tell: impl FnOnce(&Reply) -> Result<(), Error>,
) -> Result<(), Error>
where
    Error: From<E>,
{
    let mut run = std::pin::pin!(run);
    tokio::select! {
        biased;
        Ok(reply) = &mut reply => {
            tell(&reply)?;
            return Ok(run.await?);
        }
        ended = &mut run => ended?,
    }
    tell(&reply.await.unwrap_or_else(|_| refused(Code::TRY_AGAIN, "no ENI came in time: try again".to_string())))
}

/// Shows what would be done.
pub(crate) fn plan(settings: Settings) -> Result<(), Error> {
    logs::install(settings.agent.log_format, settings.agent.log_level);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let store = Arc::new(Store::open(&settings.state_dir)?);
        let (_asks, _signals, channels) = channels();
        let agent = run::agent(run::site(settings, store, None)?, channels)?.without_describes();
        let (observed, plan) = agent.preview(PREVIEW).await?;
        let lines: String = plan.actions.iter().map(|action| format!("{action}\n")).collect();
        let plan = serde_json::to_string_pretty(&plan).map_err(Error::Encode)?;
        show(&format!("{observed:#?}\n\n{plan}\n\n{lines}"));
        Ok(())
    });
    runtime.shutdown_background();
    outcome
}

fn channels() -> (mpsc::Sender<Ask>, mpsc::Sender<Signal>, Channels) {
    let (asks, asked) = mpsc::channel(1);
    let (signal, signals) = mpsc::channel(1);
    (asks, signal, Channels { asks: asked, signals })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_reply_is_told_before_what_is_under_way_has_ended() {
        let begin = Instant::now();
        let (sender, receiver) = oneshot::channel();
        let run = async {
            sender.send(Reply::Refreshed {}).unwrap();
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok::<(), Error>(())
        };
        let mut told = None;
        let tell = |reply: &Reply| {
            told = Some((reply.clone(), begin.elapsed()));
            Ok(())
        };
        tell_first(run, receiver, tell).await.unwrap();
        assert_eq!(told, Some((Reply::Refreshed {}, Duration::ZERO)));
        assert_eq!(begin.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_ends_without_a_reply_is_told_as_such() {
        let (sender, receiver) = oneshot::channel();
        let run = async {
            drop(sender);
            Ok::<(), Error>(())
        };
        let mut told = None;
        tell_first(run, receiver, |reply| {
            told = Some(reply.clone());
            Ok(())
        })
        .await
        .unwrap();
        assert!(matches!(told, Some(Reply::Refused(refusal)) if refusal.code == Code::TRY_AGAIN.get()));
    }
}
