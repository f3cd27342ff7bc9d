//! The node's ENINode: written by server-side apply, only when it is not as it should be, and only as it should be now. What the
//! server missed while it was away is of no interest to it any more.

pub(crate) mod boot;
pub(crate) mod pace;
pub(crate) mod shown;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::api::{GetParams, Patch, PatchParams};
use kube::{Client, Resource, core};
use node::boot::seconds_since_boot;
use node::store::Store;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use self::boot::BootTime;
use self::pace::Pace;
use self::shown::{Around, shown};
use super::snapshot::{Heard, Known};
use super::write::{Error, FIELD_MANAGER, send};
use crate::api::{EniNode, EniNodeStatus};
use crate::apply::policy::reason;
use crate::seen::metrics::Metrics;
use crate::view::Status;

/// How long after it was made the object is looked at: the garbage collector may have been about to remove one that a Node of
/// another UID had.
const LOOK_SOON: Duration = Duration::from_secs(30);
/// What is counted of it.
const OBJECT: &str = "eninode";

/// Who writes it.
pub(crate) struct Publisher {
    pub(crate) client: Client,
    /// The Node's name, which is the object's.
    pub(crate) node: String,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Metrics,
    /// How often the object is read though nothing was written, since somebody may have changed or deleted it; moved at random.
    pub(crate) look_every: Duration,
}

/// What it is told by.
#[derive(Debug)]
pub(crate) struct Told {
    /// The node as of the agent's last pass.
    pub(crate) status: watch::Receiver<Option<Arc<Status>>>,
    /// What the API server says, the Node's UID among it.
    pub(crate) known: watch::Receiver<Known>,
}

/// The object as it was read or written last.
#[derive(Debug, PartialEq)]
enum Last {
    /// It has to be read.
    Nothing,
    /// There is none.
    Missing,
    There(Box<Object>),
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Object {
    /// The UIDs of the Nodes that own it.
    owners: Vec<String>,
    /// Nothing where it has none, or none that this version understands.
    status: Option<EniNodeStatus>,
}

/// The object on the wire. Whatever somebody has made of its status, it is read.
#[derive(Debug, Deserialize)]
struct Wire {
    metadata: ObjectMeta,
    #[serde(default)]
    status: Value,
}

impl From<Wire> for Object {
    fn from(wire: Wire) -> Self {
        let owners = wire.metadata.owner_references.unwrap_or_default().into_iter();
        Self {
            owners: owners.filter(|owner| owner.kind == "Node").map(|owner| owner.uid).collect(),
            status: serde_json::from_value(wire.status).ok(),
        }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq)]
enum Task {
    Look,
    /// Make it, or give it to the Node that is there now.
    Own(String),
    Show(Box<EniNodeStatus>),
}

#[derive(Debug)]
struct Work {
    last: Last,
    look_at: Instant,
    pace: Pace,
}

impl Publisher {
    /// Keeps the object as it is told, until nobody tells any more.
    pub(crate) async fn run(self, mut told: Told) {
        let mut work = Work { last: Last::Nothing, look_at: Instant::now(), pace: Pace::new() };
        loop {
            let due = match self.task(&work, &told) {
                Some(task) if work.pace.not_before() <= Instant::now() => {
                    self.perform(task, &mut work).await;
                    continue;
                }
                // What is the newest then counts.
                Some(_) => work.pace.not_before(),
                None if work.look_at > Instant::now() => {
                    work.pace.well();
                    work.look_at
                }
                // Not all is told yet.
                None => Instant::now() + self.look_every,
            };
            tokio::select! {
                changed = told.status.changed() => if changed.is_err() { return },
                changed = told.known.changed() => if changed.is_err() { return },
                () = sleep_until(due) => {}
            }
        }
    }

    fn task(&self, work: &Work, told: &Told) -> Option<Task> {
        let (status, node_uid) = (told.status.borrow().clone()?, uid(&told.known.borrow())?);
        let object = match &work.last {
            Last::Nothing => return Some(Task::Look),
            Last::Missing => return Some(Task::Own(node_uid)),
            Last::There(_) if work.look_at <= Instant::now() => return Some(Task::Look),
            Last::There(object) => object,
        };
        if object.owners != [node_uid.as_str()] {
            return Some(Task::Own(node_uid));
        }
        let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let slots = object.status.as_ref().and_then(|status| status.slots);
        let around = Around { node_uid: &node_uid, boot: self.boot(), before, slots, now: Timestamp::now() };
        let wished = shown(&status, &around);
        (object.status.as_ref() != Some(&wished)).then(|| Task::Show(Box::new(wished)))
    }

    fn boot(&self) -> BootTime {
        let (clock, since_boot) = (Timestamp::now(), seconds_since_boot().unwrap_or_default());
        // Without its file, times may move by a second after a restart.
        BootTime::keep(&self.store, clock, since_boot).unwrap_or_else(|_| BootTime::by(clock, since_boot))
    }

    async fn perform(&self, task: Task, work: &mut Work) {
        let answer = match &task {
            Task::Look => self.look().await,
            Task::Own(node_uid) => self.own(node_uid).await.map(Last::There),
            Task::Show(status) => self.show(status).await.map(Last::There),
        };
        if task != Task::Look {
            self.metrics.api_written(OBJECT, answer.as_ref().map_or_else(Error::class, |_| "ok"));
        }
        match answer {
            Ok(last) => {
                work.last = last;
                match task {
                    Task::Look => work.look_in(self.look_every),
                    Task::Own(_) => work.look_in(LOOK_SOON.min(self.look_every)),
                    Task::Show(_) => work.pace.done(),
                }
            }
            Err(error) => {
                log::warn!("{}", reason(&error));
                // What may have been done is looked at before it is done again.
                if error.may_have_happened() || error.code() == Some(404) {
                    work.last = Last::Nothing;
                }
                work.pace.failed(error.after());
            }
        }
    }

    async fn look(&self) -> Result<Last, Error> {
        let request = objects().get(&self.node, &GetParams::default());
        match send::<Wire>(&self.client, &format!("read ENINode {}", self.node), request).await {
            Ok(wire) => Ok(Last::There(Box::new(wire.into()))),
            Err(error) if error.code() == Some(404) => Ok(Last::Missing),
            Err(error) => Err(error),
        }
    }

    async fn own(&self, node_uid: &str) -> Result<Box<Object>, Error> {
        let owner = json!({"apiVersion": "v1", "kind": "Node", "name": self.node, "uid": node_uid});
        let object = json!({
            "apiVersion": EniNode::api_version(&()), "kind": EniNode::kind(&()),
            "metadata": {"name": self.node, "ownerReferences": [owner]}, "spec": {},
        });
        let request = objects().patch(&self.node, &apply(), &Patch::Apply(&object));
        let wire: Wire = send(&self.client, &format!("make ENINode {}", self.node), request).await?;
        log::info!("ENINode {} is that of Node {node_uid}", self.node);
        // What else owns it is not this agent's to take away.
        Ok(Box::new(Object { owners: vec![node_uid.to_string()], ..wire.into() }))
    }

    async fn show(&self, status: &EniNodeStatus) -> Result<Box<Object>, Error> {
        let object = json!({
            "apiVersion": EniNode::api_version(&()), "kind": EniNode::kind(&()),
            "metadata": {"name": self.node}, "status": status,
        });
        let request = objects().patch_subresource("status", &self.node, &apply(), &Patch::Apply(&object));
        let wire: Wire = send(&self.client, &format!("write the status of ENINode {}", self.node), request).await?;
        // A CRD of another version may drop fields; they are not written over and over for that.
        Ok(Box::new(Object { status: Some(status.clone()), ..wire.into() }))
    }
}

impl Work {
    /// The nodes of a cluster that started together do not stay together.
    fn look_in(&mut self, pause: Duration) {
        self.look_at = Instant::now() + pause.mul_f64(0.75 + fastrand::f64() / 2.0);
    }
}

/// That of the Node, while there is one.
fn uid(known: &Known) -> Option<String> {
    match &known.node {
        Heard::There(node) => Some(node.uid.clone()),
        Heard::Nothing | Heard::Absent => None,
    }
}

fn objects() -> core::Request {
    core::Request::new(EniNode::url_path(&(), None))
}

fn apply() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}
