//! Runs a verb to its end, beside the signals.

use std::convert::Infallible;
use std::ffi::OsString;
use std::future::pending;
use std::io::{self, Read};
use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::request::{self, Request};
use super::{Answer, io_error};
use crate::verb::Verb;
use crate::{Code, Death, Error, Interrupt, Plugin, Version, panics};

/// How long a verb may go on after a signal, to roll back.
const GRACE: Duration = Duration::from_secs(5);

pub(super) fn answer<P: Plugin>(
    plugin: &P,
    verb: Verb,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
    interrupt: &Interrupt,
    signals: impl Future<Output = io::Error>,
) -> Answer {
    let (mut version, mut attachment) = (Version::LATEST, None);
    let end = panics::captured(|| {
        let request = match request::read(verb, env, stdin, interrupt, &mut version) {
            Ok(request) => request,
            Err(error) => return End::Own(Err(error)),
        };
        attachment = request.attachment().cloned();
        block_on(supervised(execute(plugin, &request, version), interrupt, signals))
    });
    let outcome = match end.unwrap_or_else(End::Death) {
        End::Own(outcome) => outcome,
        End::Death(error) => {
            let death = Death { verb: verb.as_str(), attachment: attachment.as_ref(), error: &error };
            // The runtime is answered whatever happens.
            drop(panics::captured(|| plugin.died(&death)));
            Err(error)
        }
    };
    Answer { version, outcome }
}

/// How a verb ended.
enum End<T> {
    /// By itself.
    Own(Result<T, Error>),
    /// It was made to.
    Death(Error),
}

async fn execute<P: Plugin>(plugin: &P, request: &Request, version: Version) -> Result<Option<Value>, Error> {
    match request {
        Request::Add(request) => plugin.add(request).await.map(|result| Some(result.encode(version))),
        Request::Del(request) => plugin.del(request).await.map(|()| None),
        Request::Check(request) => plugin.check(request).await.map(|()| None),
        Request::Gc(request) => plugin.gc(request).await.map(|()| None),
        Request::Status(request) => plugin.status(request).await.map(|()| None),
    }
}

/// Runs a verb beside the signals. After one it has [`GRACE`] for its own error.
async fn supervised<T>(
    verb: impl Future<Output = Result<T, Error>>,
    interrupt: &Interrupt,
    signals: impl Future<Output = io::Error>,
) -> End<T> {
    let deadline = async {
        let signal = interrupt.raised().await;
        tokio::time::sleep(GRACE).await;
        signal
    };
    let signals = async {
        let error = signals.await;
        log::warn!("going on without handling signals: {error}");
        pending::<Infallible>().await
    };
    let (verb, deadline, signals) = (pin!(verb), pin!(deadline), pin!(signals));
    tokio::select! {
        // The handlers are set before the verb does anything.
        biased;
        never = signals => match never {},
        outcome = verb => End::Own(outcome),
        signal = deadline => {
            let msg = format!("stopped by {signal} before it was done, try again");
            End::Death(Error::new(Code::TRY_AGAIN, msg).with_details("the roll-back did not end in 5 s"))
        }
    }
}

fn block_on<T>(future: impl Future<Output = End<T>>) -> End<T> {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return End::Own(Err(io_error("start the event loop", &error))),
    };
    let mut guard = NoWait(Some(runtime));
    match &mut guard.0 {
        Some(runtime) => runtime.block_on(future),
        None => End::Own(Err(Error::new(Code::INTERNAL, "the event loop is gone"))),
    }
}

/// A runtime whose end does not wait for blocking calls: one that hangs in the kernel must not hold back the answer, even
/// that of a panic.
struct NoWait(Option<Runtime>);

impl Drop for NoWait {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
