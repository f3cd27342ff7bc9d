//! The loop of whoever holds the Lease: look, plan, act. All that it does ends when it is dropped.

use std::collections::VecDeque;
use std::time::Duration;

use ec2::{Lifecycle, Query, Sweep};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use k8s_openapi::jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::action::Action;
use super::apply::{Hands, Outcome};
use super::memory::Memory;
use super::plan::{Now, Plan, plan};
use super::shown::Shown;
use super::watches::Told;

/// Between two passes: of what many nodes say at once, there is one.
const APART: Duration = Duration::from_millis(500);
/// The longest time between two passes, which shows that the loop lives.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(30);
/// Actions at once.
const AT_ONCE: usize = 8;

/// One tenure's work.
#[derive(Debug)]
pub(crate) struct Agent<'a, C> {
    hands: &'a Hands<C>,
    shown: &'a Shown,
    told: Told,
    memory: Memory,
    begin: Instant,
    waiting: VecDeque<Action>,
}

impl<'a, C: Lifecycle + Query + Sweep> Agent<'a, C> {
    /// One that knows nothing yet.
    pub(crate) fn new(hands: &'a Hands<C>, shown: &'a Shown) -> Self {
        let (told, memory, waiting) = (Told::default(), Memory::default(), VecDeque::new());
        Self { hands, shown, told, memory, begin: Instant::now(), waiting }
    }

    /// Works for as long as it is polled.
    pub(crate) async fn run(mut self) {
        let told = self.told.clone();
        tokio::select! {
            () = told.follow(&self.hands.client) => {}
            () = self.passes() => {}
        }
    }

    async fn passes(&mut self) {
        let hands = self.hands;
        let mut under_way = FuturesUnordered::new();
        let (mut last, mut next) = (self.begin, self.begin);
        loop {
            tokio::select! {
                Some(outcome) = under_way.next() => {
                    self.learn(outcome);
                    next = next.min(last + APART);
                }
                () = self.told.changed() => next = next.min(last + APART),
                () = sleep_until(next) => {
                    last = Instant::now();
                    next = self.pass();
                }
            }
            let free = AT_ONCE.saturating_sub(under_way.len());
            under_way.extend(self.waiting.drain(..self.waiting.len().min(free)).map(|action| hands.apply(action)));
        }
    }

    /// Plans, and says when to do so again though nothing happens.
    fn pass(&mut self) -> Instant {
        let latest = Instant::now() + LONGEST_REST;
        self.shown.health.passed();
        let Some(world) = self.told.world() else { return latest };
        let (now, begin) = (self.now(), Instant::now());
        let Plan { actions, next } = plan(&world, &mut self.memory, &self.hands.rules, now);
        self.shown.metrics.planned(begin.elapsed());
        for action in actions {
            self.memory.begins(&action, &world, now.at);
            // Many ENIs that go at the pace of EC2's bucket keep nothing else waiting.
            match action {
                Action::Delete(_) => self.waiting.push_back(action),
                _ => self.waiting.push_front(action),
            }
        }
        next.map_or(latest, |next| (self.begin + next).min(latest))
    }

    fn learn(&mut self, outcome: Outcome) {
        self.shown.acted(&outcome);
        // It is there since the first plan.
        let Some(world) = self.told.world() else { return };
        let now = self.now().at;
        self.memory.learns(&outcome.action, outcome.learned, &world, &self.hands.rules, now);
        self.shown.orphans(self.memory.sightings.len());
    }

    fn now(&self) -> Now {
        // What is written has whole seconds.
        let wall = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        Now { at: self.begin.elapsed(), wall }
    }
}
