//! Events on NodeENIs, pods and the Node. What happens again is the same Event, written anew a few times an hour at most; what
//! happens too often is dropped, and counted. The loop never waits for any of it.

mod bucket;
mod home;
mod object;
mod series;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Client, Resource, core};
use serde::de::IgnoredAny;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use self::bucket::Bucket;
use self::home::Home;
use self::object::{Reporter, event, series_of};
use self::series::{All, Due, Series};
use super::publish::pace::Pace;
use super::snapshot::Known;
use super::write::{Error, FIELD_MANAGER, send};
use crate::agent::tidings::Tiding;
use crate::apply::policy::reason;
use crate::seen::metrics::Metrics;

/// Tidings that nobody has taken yet.
pub(crate) const MOST_WAITING: usize = 256;
/// What is counted of it.
const OBJECT: &str = "event";
/// Longer than any wait.
const LONG: Duration = Duration::from_secs(3600);

/// Who writes them.
pub(crate) struct Writer {
    pub(crate) client: Client,
    /// The Node's name.
    pub(crate) node: String,
    pub(crate) metrics: Metrics,
}

impl Writer {
    /// Writes what it is told, until nobody tells any more.
    pub(crate) async fn run(self, mut tidings: mpsc::Receiver<Tiding>, known: watch::Receiver<Known>) {
        let (mut all, mut bucket, mut pace) = (All::default(), Bucket::full(), Pace::new());
        let mut home = Home::default();
        loop {
            let due = all.next_due().map(|due| due.max(pace.not_before()));
            tokio::select! {
                tiding = tidings.recv() => match tiding {
                    Some(tiding) => self.meet(&tiding, &known.borrow(), home, &mut all, &mut bucket),
                    None => return,
                },
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + LONG)) => {
                    self.write(&mut all, &mut pace, &mut home).await;
                }
            }
        }
    }

    fn meet(&self, tiding: &Tiding, known: &Known, home: Home, all: &mut All, bucket: &mut Bucket) {
        let now = Timestamp::now();
        if all.repeats(tiding, now) {
            return self.metrics.event("folded");
        }
        if !bucket.takes_one() {
            return self.metrics.event("dropped");
        }
        let reporter = Reporter { node: &self.node, known };
        let mut event = event(tiding, &reporter, now);
        home.take_in(&mut event);
        for _ in 0..all.begin(tiding, event, now) {
            self.metrics.event("dropped");
        }
    }

    /// The next one that is due.
    async fn write(&self, all: &mut All, pace: &mut Pace, home: &mut Home) {
        let Some((key, due)) = all.due() else { return };
        let answer = match &due {
            Due::New(event) => self.create(event).await,
            Due::Again(event, series) => self.count(event, *series).await,
        };
        self.metrics.api_written(OBJECT, answer.as_ref().map_or_else(Error::class, |()| "ok"));
        match answer {
            Ok(()) => {
                self.metrics.event("written");
                home.served(due.event());
                all.written(&key);
                pace.well();
            }
            // Its name is its own: it was made, and that answer was lost.
            Err(error) if error.code() == Some(409) && !all.is_written(&key) => all.written(&key),
            // The server keeps an Event for an hour after it was last written; then it is a new one.
            Err(error) if error.code() == Some(404) && all.is_written(&key) => all.forget(&key),
            Err(error) if error.code() == Some(422) && Home::may_be_another(due.event()) => all.rehome(&key),
            Err(error) if error.may_pass() => {
                log::warn!("{}", reason(&error));
                pace.failed(error.after());
                // It may be this one that the server cannot write; when it is all of them, the pace is for all.
                if error.class() == "server" {
                    all.put_off(&key);
                }
            }
            Err(error) => {
                log::warn!("{}", reason(&error));
                self.metrics.event("refused");
                all.forget(&key);
            }
        }
    }

    async fn create(&self, event: &Event) -> Result<(), Error> {
        let data = serde_json::to_vec(event).unwrap_or_default();
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_string()), ..PostParams::default() };
        self.send(event, events(event).create(&parameters, data)).await
    }

    async fn count(&self, event: &Event, series: Series) -> Result<(), Error> {
        let name = event.metadata.name.as_deref().unwrap_or_default();
        let patch = series_of(series);
        self.send(event, events(event).patch(name, &PatchParams::default(), &Patch::Merge(&patch))).await
    }

    async fn send(&self, event: &Event, request: super::write::Request) -> Result<(), Error> {
        let what = format!("write an Event {}", event.reason.as_deref().unwrap_or_default());
        send::<IgnoredAny>(&self.client, &what, request).await.map(drop)
    }
}

fn events(event: &Event) -> core::Request {
    core::Request::new(Event::url_path(&(), event.metadata.namespace.as_deref()))
}
