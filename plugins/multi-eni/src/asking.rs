//! Asking the agent for an ENI where the pool has no free one. No lock is held meanwhile; what comes is claimed under the
//! claim lock as every ENI is, and asked for again if somebody was faster.

mod error;

use crate::claim::{self, Claim, Claimer};
use crate::node_here::Node;
use cni::{Interrupt, Program};
use error::Error;
use node::ask::{self, Acquire, Decoded, LineError, Reply, Request, ask};
use node::names::PoolName;
use node::settings::Attach;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What of an ADD's time is kept for the moves: a quarter, and no more than this.
const GREATEST_RESERVE: Duration = Duration::from_secs(15);
/// The pause before an ENI that was ready and yet could not be claimed is asked for again. It doubles each time: mostly
/// somebody was faster, but the agent may also see as ready what the plugin must refuse.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long an agent may be away that was here lately: a kubelet exchanges it in some seconds, with its image to be pulled in some more.
const ABSENCE: Duration = Duration::from_secs(30);
/// Between two looks for it.
const LOOK_OUT: Duration = Duration::from_millis(50);

/// How long an ADD asks, and what ends it sooner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'a> {
    /// When the ADD began.
    pub(crate) from: Instant,
    /// How long it may take.
    pub(crate) whole: Duration,
    /// The runtime's wish to stop it.
    pub(crate) interrupt: &'a Interrupt,
}

impl Patience<'_> {
    fn reserve(&self) -> Duration {
        (self.whole / 4).min(GREATEST_RESERVE)
    }

    /// How long is still asked.
    fn left(&self) -> Duration {
        (self.from + self.whole - self.reserve()).saturating_duration_since(Instant::now())
    }
}

/// Claims, and has an ENI attached where the pool has none that is free.
///
/// # Errors
/// As [`claim::claim`]; [`Error`] where none was attached.
pub(crate) async fn claim(
    node: &Node,
    claimer: &Claimer<'_>,
    patience: Patience<'_>,
) -> Result<Claim, crate::error::Error> {
    let mut pause = Duration::ZERO;
    loop {
        let why = match claim::claim(node, claimer).await {
            Err(crate::error::Error::Refused(refusal)) => refusal,
            outcome => return outcome,
        };
        let Some(pool) = why.lacking_pool().filter(|_| node.settings.attach != Attach::Never) else {
            return Err(why.into());
        };
        let asking = Asking { node, claimer, pool, patience };
        let outcome = tokio::select! {
            outcome = asking.attached(pause) => outcome,
            signal = patience.interrupt.raised() => Err(Error::Interrupted(signal)),
        };
        outcome.map_err(|error| error.instead_of(&why))?;
        pause = (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    }
}

/// One question.
struct Asking<'a> {
    node: &'a Node,
    claimer: &'a Claimer<'a>,
    pool: &'a PoolName,
    patience: Patience<'a>,
}

impl Asking<'_> {
    /// Waits until an ENI of the pool is ready.
    async fn attached(&self, pause: Duration) -> Result<(), Error> {
        tokio::time::sleep(pause.min(self.patience.left())).await;
        let (pool, left) = (self.pool, self.patience.left());
        if left.is_zero() {
            return Err(Error::Late { pool: pool.clone() });
        }
        log::info!("pool {pool} has no free ENI: one is asked for");
        let request = self.request(left);
        let reply = match self.node.settings.attach {
            Attach::Once => self.once(&request).await?,
            Attach::Agent | Attach::Never => self.agent().await.map_err(|source| Error::of_agent(pool, source))?,
        };
        match reply {
            Reply::Ready(ready) => {
                log::info!("{} of pool {pool} is ready", ready.network_interface_id);
                Ok(())
            }
            Reply::Refused(refusal) => Err(Error::of_refusal(refusal)),
            Reply::Refreshed {} | Reply::Status(_) => Err(Error::Other { pool: pool.clone() }),
        }
    }

    /// Asks the agent that runs. One that was here lately is expected back: while a node's agent is updated, its pods wait.
    async fn agent(&self) -> Result<Reply, ask::Error> {
        let returns = Instant::now() + self.patience.left().min(ABSENCE);
        loop {
            let left = self.patience.left();
            let reply = ask(&self.node.settings.state_dir, &self.request(left), left).await;
            let is_away = matches!(reply, Err(ask::Error::NoAgent { .. } | ask::Error::Closed));
            if !is_away || Instant::now() + LOOK_OUT > returns || !self.node.had_an_agent_lately() {
                return reply;
            }
            tokio::time::sleep(LOOK_OUT).await;
        }
    }

    fn request(&self, left: Duration) -> Request {
        Request::Acquire(Acquire {
            pool: self.pool.clone(),
            owner: self.claimer.owner.clone(),
            pod: self.claimer.pod.clone(),
            deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Without an agent on the node: one pass of its program, which is told the same and answers the same. It is given
    /// some time beyond what it was told, to end by itself.
    async fn once(&self, request: &Request) -> Result<Reply, Error> {
        let pool = self.pool;
        let unreadable = |source: LineError| Error::Answer { pool: pool.clone(), source };
        let program = Program {
            path: &self.node.settings.agent_program,
            arguments: &["once", "--acquire"],
            variables: &BTreeMap::new(),
            stdin: &request.encode().map_err(unreadable)?,
            limit: self.patience.left() + self.patience.reserve() / 2,
        };
        let output = program.run().await.map_err(|source| Error::of_program(pool, source))?;
        if output.stdout.trim_ascii().is_empty() {
            return Err(Error::NoAnswer { pool: pool.clone(), status: output.status });
        }
        Reply::decode(&output.stdout).map_err(unreadable)
    }
}
