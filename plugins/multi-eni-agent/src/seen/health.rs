//! Whether the agent is alive, and whether what it depends on is there: for `/healthz` and `/readyz`. Asking costs no call
//! of EC2 or IMDS, and works while the agent has nothing to do.

mod checks;
mod dependency;
#[cfg(test)]
mod tests;

use super::probe::{Endpoint, Found, Probe};
use crate::view::age;
pub(crate) use checks::Checks;
pub(crate) use dependency::{Heard, Line};
use node::files::{self, Folder};
use node::settings::Manifests;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A service that is gone is noticed after this time at the latest.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// A page: a full tmpfs has none to give.
const PROBE_BYTES: usize = 4096;

/// What the agent depends on.
#[derive(Debug, Clone)]
pub(crate) struct Dependencies {
    /// Nothing where it is not known: then its own answers tell.
    pub(crate) ec2: Option<Endpoint>,
    pub(crate) imds: Endpoint,
    /// The folder of the records.
    pub(crate) state_dir: PathBuf,
    pub(crate) manifests: Manifests,
}

/// How a dependency answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It serves, whatever it said about this request.
    Served,
    /// It lets us do nothing (credentials, rights): not ready until it serves again.
    Refused(String),
    /// Nothing answered. Where a connection can be made later, it is there again.
    Silent(String),
}

/// What is known of the agent's health. A clone knows the same.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dependencies: Dependencies,
    longest_rest: Duration,
    last_turn: Mutex<Turn>,
    ec2: Heard,
    imds: Heard,
    kernel: Heard,
    kubernetes: Heard,
    /// The API server has told all that the agent acts on, once.
    is_cluster_known: AtomicBool,
    ec2_connection: Probe,
    imds_connection: Probe,
    records: Probe,
}

/// What the loop has done since when.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Rests { since: Instant },
    Passes { since: Instant, limit: Duration },
}

/// A pass under way; its drop is the pass's end.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pass {
    inner: Arc<Inner>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.inner.turn(Turn::Rests { since: Instant::now() });
    }
}

/// An answer to a question about health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) good: bool,
    /// One a dependency, without credentials.
    pub(crate) lines: Vec<String>,
}

impl Report {
    /// That of these lines, good if all of them are.
    pub(crate) fn of(lines: impl IntoIterator<Item = Line>) -> Self {
        let lines: Vec<Line> = lines.into_iter().collect();
        Self { good: lines.iter().all(|line| line.good), lines: lines.iter().map(Line::text).collect() }
    }
}

impl Health {
    /// That of an agent whose loop makes a pass at the latest after `longest_rest`, asked for or not.
    pub(crate) fn new(dependencies: Dependencies, longest_rest: Duration) -> Self {
        Self::looking_every(dependencies, longest_rest, FRESH_FOR)
    }

    fn looking_every(dependencies: Dependencies, longest_rest: Duration, fresh_for: Duration) -> Self {
        let inner = Inner {
            dependencies,
            longest_rest,
            last_turn: Mutex::new(Turn::Rests { since: Instant::now() }),
            ec2: Heard::default(),
            imds: Heard::default(),
            kernel: Heard::default(),
            kubernetes: Heard::default(),
            is_cluster_known: AtomicBool::new(false),
            ec2_connection: Probe::new(fresh_for),
            imds_connection: Probe::new(fresh_for),
            records: Probe::new(fresh_for),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A pass of the loop begins that must end within `limit`.
    pub(crate) fn pass_begins(&self, limit: Duration) -> Pass {
        self.inner.turn(Turn::Passes { since: Instant::now(), limit });
        Pass { inner: Arc::clone(&self.inner) }
    }

    /// EC2 was called for this action.
    pub(crate) fn ec2(&self, action: &'static str, answer: Answer) {
        self.inner.ec2.hear(action, answer);
    }

    /// IMDS was asked.
    pub(crate) fn imds(&self, answer: Answer) {
        self.inner.imds.hear("question", answer);
    }

    /// The kernel was asked for its links.
    pub(crate) fn kernel(&self, answer: Answer) {
        self.inner.kernel.hear("dump", answer);
    }

    /// The API server of Kubernetes was asked.
    pub(crate) fn kubernetes(&self, answer: Answer) {
        self.inner.kubernetes.hear("request", answer);
    }

    /// The API server has told all that the agent acts on. From now on it can be away: what is known goes on.
    pub(crate) fn cluster_is_known(&self) {
        self.inner.is_cluster_known.store(true, Ordering::Relaxed);
    }

    /// Whether the loop lives: no pass hangs, and none stays out.
    pub(crate) fn alive(&self) -> Report {
        let turn = *self.inner.last_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, since, limit) = match turn {
            Turn::Rests { since } => ("waits for something to do", since, self.inner.longest_rest),
            Turn::Passes { since, limit } => ("makes a pass", since, limit),
        };
        let (good, since, limit) = (since.elapsed() <= limit, age(since.elapsed().as_secs()), age(limit.as_secs()));
        let line = match good {
            true => format!("loop: ok, {what} for {since}"),
            false => format!("loop: hangs, {what} for {since}, and should for {limit} at most"),
        };
        Report { good, lines: vec![line] }
    }

    /// Whether all that the agent depends on is there.
    pub(crate) async fn ready(&self) -> Report {
        let inner = &self.inner;
        let (ec2, imds, records) = tokio::join!(
            connection(&inner.ec2_connection, inner.dependencies.ec2.as_ref()),
            inner.imds_connection.ask(inner.dependencies.imds.connect()),
            inner.records.ask(can_write(inner.dependencies.state_dir.clone())),
        );
        let mut lines = vec![
            inner.ec2.as_far_as_known("ec2", ec2.as_ref()),
            inner.imds.with_connection("imds", &imds),
            inner.kernel.alone("kernel"),
            written(&records),
        ];
        if inner.dependencies.manifests == Manifests::Kubernetes {
            lines.push(inner.kubernetes.remembered("kubernetes", inner.is_cluster_known.load(Ordering::Relaxed)));
        }
        Report::of(lines)
    }
}

impl Inner {
    fn turn(&self, turn: Turn) {
        *self.last_turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

/// What a connection tells, if it is known where to.
pub(crate) async fn connection(probe: &Probe, to: Option<&Endpoint>) -> Option<Found> {
    Some(probe.ask(to?.connect()).await)
}

fn written(found: &Found) -> Line {
    match &found.result {
        Ok(()) => Line::good("records", format!("written {} ago", age(found.at.elapsed().as_secs()))),
        Err(error) => Line::bad("records", error),
    }
}

/// In a folder of its own, so that nobody who watches the records is woken.
async fn can_write(state_dir: PathBuf) -> Result<(), String> {
    let write = move || write_and_remove(&state_dir.join("health"));
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(with_source(&error)),
        Err(error) => Err(error.to_string()),
    }
}

fn write_and_remove(folder: &Path) -> Result<(), files::Error> {
    let folder = Folder::create(folder)?;
    folder.write("probe", &[0; PROBE_BYTES])?;
    folder.remove("probe").map(drop)
}

fn with_source(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
