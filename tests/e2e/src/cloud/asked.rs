//! What the agent and its records say.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use ec2sim::{AttachmentFacts, AttachmentStatus};
use node::ask::{Decoded, Reply, Request, SOCKET};
use node::inventory::{Entry, State};
use serde_json::Value;

use super::Cloud;
use crate::LIMIT;

impl Cloud {
    /// Asks the agent over its socket; nothing if there is none that answers.
    #[must_use]
    pub fn ask(&self, request: &Request) -> Option<Reply> {
        let (path, line) = (self.state_dir().join(SOCKET), request.encode().expect("a request"));
        self.host.run(move || converse(&path, &line))
    }

    /// What the agent shows of the node; nothing if none answers.
    ///
    /// # Panics
    ///
    /// When it answers something else.
    #[must_use]
    pub fn status(&self) -> Option<Value> {
        match self.ask(&Request::Status {})? {
            Reply::Status(status) => Some(status),
            // It is about to end.
            Reply::Refused(_) => None,
            other => panic!("a status is {other:?}"),
        }
    }

    /// Has the agent look at EC2 again, whatever it knows. Of two looks in a few seconds it leaves the second one out, and
    /// each other look is for what is attached.
    #[track_caller]
    pub fn refresh(&self) {
        let looks = || self.calls_of(ec2sim::Action::DescribeNetworkInterfaces).len();
        let before = looks();
        self.until("the agent looks at EC2 when it is asked to", |cloud| {
            assert!(cloud.ask(&Request::Refresh {}).is_some(), "no agent answers\n{cloud}");
            looks() > before
        });
    }

    /// A pool's part of the status.
    #[must_use]
    pub fn pool_status(&self, pool: &str) -> Option<Value> {
        let status = self.status()?;
        status["pools"].as_array()?.iter().find(|one| one["name"] == pool).cloned()
    }

    /// Why a pool waits, as the status says it.
    #[must_use]
    pub fn waiting(&self, pool: &str) -> String {
        self.pool_status(pool).map(|pool| pool["waiting"].to_string()).unwrap_or_default()
    }

    /// The inventory.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.store().inventory().expect("the inventory")
    }

    /// The inventory's entries of this pool.
    #[must_use]
    pub fn of_pool(&self, pool: &str) -> Vec<Entry> {
        let mine = |entry: &Entry| entry.pool_name().is_some_and(|name| name.as_str() == pool);
        self.entries().into_iter().filter(mine).collect()
    }

    /// Those of a pool that are in this state.
    #[must_use]
    pub fn in_state(&self, pool: &str, state: State) -> Vec<Entry> {
        self.of_pool(pool).into_iter().filter(|entry| entry.state == state).collect()
    }

    /// Waits until a pool has so many ENIs, all of them free, all set in EC2 as they are to be, and none beside them there.
    #[track_caller]
    pub fn until_ready(&self, pool: &str, count: usize) {
        self.until(&format!("{count} free ENIs of pool {pool}, and no other"), |cloud| {
            let of_pool = cloud.of_pool(pool);
            let ready = of_pool.iter().filter(|entry| entry.state == State::Ready).count();
            (of_pool.len(), ready) == (count, count) && cloud.is_settled()
        });
    }

    /// Waits until nothing of the project is left in EC2 or on record.
    #[track_caller]
    pub fn until_gone(&self) {
        self.until("no ENI of the project is left", |cloud| {
            cloud.ours().is_empty() && cloud.is_settled() && cloud.entries().iter().all(|entry| entry.pool.is_none())
        });
    }

    /// Whether EC2 has of the project's ENIs what the inventory has, on the instance and marked to end with it, and no
    /// creation is under way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let entries = self.entries();
        let known: Vec<&str> = entries
            .iter()
            .filter(|entry| entry.pool.is_some())
            .map(|entry| entry.network_interface_id.as_str())
            .collect();
        let ours = self.ours();
        let is_set = |eni: &ec2sim::EniFacts| {
            let attached = |at: &AttachmentFacts| at.status == AttachmentStatus::Attached && at.delete_on_termination;
            eni.attachment.as_ref().is_some_and(attached) && known.contains(&eni.network_interface_id.as_str())
        };
        ours.len() == known.len() && ours.iter().all(is_set) && self.intents() == 0
    }

    /// How many creations are under way.
    ///
    /// # Panics
    ///
    /// When the records cannot be read.
    #[must_use]
    pub fn intents(&self) -> usize {
        self.store().intents::<Value>().expect("the intents").len()
    }
}

fn converse(path: &Path, line: &[u8]) -> Option<Reply> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    stream.write_all(line).ok()?;
    let mut answer = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut answer).ok()?;
    if answer.is_empty() {
        return None;
    }
    Some(Reply::decode(&answer).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&answer))))
}

/// All that is known, for a test that fails.
impl fmt::Display for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "calls:")?;
        for call in self.calls() {
            writeln!(
                formatter,
                "  {:.3} {} {:?} {:?}",
                call.at.as_secs_f64(),
                call.action,
                call.outcome,
                call.parameters
            )?;
        }
        writeln!(formatter, "ours in EC2:")?;
        for eni in self.ours() {
            let at = eni.attachment.as_ref().map(|at| (at.network_card, at.device_index, at.status));
            writeln!(formatter, "  {} {:?} {at:?}", eni.network_interface_id, eni.status)?;
        }
        writeln!(formatter, "inventory, with {} creations under way:", self.intents())?;
        for entry in self.entries() {
            let pool = entry.pool_name().map(ToString::to_string).unwrap_or_default();
            writeln!(formatter, "  {} {pool} {} {:?}", entry.network_interface_id, entry.state, entry.upkeep)?;
        }
        writeln!(formatter, "the agent {}; its log:", if self.is_running() { "runs" } else { "does not run" })?;
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(60);
        lines[last..].iter().try_for_each(|line| writeln!(formatter, "  {line}"))
    }
}
