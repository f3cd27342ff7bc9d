//! The loop: it looks, plans, and starts what the plan says, whenever something happened. It waits for nothing inside a pass:
//! what takes time is a task beside it, and ends as one more thing that happened.

pub(crate) mod clock;
mod devices;
mod ended;
mod holds;
pub(crate) mod ledger;
mod looks;
mod manifests;
mod memory;
mod needs;
mod pass;
mod records;
mod refusals;
pub(crate) mod requests;
pub(crate) mod site;
mod status;
mod surroundings;
pub(crate) mod tidings;
pub(crate) mod timetable;
mod unclear;
mod work;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
pub(crate) use self::{ended::REGULAR, holds::wait};

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use node::ask::Reply;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use self::clock::Clock;
use self::ended::{Pauses, Unlearned};
pub(crate) use self::manifests::Manifests;
use self::manifests::News;
use self::memory::Memory;
use self::pass::Last;
use self::requests::{Ask, Requests};
use self::site::Site;
pub(crate) use self::status::VERSION;
use self::tidings::Listeners;
use self::timetable::Timetable;
use self::work::{Ended, Job, Work};
use crate::kernel::{self, Event, Machine};

/// How long running tasks have to end when the agent does. What they were about is on disk before they begin.
const WIND_UP: Duration = Duration::from_secs(3);

/// What its process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To end.
    End,
    /// To look at everything again.
    Reload,
}

/// How long it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until it is told to end.
    Told,
    /// Until nothing is left to do, or this moment.
    Idle(Instant),
    /// Until the request that it was started for is answered, or this moment.
    Answered(Instant),
}

/// Where what happens comes from.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) signals: mpsc::Receiver<Signal>,
}

/// The agent of a node.
pub(crate) struct Agent<C, M, K> {
    site: Arc<Site<C, M, K>>,
    manifests: Manifests,
    memory: Memory,
    requests: Requests,
    work: Work,
    timetable: Timetable,
    channels: Channels,
    listeners: Listeners,
    /// The host's links may be others than those that are remembered.
    links_are_stale: bool,
    /// Somebody may have died.
    verdicts_are_due: bool,
    next_verdicts: u64,
    /// When the instance metadata are read again, which follow what happens by seconds.
    metadata_due: Option<u64>,
    /// What is counted by ends of actions and questions to EC2, so that an answer is known to be older than an action.
    moment: u64,
    /// EC2 has said what is on the instance since this agent began.
    attached_known: bool,
    pauses: Pauses,
    unlearned: Option<Unlearned>,
    refreshes: Vec<Refresh>,
    statuses: Vec<oneshot::Sender<Reply>>,
    last: Last,
}

impl<C, M, K> std::fmt::Debug for Agent<C, M, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("memory", &self.memory).field("last", &self.last).finish_non_exhaustive()
    }
}

/// Somebody who waits for a fresh look.
#[derive(Debug)]
struct Refresh {
    reply: oneshot::Sender<Reply>,
    looks_at: LooksAt,
}

/// What a refresh waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LooksAt {
    /// A pass, which is never far.
    Node,
    /// EC2's answer, and a pass after it.
    Ec2,
}

type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// Something that happened.
enum Happened {
    Signal(Option<Signal>),
    Ended(Job, Box<Result<Ended, tokio::task::JoinError>>),
    Event(Option<Event>),
    Ask(Option<Ask>),
    /// The API server said something new.
    News(News),
    Time,
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    pub(crate) fn new(site: Site<C, M, K>, manifests: Manifests, channels: Channels) -> Self {
        let timetable = Timetable::of(&site.settings.agent, site.clock.now());
        Self {
            site: Arc::new(site),
            manifests,
            memory: Memory::default(),
            requests: Requests::default(),
            work: Work::default(),
            timetable,
            channels,
            listeners: Listeners::default(),
            links_are_stale: true,
            verdicts_are_due: true,
            next_verdicts: 0,
            metadata_due: None,
            moment: 0,
            attached_known: false,
            pauses: Pauses::default(),
            unlearned: None,
            refreshes: Vec::new(),
            statuses: Vec::new(),
            last: Last::default(),
        }
    }

    /// The same, which tells these of what happens.
    pub(crate) fn heard_by(mut self, listeners: Listeners) -> Self {
        self.listeners = listeners;
        self
    }

    /// For a process that ends soon: nothing is put off, for there is no later.
    pub(crate) fn hasty(mut self) -> Self {
        self.timetable = Timetable::at_once(&self.site.settings.agent, self.site.clock.now());
        self
    }

    /// For a process that does one thing: EC2 is asked about an ENI only where that thing needs it.
    pub(crate) fn without_describes(mut self) -> Self {
        self = self.hasty();
        self.timetable.not_described(u64::MAX);
        self
    }

    /// Runs until it is told to end, or has nothing left to do.
    ///
    /// # Errors
    /// The machine cannot say what changes.
    pub(crate) async fn run(mut self, until: Until) -> Result<(), kernel::Error> {
        let mut events: Option<Events> = Some(Box::pin(self.site.machine.events()?));
        self.read_manifests();
        // What was just before this start, they may not say yet.
        self.metadata_will_change();
        while let Ok(ask) = self.channels.asks.try_recv() {
            self.asked(ask);
        }
        loop {
            let next = self.pass().await;
            if self.is_over(until) {
                break;
            }
            let next = match until {
                Until::Told => next,
                Until::Idle(end) | Until::Answered(end) => next.min(end),
            };
            if self.wait(&mut events, next).await == Flow::End {
                break;
            }
        }
        self.wind_up().await;
        Ok(())
    }

    fn is_over(&self, until: Until) -> bool {
        match until {
            Until::Told => false,
            Until::Idle(end) => Instant::now() >= end || (self.work.is_empty() && self.last.is_idle()),
            Until::Answered(end) => Instant::now() >= end || self.requests.is_empty(),
        }
    }

    /// Waits until something happens, and takes in all that has happened by then: many things cost one pass.
    async fn wait(&mut self, events: &mut Option<Events>, next: Instant) -> Flow {
        let first = self.happening(events, next).await;
        let mut flow = self.take(first, events);
        while flow == Flow::On {
            let more = match self.work.try_next() {
                Some((job, ended)) => Some(Happened::Ended(job, Box::new(ended))),
                None => self.happening(events, Instant::now() + WIND_UP).now_or_never(),
            };
            match more {
                Some(happened) => flow = self.take(happened, events),
                None => break,
            }
        }
        flow
    }

    async fn happening(&mut self, events: &mut Option<Events>, next: Instant) -> Happened {
        let event = async {
            match events {
                Some(events) => events.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            signal = self.channels.signals.recv() => Happened::Signal(signal),
            Some((job, ended)) = self.work.next(), if !self.work.is_empty() => Happened::Ended(job, Box::new(ended)),
            ask = self.channels.asks.recv() => Happened::Ask(ask),
            event = event => Happened::Event(event),
            news = self.manifests.changed() => Happened::News(news),
            () = sleep_until(next) => Happened::Time,
        }
    }

    fn take(&mut self, happened: Happened, events: &mut Option<Events>) -> Flow {
        match happened {
            Happened::Signal(None | Some(Signal::End)) => return Flow::End,
            Happened::Signal(Some(Signal::Reload)) => {
                log::info!("everything is looked at again");
                self.memory.forget_unclear();
                self.read_manifests();
                self.timetable.next_resync = self.site.clock.now();
            }
            Happened::Ended(job, ended) => self.ended(job, *ended),
            Happened::Event(Some(Event::LinksChanged)) => {
                self.links_are_stale = true;
                self.verdicts_are_due = true;
            }
            Happened::Event(Some(Event::RecordsChanged)) | Happened::Time => {}
            Happened::Event(Some(Event::ManifestsChanged)) => self.read_manifests(),
            Happened::Event(None) => {
                log::error!("the kernel tells of no change any more: the node is looked at every resync_seconds only");
                *events = None;
            }
            Happened::News(news) => self.hear(news),
            // The channel closes when nobody can ask any more; what is asked of it is never over before the loop is.
            Happened::Ask(None) => return Flow::End,
            Happened::Ask(Some(ask)) => self.asked(ask),
        }
        Flow::On
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Acquire(asking) => self.requests.add(asking, self.site.clock.now()),
            Ask::Withdraw(number) => self.requests.withdraw(number),
            Ask::Refresh(reply) => self.refresh(reply),
            // What it means is seen by the next pass.
            Ask::Allocated => {}
            Ask::Status(reply) => self.statuses.push(reply),
        }
    }

    /// Starts nothing more, and gives what runs a little time.
    async fn wind_up(&mut self) {
        let ended = async {
            while let Some((job, ended)) = self.work.next().await {
                if let (Job::Action { words, .. }, Err(error)) = (job, ended) {
                    log::error!("{words}: {error}");
                }
            }
        };
        if timeout(WIND_UP, ended).await.is_err() {
            log::info!("calls under way are left: the next agent takes them up from the records");
            self.work.abort();
        }
    }
}
