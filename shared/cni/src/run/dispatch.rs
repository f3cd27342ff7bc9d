//! Checks a request in the order of the Go library and runs its verb.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Read};
use std::pin::pin;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};

use super::{Answer, input, io_error};
use crate::config::{self, PrevResult};
use crate::environment::{self, Target, Verb};
use crate::{
    AddRequest, Attachment, CheckRequest, Code, DelRequest, Environment, Error, GcRequest, Interrupt, NetworkConfig,
    NetworkName, Plugin, StatusRequest, Version, panics,
};

/// How long a verb may go on after a signal, to roll back.
const GRACE: Duration = Duration::from_secs(5);

/// A checked request.
enum Request {
    Add(AddRequest),
    Del(DelRequest),
    Check(CheckRequest),
    Gc(GcRequest),
    Status(StatusRequest),
}

pub(super) fn answer<P: Plugin>(
    plugin: &P,
    verb: Verb,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
    interrupt: &Interrupt,
    signals: impl Future<Output = io::Error>,
) -> Answer {
    let mut version = Version::LATEST;
    let outcome = panics::captured(|| {
        let request = request(verb, env, stdin, interrupt, &mut version)?;
        let spoken = version;
        block_on(async { supervised(execute(plugin, &request, spoken), interrupt, signals).await })
    });
    Answer { version, outcome }
}

/// Checks environment, stdin, JSON, name and version in that order, then the rest. `spoken` becomes the version of the
/// configuration as soon as that is known, so that errors are told in it.
fn request(
    verb: Verb,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
    interrupt: &Interrupt,
    spoken: &mut Version,
) -> Result<Request, Error> {
    let (target, environment) = match verb {
        Verb::Add | Verb::Del | Verb::Check => {
            let (target, environment) = environment::attachment(verb, env)?;
            (Some(target), environment)
        }
        Verb::Gc | Verb::Status | Verb::Version => (None, environment::network(env)),
    };
    let raw = input::read(stdin)?;
    if let Ok(version) = config::version(&raw) {
        *spoken = version;
    }
    let name = config::name(&raw)?;
    let version = config::version(&raw)?;
    since(verb, version)?;
    let network = Network { raw, name, version, environment, interrupt: interrupt.clone() };
    match target {
        Some(target) => network.attachment(verb, target),
        None => network.whole(verb),
    }
}

/// CHECK came with 0.4.0, GC and STATUS with 1.1.0.
fn since(verb: Verb, version: Version) -> Result<(), Error> {
    let first = match verb {
        Verb::Check => Version::V0_4_0,
        Verb::Gc | Verb::Status => Version::V1_1_0,
        Verb::Add | Verb::Del | Verb::Version => Version::V0_3_0,
    };
    if version >= first {
        return Ok(());
    }
    let msg = format!("{verb} needs cniVersion {first} or newer, the network configuration has {version}");
    Err(Error::new(Code::INCOMPATIBLE_VERSION, msg))
}

struct Network {
    raw: Map<String, Value>,
    name: NetworkName,
    version: Version,
    environment: Environment,
    interrupt: Interrupt,
}

impl Network {
    fn attachment(self, verb: Verb, target: Target) -> Result<Request, Error> {
        let Self { raw, name, version, environment, interrupt } = self;
        let Target { container_id, ifname, netns } = target;
        let attachment = Attachment { network: name.clone(), container_id, ifname };
        let prev_result = if verb == Verb::Del { PrevResult::Lenient } else { PrevResult::Strict };
        let config = NetworkConfig::parse(raw, name, version, prev_result)?;
        if verb == Verb::Del {
            return Ok(Request::Del(DelRequest { attachment, netns, config, environment, interrupt }));
        }
        let netns = netns.ok_or_else(|| Error::new(Code::ENVIRONMENT, format!("{verb} needs CNI_NETNS")))?;
        if verb == Verb::Add {
            return Ok(Request::Add(AddRequest { attachment, netns, config, environment, interrupt }));
        }
        if config.prev_result.is_none() {
            return Err(Error::new(Code::CONFIG, "CHECK needs prevResult in the network configuration"));
        }
        Ok(Request::Check(CheckRequest { attachment, netns, config, environment, interrupt }))
    }

    fn whole(self, verb: Verb) -> Result<Request, Error> {
        let Self { raw, name, version, environment, interrupt } = self;
        let config = NetworkConfig::parse(raw, name, version, PrevResult::Ignored)?;
        if verb == Verb::Status {
            return Ok(Request::Status(StatusRequest { config, environment, interrupt }));
        }
        let valid = input::valid_attachments(&config.raw)?;
        Ok(Request::Gc(GcRequest { valid, config, environment, interrupt }))
    }
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
) -> Result<T, Error> {
    let deadline = async {
        let signal = interrupt.raised().await;
        tokio::time::sleep(GRACE).await;
        signal
    };
    let signals = async {
        let error = signals.await;
        log::warn!("going on without handling signals: {error}");
        std::future::pending::<Infallible>().await
    };
    let (verb, deadline, signals) = (pin!(verb), pin!(deadline), pin!(signals));
    tokio::select! {
        // The handlers are set before the verb does anything.
        biased;
        never = signals => match never {},
        outcome = verb => outcome,
        signal = deadline => {
            let msg = format!("stopped by {signal} before it was done, try again");
            Err(Error::new(Code::TRY_AGAIN, msg).with_details("the roll-back did not end in 5 s"))
        }
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| io_error("start the event loop", &error))?;
    let mut guard = NoWait(Some(runtime));
    match &mut guard.0 {
        Some(runtime) => runtime.block_on(future),
        None => Err(Error::new(Code::INTERNAL, "the event loop is gone")),
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
