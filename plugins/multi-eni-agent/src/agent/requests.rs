//! Plugins that wait for an ENI, over the socket or on stdin.

use std::collections::BTreeMap;
use std::time::Duration;

use cni::Code;
use node::ask::{Acquire, Ready, Refusal, Reply};
use node::inventory::State;
use node::names::{EniId, PoolName};
use node::record::{Owner, Pod};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::records::Records;
use super::refusals::Refusals;
use crate::apply::policy::{CONFIG, TRY_AGAIN};
use crate::plan::Standing;
use crate::seen::metrics::{Metrics, Outcome};
use crate::view::{RefusalView, RequestView};

/// How long an ENI is left to the plugin that was told of it. It claims within milliseconds; one that died must keep it from
/// nobody.
const OFFERED_FOR: Duration = Duration::from_secs(2);
/// The answer comes before the asker gives up, so that it says why.
const BEFORE_DEADLINE: Duration = Duration::from_millis(250);

/// A pod that waits for longer than EC2 takes as a rule is told why.
const LONG: Duration = Duration::from_secs(8);

/// What the loop is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    Acquire(Asking),
    /// The asker of this number is gone.
    Withdraw(u64),
    /// A pass and a look at EC2.
    Refresh(oneshot::Sender<Reply>),
    /// The kubelet was given devices.
    Allocated,
    Status(oneshot::Sender<Reply>),
}

/// A request for an ENI.
#[derive(Debug)]
pub(crate) struct Asking {
    /// Each its own.
    pub(crate) number: u64,
    pub(crate) acquire: Acquire,
    pub(crate) reply: oneshot::Sender<Reply>,
}

#[derive(Debug)]
struct Waiting {
    asking: Asking,
    since: u64,
    asked: Instant,
    deadline: Instant,
    /// Its pod was told that it waits.
    is_told: bool,
}

#[derive(Debug)]
struct Offer {
    pool: PoolName,
    until: Instant,
}

/// Those who wait, the first one first, those who were just told of one, and those who were refused.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: Vec<Waiting>,
    offers: BTreeMap<EniId, Offer>,
    refusals: Refusals,
}

impl Requests {
    pub(crate) fn add(&mut self, asking: Asking, now: u64) {
        let (asked, patience) = (Instant::now(), asking.acquire.patience());
        let deadline = asked + patience.saturating_sub(BEFORE_DEADLINE.min(patience / 10));
        self.waiting.push(Waiting { asking, since: now, asked, deadline, is_told: false });
    }

    pub(crate) fn withdraw(&mut self, number: u64) {
        self.waiting.retain(|waiting| waiting.asking.number != number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what is over: offers that were taken, or were not in time.
    pub(crate) fn prune(&mut self, held: &BTreeMap<EniId, Owner>) {
        let now = Instant::now();
        self.offers.retain(|eni, offer| offer.until > now && !held.contains_key(eni));
        self.waiting.retain(|waiting| !waiting.asking.reply.is_closed());
    }

    /// How many wait for an ENI of each pool. One that was told of an ENI and has not claimed it waits still.
    pub(crate) fn demand(&self) -> BTreeMap<PoolName, u32> {
        let mut demand = BTreeMap::new();
        let waiting = self.waiting.iter().map(|waiting| &waiting.asking.acquire.pool);
        for pool in waiting.chain(self.offers.values().map(|offer| &offer.pool)) {
            *demand.entry(pool.clone()).or_default() += 1;
        }
        demand
    }

    /// When the next one has to be answered, whatever happens.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let offers = self.offers.values().map(|offer| offer.until);
        let long = self.waiting.iter().filter(|waiting| waiting.asking.acquire.pod.is_some() && !waiting.is_told);
        let long = long.map(|waiting| waiting.asked + LONG);
        self.waiting.iter().map(|waiting| waiting.deadline).chain(long).chain(offers).min()
    }

    /// Answers those who have to wait no longer, and says what pods are to be told.
    pub(crate) fn answer(
        &mut self,
        records: &Records,
        held: &BTreeMap<EniId, Owner>,
        prospects: &Prospects<'_>,
        metrics: &Metrics,
    ) -> Vec<Told> {
        let (mut places, mut all): (BTreeMap<PoolName, u32>, _) = (BTreeMap::new(), Vec::new());
        for mut waiting in std::mem::take(&mut self.waiting) {
            let pool = waiting.asking.acquire.pool.clone();
            let place = places.entry(pool.clone()).or_default();
            let answer = match self.free(&pool, records, held) {
                Some(eni) => {
                    let until = Instant::now() + OFFERED_FOR;
                    self.offers.insert(eni.clone(), Offer { pool, until });
                    Some(Reply::Ready(Ready { network_interface_id: eni }))
                }
                None => {
                    *place += 1;
                    refusal(&waiting, *place, prospects).map(Reply::Refused)
                }
            };
            all.extend(waiting.tell(answer.as_ref(), prospects));
            match answer {
                None => self.waiting.push(waiting),
                Some(reply) => self.end(waiting, reply, metrics),
            }
        }
        all
    }

    /// Answers all of them with this error.
    pub(crate) fn refuse_all(&mut self, code: Code, msg: &str, metrics: &Metrics) {
        for waiting in std::mem::take(&mut self.waiting) {
            self.end(waiting, refused(code, msg.to_string()), metrics);
        }
    }

    fn end(&mut self, waiting: Waiting, reply: Reply, metrics: &Metrics) {
        let acquire = &waiting.asking.acquire;
        let outcome = match &reply {
            Reply::Refused(refusal) => {
                self.refusals.add(waiting.refusal(refusal));
                Outcome::Failed("refused")
            }
            Reply::Ready(_) => {
                self.refusals.forget(&acquire.owner, acquire.pod.as_ref(), &acquire.pool);
                Outcome::Done
            }
            Reply::Refreshed {} | Reply::Status(_) => Outcome::Failed("refused"),
        };
        metrics.acquired(outcome, waiting.asked.elapsed());
        // Who does not listen any more has withdrawn.
        let _withdrawn = waiting.asking.reply.send(reply);
    }

    fn free(&self, pool: &PoolName, records: &Records, held: &BTreeMap<EniId, Owner>) -> Option<EniId> {
        let of_pool =
            records.entries.iter().filter(|entry| entry.pool_name() == Some(pool) && entry.state == State::Ready);
        let mut ids = of_pool.map(|entry| &entry.network_interface_id);
        ids.find(|eni| !held.contains_key(*eni) && !self.offers.contains_key(*eni)).cloned()
    }

    pub(crate) fn views(&self) -> Vec<RequestView> {
        let view = |waiting: &Waiting| {
            let acquire = &waiting.asking.acquire;
            RequestView {
                pool: acquire.pool.clone(),
                owner: acquire.owner.clone(),
                pod: acquire.pod.clone(),
                since: waiting.since,
                deadline: Some(waiting.since.saturating_add(acquire.patience().as_secs())),
            }
        };
        self.waiting.iter().map(view).collect()
    }

    pub(crate) fn refusals(&self, now: u64) -> Vec<RefusalView> {
        self.refusals.views(now)
    }
}

/// No, and why.
pub(crate) fn refused(code: Code, msg: String) -> Reply {
    Reply::Refused(Refusal { code: code.get(), msg, details: String::new() })
}

/// What those who wait can hope for.
#[derive(Debug)]
pub(crate) struct Prospects<'a> {
    /// How many ENIs of each pool nothing holds back on their way. They are for those who asked first.
    pub(crate) coming: BTreeMap<PoolName, u32>,
    pub(crate) pools: &'a BTreeMap<PoolName, Standing>,
    /// A reason, by its CNI error code, that may not be true any more: it refuses nobody yet.
    pub(crate) doubted: Option<u32>,
    /// Why it is not known what is declared, or that does not count.
    pub(crate) unknown: Option<&'a str>,
}

/// What the pod of a request is told beside its plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It waits, and for what.
    Waits { pod: Pod, note: String },
    /// No, and why.
    Refused { pod: Pod, note: String },
}

impl Waiting {
    fn refusal(&self, refusal: &Refusal) -> RefusalView {
        let acquire = &self.asking.acquire;
        RefusalView {
            pool: acquire.pool.clone(),
            owner: acquire.owner.clone(),
            pod: acquire.pod.clone(),
            at: self.since.saturating_add(self.asked.elapsed().as_secs()),
            why: in_words(refusal),
        }
    }

    /// What its pod is told: that it waits, once and when it has for long; that it is refused.
    fn tell(&mut self, answer: Option<&Reply>, prospects: &Prospects<'_>) -> Option<Told> {
        let acquire = &self.asking.acquire;
        let pod = acquire.pod.clone()?;
        match answer {
            Some(Reply::Refused(refusal)) => Some(Told::Refused { pod, note: in_words(refusal) }),
            None if !self.is_told && self.asked.elapsed() >= LONG => {
                self.is_told = true;
                let why = prospects.pools.get(&acquire.pool).map(|standing| standing.waiting.join("; "));
                let why = why.filter(|why| !why.is_empty()).unwrap_or_else(|| "one is on its way".to_string());
                Some(Told::Waits { pod, note: format!("pool {} has no free ENI for it yet: {why}", acquire.pool) })
            }
            _ => None,
        }
    }
}

fn in_words(refusal: &Refusal) -> String {
    let details = if refusal.details.is_empty() { String::new() } else { format!(": {}", refusal.details) };
    format!("{}{details}", refusal.msg)
}

/// Why one in this place of those who wait has not to wait any more; nothing if an ENI may come.
fn refusal(waiting: &Waiting, place: u32, prospects: &Prospects<'_>) -> Option<Refusal> {
    let pool = &waiting.asking.acquire.pool;
    let Some(standing) = prospects.pools.get(pool) else {
        if let Some(why) = prospects.unknown {
            let msg = format!("pool {pool} has no free ENI, and {why}: try again");
            let is_over = waiting.deadline <= Instant::now();
            return is_over.then(|| Refusal { code: TRY_AGAIN, msg, details: String::new() });
        }
        let msg =
            format!("no NodeENI of this node declares pool {pool}: correct the pool's name, or write its manifest");
        return Some(Refusal { code: CONFIG, msg, details: String::new() });
    };
    // What the message says already is no detail.
    let details = |msg: &str| {
        let more: Vec<&str> = standing.waiting.iter().map(String::as_str).filter(|&reason| reason != msg).collect();
        more.join("; ")
    };
    let is_in_vain = place > prospects.coming.get(pool).copied().unwrap_or_default();
    let why = standing.refusal.clone().filter(|(code, _)| is_in_vain && prospects.doubted != Some(*code));
    if let Some((code, msg)) = why {
        let details = details(&msg);
        return Some(Refusal { code, msg, details });
    }
    if waiting.deadline <= Instant::now() {
        let msg = format!("pool {pool} has no free ENI, and none came in time: try again");
        let details = details(&msg);
        return Some(Refusal { code: TRY_AGAIN, msg, details });
    }
    None
}
