//! The manifests of the node's pools, and what the loop does when they change.

use std::collections::BTreeMap;

use node::inventory::{Entry, Sharing};
use node::names::PoolName;
use tokio::sync::watch;

use super::Agent;
use super::clock::Clock;
use crate::apply::policy::{CONFIG, DENIED, ENI_LIMIT};
use crate::declared::{Declared, Folder, NodeLabels, Objects};
use crate::kernel::Machine;
use crate::kubernetes::{self, Known, NodeStanding};
use crate::observe::{Hold, Mandate, Verb};

/// Where manifests come from, and the node's labels with them.
#[derive(Debug)]
enum Source {
    Folder { folder: Folder, labels: NodeLabels },
    Kubernetes { objects: Objects, changes: watch::Receiver<Known>, last: Known },
}

/// The manifests, and what they declare for this node.
#[derive(Debug)]
pub(crate) struct Manifests {
    source: Source,
    made: BTreeMap<PoolName, Sharing>,
    pub(super) declared: Declared,
    pub(super) mandate: Mandate,
    pub(super) node: NodeStanding,
}

/// What changed with the API server's word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// NodeENIs, or this Node, are others.
    manifests: bool,
    /// Pods of this node are no more.
    pods_went: bool,
}

impl News {
    fn between(before: &Known, now: &Known) -> Self {
        let declared = |known: &Known| Known { pods: None, ..known.clone() };
        let of_now = now.pods.as_deref();
        let went = |pod: &String| !of_now.is_some_and(|pods| pods.contains(pod));
        Self {
            manifests: declared(before) != declared(now),
            pods_went: before.pods.iter().flat_map(|pods| pods.iter()).any(went),
        }
    }
}

impl Manifests {
    /// Those of a folder, for a node with these labels. Nothing is read yet.
    pub(crate) fn of_folder(folder: Folder, labels: NodeLabels) -> Self {
        Self::of(Source::Folder { folder, labels }, Declared::default())
    }

    /// Those of an API server, as they become known.
    pub(crate) fn of_kubernetes(objects: Objects, changes: watch::Receiver<Known>) -> Self {
        Self::of(Source::Kubernetes { objects, changes, last: Known::default() }, Declared::unknown())
    }

    fn of(source: Source, declared: Declared) -> Self {
        Self { source, made: BTreeMap::new(), declared, mandate: Mandate::default(), node: NodeStanding::default() }
    }

    /// Whether the pools that have ENIs are others now, or were made in another way.
    fn hold_to(&mut self, entries: &[Entry]) -> bool {
        let pools = entries.iter().filter_map(|entry| entry.pool.as_ref());
        let made: BTreeMap<PoolName, Sharing> = pools.map(|pool| (pool.name.clone(), pool.sharing)).collect();
        let changed = made != self.made;
        if changed {
            self.made.clone_from(&made);
            match &mut self.source {
                Source::Folder { folder, .. } => folder.hold_to(made),
                Source::Kubernetes { objects, .. } => objects.hold_to(made),
            }
        }
        changed
    }

    /// Waits until the API server says something that matters; for ever where there is none. A pod that came does not matter.
    pub(super) async fn changed(&mut self) -> News {
        if let Source::Kubernetes { changes, last, .. } = &mut self.source {
            while changes.changed().await.is_ok() {
                let now = changes.borrow_and_update().clone();
                let news = News::between(last, &now);
                *last = now;
                if news != News::default() {
                    return news;
                }
            }
        }
        std::future::pending().await
    }

    /// The generation of a pool's NodeENI, as it was read last; nothing while an earlier one goes on.
    pub(super) fn generation(&self, pool: &PoolName) -> Option<i64> {
        let Source::Kubernetes { last, .. } = &self.source else { return None };
        if self.declared.earlier.contains(pool) {
            return None;
        }
        last.node_enis.as_ref()?.get(pool.as_str())?.generation
    }

    /// How the ENIs of a pool were made.
    pub(super) fn sharing(&self, pool: &PoolName) -> Sharing {
        self.made.get(pool).copied().unwrap_or_default()
    }

    /// Reads them; whether they say something else now.
    fn read(&mut self) -> bool {
        let (declared, mandate, node) = match &mut self.source {
            Source::Folder { folder, labels } => (folder.read(labels), Mandate::default(), NodeStanding::default()),
            Source::Kubernetes { objects, changes, last } => {
                *last = changes.borrow().clone();
                kubernetes::pools(last, objects)
            }
        };
        let changed = (&declared, &mandate, &node) != (&self.declared, &self.mandate, &self.node);
        if changed {
            self.tell(&declared, &mandate, &node);
        }
        (self.declared, self.mandate, self.node) = (declared, mandate, node);
        changed
    }

    /// Says what is new.
    fn tell(&self, declared: &Declared, mandate: &Mandate, node: &NodeStanding) {
        for fault in declared.faults.iter().filter(|fault| !self.declared.faults.contains(fault)) {
            log::error!("{fault}");
        }
        for note in declared.notes.iter().filter(|note| !self.declared.notes.contains(note)) {
            log::info!("{note}");
        }
        if let Some(why) = mandate.nothing.as_ref().filter(|why| Some(*why) != self.mandate.nothing.as_ref()) {
            log::warn!("nothing is changed in EC2: {why}");
        }
        if *node != self.node {
            log::info!("the Node {node}");
        }
        let names: Vec<&str> = declared.pools.iter().map(|pool| pool.name.as_str()).collect();
        log::info!("pools of this node: {}", if names.is_empty() { "none".to_string() } else { names.join(", ") });
    }
}

impl<C: ec2::Cloud, M: Machine, K: Clock> Agent<C, M, K> {
    /// What a pool is cannot change under its ENIs, and can when the last one is gone.
    pub(super) fn hold_manifests_to(&mut self, entries: &[Entry]) {
        if self.manifests.hold_to(entries) {
            self.read_manifests();
        }
    }

    /// The API server said something new. Of pods that are gone, what they had can be released.
    pub(super) fn hear(&mut self, news: News) {
        if news.manifests {
            self.read_manifests();
        }
        self.verdicts_are_due |= news.pods_went;
    }

    /// Reads the manifests. What EC2 refused of a pool that may be another one now is tried again.
    pub(super) fn read_manifests(&mut self) {
        if !self.manifests.read() {
            return;
        }
        let of_manifest = |hold: &Hold| {
            let is_upkeep = |verb| matches!(verb, Verb::Modify | Verb::Tag | Verb::AssignIpv4 | Verb::AssignIpv6);
            match hold {
                Hold::Pool(_) | Hold::Creation(_) => true,
                Hold::Cloud(_, verb) => is_upkeep(*verb),
                _ => false,
            }
        };
        let is_refused = |code| matches!(code, DENIED | CONFIG | ENI_LIMIT);
        self.memory.holds.forget(|hold, held| of_manifest(hold) && is_refused(held.code));
        self.memory.forget_unclear();
    }
}
