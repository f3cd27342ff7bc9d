//! What happens again and again: one Event, whose count is written now and then. Pure but for tokio's clock.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use node::names::{EniId, PoolName};
use tokio::time::Instant;

use super::home::Home;
use crate::agent::tidings::{About, Tiding, What};

/// Between two writes of a count.
const BETWEEN: Duration = Duration::from_secs(300);
/// After the first failure of the server with one of them.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// What does not happen again within this time is new then; the server has forgotten it as well (`--event-ttl`, an hour).
const REMEMBERED: Duration = Duration::from_secs(3000);
/// Of more than this, the one that happened longest ago is forgotten.
const MOST: usize = 256;

/// What makes two tidings the same one. Not their words: EC2 puts ids of its own into its messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    about: Name,
    what: What,
    eni: Option<EniId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Node,
    Pool(PoolName),
    Pod { namespace: String, name: String, uid: Option<String> },
}

impl Key {
    fn of(tiding: &Tiding) -> Self {
        let about = match &tiding.about {
            About::Node => Name::Node,
            About::Pool(pool) => Name::Pool(pool.clone()),
            About::Pod(pod) => {
                Name::Pod { namespace: pod.namespace.clone(), name: pod.name.clone(), uid: pod.uid.clone() }
            }
        };
        Self { about, what: tiding.what, eni: tiding.eni.clone() }
    }
}

/// How often it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Series {
    pub(super) count: u32,
    pub(super) last: Timestamp,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Due {
    New(Box<Event>),
    Again(Box<Event>, Series),
}

impl Due {
    pub(super) fn event(&self) -> &Event {
        match self {
            Self::New(event) | Self::Again(event, _) => event,
        }
    }
}

#[derive(Debug)]
struct One {
    /// Each its own, in their order.
    number: u64,
    event: Event,
    series: Series,
    happened: Instant,
    /// The count that was written last, and when.
    written: Option<(u32, Instant)>,
    /// How often the server has failed with it in a row, and when it is tried again.
    failed: Option<(u32, Instant)>,
}

impl One {
    /// When it has to be written; nothing if it was.
    fn due(&self) -> Option<Instant> {
        let due = match self.written {
            None => self.happened,
            Some((count, at)) if count < self.series.count => at + BETWEEN,
            Some(_) => return None,
        };
        Some(self.failed.map_or(due, |(_, again)| due.max(again)))
    }
}

/// All that happened lately.
#[derive(Debug, Default)]
pub(super) struct All {
    by_key: HashMap<Key, One>,
    begun: u64,
}

impl All {
    /// Counts it, if it has happened before.
    pub(super) fn repeats(&mut self, tiding: &Tiding, now: Timestamp) -> bool {
        self.by_key.retain(|_, one| one.due().is_some() || one.happened.elapsed() < REMEMBERED);
        let Some(one) = self.by_key.get_mut(&Key::of(tiding)) else { return false };
        one.series = Series { count: one.series.count.saturating_add(1), last: now };
        // What waits for the server is as old as its first time.
        if one.written.is_some() {
            one.happened = Instant::now();
        }
        true
    }

    /// It happened for the first time. How many others are forgotten for it that nobody has read.
    pub(super) fn begin(&mut self, tiding: &Tiding, event: Event, now: Timestamp) -> usize {
        self.begun += 1;
        let series = Series { count: 1, last: now };
        let one = One { number: self.begun, event, series, happened: Instant::now(), written: None, failed: None };
        self.by_key.insert(Key::of(tiding), one);
        if self.by_key.len() <= MOST {
            return 0;
        }
        let oldest = self.by_key.iter().min_by_key(|(_, one)| one.happened).map(|(key, _)| key.clone());
        let forgotten = oldest.and_then(|key| self.by_key.remove(&key));
        usize::from(forgotten.is_some_and(|one| one.written.is_none()))
    }

    /// When the next has to be written.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_key.values().filter_map(One::due).min()
    }

    /// The one that has to be written now, if there is one.
    pub(super) fn due(&self) -> Option<(Key, Due)> {
        let due = self.by_key.iter().filter_map(|(key, one)| Some((one.due()?, key, one)));
        let (at, key, one) = due.min_by_key(|(at, _, one)| (*at, one.number))?;
        let event = Box::new(one.event.clone());
        let due = match one.written {
            None => Due::New(event),
            Some(_) => Due::Again(event, one.series),
        };
        (at <= Instant::now()).then(|| (key.clone(), due))
    }

    /// It was written.
    pub(super) fn written(&mut self, key: &Key) {
        if let Some(one) = self.by_key.get_mut(key) {
            // The first Event says nothing of how often.
            let count = one.written.map_or(1, |_| one.series.count);
            one.written = Some((count, Instant::now()));
            one.failed = None;
        }
    }

    /// The server has failed with this one: the others go first, and each further time it waits twice as long.
    pub(super) fn put_off(&mut self, key: &Key) {
        if let Some(one) = self.by_key.get_mut(key) {
            let failures = one.failed.map_or(0, |(failures, _)| failures);
            let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(BETWEEN);
            one.failed = Some((failures.saturating_add(1), Instant::now() + pause));
        }
    }

    /// It is tried where older servers want it.
    pub(super) fn rehome(&mut self, key: &Key) {
        if let Some(one) = self.by_key.get_mut(key) {
            Home::of_older_servers().take_in(&mut one.event);
        }
    }

    pub(super) fn is_written(&self, key: &Key) -> bool {
        self.by_key.get(key).is_some_and(|one| one.written.is_some())
    }

    /// The next time it is new.
    pub(super) fn forget(&mut self, key: &Key) {
        self.by_key.remove(key);
    }
}
