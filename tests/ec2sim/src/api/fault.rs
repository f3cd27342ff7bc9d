//! Faults to order: what the API does wrong, at which calls.

use std::time::Duration;

use crate::cloud::Cloud;
use crate::rng::Rng;

use super::action::Action;
use super::refusal::Refusal;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused, and nothing is done.
    Refused(Refusal),
    /// Nothing is done, and the connection stays open and silent.
    Hangs,
    /// Nothing is done, and the connection is closed.
    Drops,
    /// It is done, and the connection is closed instead of the answer.
    LosesTheAnswer,
    /// It is done, and the answer comes so much later.
    Slow(Duration),
    /// A DescribeNetworkInterfaces answers with what was so long ago, up to ten minutes.
    Stale(Duration),
}

/// What the whole API is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outage {
    /// It works.
    #[default]
    No,
    /// Nothing listens: connections are refused, and those that are there are closed.
    Unreachable,
    /// Every connection stays open and silent.
    Silent,
    /// `Unavailable`, 503.
    Unavailable,
}

/// Which of the calls that fit.
#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    /// Counted from 1, of those that come after the order.
    Nth(u32),
    Every(u32),
    Percent(u32),
}

#[derive(Debug)]
struct Order {
    action: Option<Action>,
    principal: Option<String>,
    when: When,
    seen: u32,
    left: Option<u32>,
    fault: Fault,
}

impl Order {
    fn fits(&self, principal: &str, action: Action) -> bool {
        let mine = self.principal.as_deref().is_none_or(|of| of == principal);
        mine && self.action.is_none_or(|of| of == action) && self.left != Some(0)
    }

    fn strikes(&mut self, rng: &mut Rng) -> bool {
        self.seen += 1;
        let strikes = match self.when {
            When::Always => true,
            When::Nth(nth) => self.seen == nth,
            When::Every(every) => self.seen.is_multiple_of(every.max(1)),
            When::Percent(percent) => rng.next() % 100 < u64::from(percent),
        };
        if strikes {
            self.left = self.left.map(|left| left - 1);
        }
        strikes
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Order>);

impl Faults {
    /// The fault for this call. Every order that fits counts it; the first that strikes is it.
    pub(crate) fn take(&mut self, principal: &str, action: Action, rng: &mut Rng) -> Option<Fault> {
        let mut struck = None;
        for order in self.0.iter_mut().filter(|order| order.fits(principal, action)) {
            if struck.is_none() && order.strikes(rng) {
                struck = Some(order.fault.clone());
            }
        }
        struck
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A fault to be ordered, for every call of its action unless said otherwise.
#[derive(Debug)]
#[must_use = "nothing is ordered before the fault is named"]
pub struct ApiFaultBuilder<'a> {
    cloud: &'a Cloud,
    action: Option<Action>,
    principal: Option<String>,
    when: When,
    times: Option<u32>,
}

impl<'a> ApiFaultBuilder<'a> {
    pub(crate) fn new(cloud: &'a Cloud, action: Option<Action>) -> Self {
        Self { cloud, action, principal: None, when: When::Always, times: None }
    }

    /// Only for calls of this principal.
    pub fn of(mut self, principal: &str) -> Self {
        self.principal = Some(principal.to_owned());
        self
    }

    /// Only the nth call from now, counted from 1.
    pub fn nth(mut self, nth: u32) -> Self {
        self.when = When::Nth(nth);
        self
    }

    /// Each call whose number divides by this: 2 is the second, the fourth, …
    pub fn every(mut self, every: u32) -> Self {
        self.when = When::Every(every);
        self
    }

    /// So many of a hundred, by the seed.
    pub fn percent(mut self, percent: u32) -> Self {
        self.when = When::Percent(percent);
        self
    }

    /// Not more often than this.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Refused with this code of EC2, as `InsufficientFreeAddressesInSubnet`, and the status that comes with it.
    pub fn refuses(self, code: &str) {
        let refusal = Refusal::new(code.to_owned(), "ordered by the test");
        self.does(Fault::Refused(refusal));
    }

    /// `RequestLimitExceeded`, 503.
    pub fn throttles(self) {
        self.refuses("RequestLimitExceeded");
    }

    /// `InternalError`, 500.
    pub fn is_broken(self) {
        self.refuses("InternalError");
    }

    /// `Unavailable`, 503.
    pub fn is_unavailable(self) {
        self.refuses("Unavailable");
    }

    /// Never answers, and does nothing.
    pub fn hangs(self) {
        self.does(Fault::Hangs);
    }

    /// Closes the connection, and does nothing.
    pub fn drops(self) {
        self.does(Fault::Drops);
    }

    /// Does it and closes the connection.
    pub fn loses_the_answer(self) {
        self.does(Fault::LosesTheAnswer);
    }

    /// Does it and answers later.
    pub fn is_slow(self, by: Duration) {
        self.does(Fault::Slow(by));
    }

    /// Answers a DescribeNetworkInterfaces with what was so then.
    pub fn is_stale(self, by: Duration) {
        self.does(Fault::Stale(by));
    }

    /// This fault.
    pub fn does(self, fault: Fault) {
        let Self { cloud, action, principal, when, times } = self;
        let order = Order { action, principal, when, seen: 0, left: times, fault };
        cloud.lock().api.faults.0.push(order);
    }
}
