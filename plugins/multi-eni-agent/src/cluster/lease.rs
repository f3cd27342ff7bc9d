//! The Lease by which one of the cluster's agents works at a time: looking, taking, renewing, giving back.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{Error, if_there, within};
use super::election::{DURATION, Election, PAUSE, Record, Step, TENURE};
use super::health::Health;
use crate::apply::policy::reason;

/// The Lease's name.
pub(crate) const LEASE: &str = "multi-eni-cluster-agent";

/// The right to work, as long as it lasts. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Tenure {
    until: watch::Receiver<Option<Instant>>,
}

impl Tenure {
    /// Whether it lasts.
    #[cfg(test)]
    pub(crate) fn is_held(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it begins. Nothing if there is nobody any more who could get it.
    pub(crate) async fn begins(&mut self) -> Option<()> {
        self.until.wait_for(|until| until.is_some_and(|until| Instant::now() < until)).await.ok().map(drop)
    }

    /// Waits until it is over: whoever works has to stop then, at once.
    pub(crate) async fn ends(&mut self) {
        loop {
            let until = *self.until.borrow_and_update();
            let Some(until) = until.filter(|until| Instant::now() < *until) else { return };
            tokio::select! {
                () = sleep_until(until) => {}
                changed = self.until.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// An agent that wants the Lease, or has it.
#[derive(Debug)]
pub(crate) struct Candidate {
    api: Api<Lease>,
    election: Election,
    /// As it was last seen: a write has to be of this version.
    lease: Option<Lease>,
    until: watch::Sender<Option<Instant>>,
    begin: Instant,
    health: Health,
}

impl Candidate {
    /// One of this name, of which there is no other.
    pub(crate) fn new(client: Client, namespace: &str, me: String, health: Health) -> (Self, Tenure) {
        let (sender, until) = watch::channel(None);
        let election = Election::new(me);
        let api = Api::namespaced(client, namespace);
        let candidate = Self { api, election, lease: None, until: sender, begin: Instant::now(), health };
        (candidate, Tenure { until })
    }

    /// Looks, takes and renews for as long as it is polled.
    pub(crate) async fn run(&mut self) {
        loop {
            let heard = self.turn().await;
            self.tell(heard);
            // Agents that began together are not to look together.
            sleep(PAUSE.mul_f64(1.0 + 0.2 * fastrand::f64())).await;
        }
    }

    /// Gives it back, so that another one need not wait.
    pub(crate) async fn give_back(mut self) {
        let held = self.until.send_replace(None);
        let Some(lease) = self.lease.take().filter(|_| held.is_some_and(|until| Instant::now() < until)) else {
            return;
        };
        let spec = LeaseSpec { holder_identity: Some(String::new()), ..lease.spec.clone().unwrap_or_default() };
        match self.replaced(&Lease { spec: Some(spec), ..lease }).await {
            Ok(_) => log::info!("the Lease {LEASE} is given back"),
            Err(error) => log::warn!("the Lease {LEASE} is not given back, and ends by itself: {}", reason(&error)),
        }
    }

    /// One look, and one write if there is reason for it. A holder renews what it wrote without a look; if it is not the last one to
    /// have written it, it looks again.
    async fn turn(&mut self) -> Result<(), Error> {
        let holds = self.until.borrow().is_some();
        if !(holds && self.lease.is_some()) {
            self.lease = if_there(self.api.get(LEASE)).await?;
            let record = self.lease.as_ref().map(record);
            self.election.see(record, self.begin.elapsed());
        }
        let sent = Instant::now();
        let written = match (self.election.step(self.begin.elapsed()), self.lease.take()) {
            (Step::Wait, lease) => {
                self.lease = lease;
                self.until.send_if_modified(|until| until.take().is_some());
                return Ok(());
            }
            (Step::Create, _) | (Step::Take, None) => {
                let lease = taken(Lease::default(), self.election.me());
                within(self.api.create(&PostParams::default(), &lease)).await
            }
            (Step::Take, Some(lease)) => self.replaced(&taken(lease, self.election.me())).await,
        };
        let lease = written?;
        self.election.see(Some(record(&lease)), self.begin.elapsed());
        self.lease = Some(lease);
        if self.until.send_replace(Some(sent + TENURE)).is_none() {
            log::info!("{} holds the Lease {LEASE}", self.election.me());
        }
        Ok(())
    }

    async fn replaced(&self, lease: &Lease) -> Result<Lease, Error> {
        within(self.api.replace(LEASE, &PostParams::default(), lease)).await
    }

    /// What came of a turn, for the log and the pages.
    fn tell(&self, heard: Result<(), Error>) {
        let over = self.until.send_if_modified(|until| until.take_if(|until| Instant::now() >= *until).is_some());
        if over {
            log::warn!("{} has lost the Lease {LEASE}, and stops its work", self.election.me());
        }
        match heard {
            Ok(()) | Err(Error::Conflict) => {}
            Err(error) => log::warn!("the Lease {LEASE}: {}", reason(&error)),
        }
        self.health.turned(self.election.holder());
    }
}

/// What matters of a Lease. One that says no duration is given ours.
fn record(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    Record {
        holder: spec.and_then(|spec| spec.holder_identity.clone()),
        duration: seconds.map_or(DURATION, Duration::from_secs),
        version: lease.metadata.resource_version.clone(),
    }
}

/// The Lease as it is written to take or renew it.
fn taken(lease: Lease, me: &str) -> Lease {
    let now = MicroTime(Timestamp::now());
    let mut spec = lease.spec.unwrap_or_default();
    if spec.holder_identity.as_deref() != Some(me) {
        spec.holder_identity = Some(me.to_string());
        spec.acquire_time = Some(now.clone());
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(1));
    }
    spec.renew_time = Some(now);
    spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
    let metadata = ObjectMeta { name: Some(LEASE.to_string()), ..lease.metadata };
    Lease { metadata, spec: Some(spec) }
}
