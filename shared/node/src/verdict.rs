//! Whether those who hold something are alive: a namespace is gone when no mount and no process of the host has it, and its pod
//! is not alive. What cannot be seen is neither: it is unknown, and nothing is taken from it.

mod sight;

pub use sight::Sight;
pub(crate) use sight::own_process_namespace;

use crate::addresses::AddressUse;
use crate::liveness::pod_is_alive;
use crate::record::{Owner, Pod, Record};
use crate::store::{self, Store};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The UIDs of pods, and the `kubernetes.io/config.hash` of static ones, which is the UID that their kubelet gives them.
pub type PodUids = BTreeSet<String>;

/// What is known of who holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who.
    pub owner: Owner,
    /// What.
    pub life: Life,
}

/// Alive, or not, or not to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Its namespace is there, or its pod is.
    Alive,
    /// Both are gone; or it was given back already, and something of that is left to do.
    Gone,
    /// It cannot be told from here.
    Unknown(Unseen),
}

/// What keeps a verdict from being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// The folder of processes cannot be read.
    #[error("{} cannot be read ({why})", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It shows the processes of a container, not the host's.
    #[error(
        "{} shows the processes of another process namespace than the one whose plugins made the attachment: the agent needs \
         the host's (hostPID)", .0.display()
    )]
    OtherProcesses(PathBuf),
    /// It shows only some processes.
    #[error("{} is mounted with hidepid, and the agent has no CAP_SYS_PTRACE", .0.display())]
    Hidden(PathBuf),
    /// The record does not say which pod it is about.
    #[error("neither the namespace nor the UID of its pod is on record")]
    NoPod,
    /// The look was for others: it is newer than that, or it is elsewhere.
    #[error("its namespace was not looked for")]
    NotLookedFor,
    /// Nothing says which pods there are.
    #[error("neither {} nor the API server tells which pods are alive", .0.display())]
    NoPods(PathBuf),
}

/// What tells which pods are alive.
#[derive(Debug, Clone, Copy)]
pub struct Pods<'a> {
    /// The kubelet's folder.
    pub kubelet_dir: &'a Path,
    /// What the API server says; nothing if there is none, or it does not answer.
    pub of_api: Option<&'a PodUids>,
}

impl Pods<'_> {
    fn has(&self, pod: &Pod) -> bool {
        let by_api = || pod.uid.as_ref().is_some_and(|uid| self.of_api.is_some_and(|uids| uids.contains(uid)));
        pod_is_alive(pod, self.kubelet_dir) || by_api()
    }
}

/// Whether the attachment of a record of this store is alive.
///
/// # Errors
/// Those of reading the store.
pub fn of_record(record: &Record, store: &Store, sight: &Sight, pods: Pods<'_>) -> Result<Life, store::Error> {
    if !record.holds() {
        return Ok(Life::Gone);
    }
    if record.pod.as_ref().is_some_and(|pod| pods.has(pod)) {
        return Ok(Life::Alive);
    }
    let made_in = store.process_namespace_of(&record.owner)?;
    Ok(by_namespace(sight.lacks(&record.namespace.identity, made_in)))
}

/// Whether the pod is alive that has the addresses of a use of this store. Where its namespace is not on record, its UID is all
/// that tells.
///
/// # Errors
/// Those of reading the store.
pub fn of_use(usage: &AddressUse, store: &Store, sight: &Sight, pods: Pods<'_>) -> Result<Life, store::Error> {
    let pod = usage.call.pod();
    let Some(namespace) = &usage.namespace else { return Ok(by_uid(pod.as_ref(), pods)) };
    if pod.is_some_and(|pod| pods.has(&pod)) {
        return Ok(Life::Alive);
    }
    let made_in = store.process_namespace_of_use(&usage.owner)?;
    Ok(by_namespace(sight.lacks(&namespace.identity, made_in)))
}

fn by_namespace(is_gone: Result<bool, Unseen>) -> Life {
    match is_gone {
        Ok(true) => Life::Gone,
        Ok(false) => Life::Alive,
        Err(unseen) => Life::Unknown(unseen),
    }
}

fn by_uid(pod: Option<&Pod>, pods: Pods<'_>) -> Life {
    let Some(pod) = pod.filter(|pod| pod.uid.is_some()) else { return Life::Unknown(Unseen::NoPod) };
    if pods.has(pod) {
        return Life::Alive;
    }
    let folder = pods.kubelet_dir.join("pods");
    if pods.of_api.is_none() && !folder.is_dir() {
        return Life::Unknown(Unseen::NoPods(folder));
    }
    Life::Gone
}

#[cfg(test)]
mod tests;
