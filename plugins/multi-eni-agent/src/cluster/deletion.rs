//! What a NodeENI that is deleted waits for, in words, and when it may go. Nothing is forced: its ENIs are taken down by the agents of
//! their nodes, when no pod has them any more; those of instances that are gone, by the sweep.

use std::sync::Arc;
use std::time::Duration;

use ec2::NetworkInterface;

use super::sweep::instance_of;
use super::text::first;
use super::world::{Report, World};
use crate::api::Eni;

/// The time between EC2's two words that it has none of its ENIs: what it says may be seconds old (EC2, "Eventual consistency").
pub(crate) const APART: Duration = Duration::from_secs(30);

/// What EC2 has said of the ENIs of one that is deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looks {
    /// The last look.
    last: Option<Duration>,
    /// Since which look on it has none.
    none_since: Option<Duration>,
    /// What it has, in words.
    left: Vec<String>,
}

/// What is to be done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Agents still have ENIs of it, or may have.
    AtNodes,
    /// EC2 is to be asked, at this time.
    Ask(Duration),
    /// It may go.
    Done,
}

impl Looks {
    /// EC2 has these ENIs of it.
    pub(crate) fn see(&mut self, found: &[NetworkInterface], now: Duration) {
        self.last = Some(now);
        self.left = found.iter().map(in_words).collect();
        self.none_since = self.none_since.filter(|_| found.is_empty()).or(found.is_empty().then_some(now));
    }

    /// An agent says that it has one: whatever EC2 said before is over.
    fn again(&mut self) {
        *self = Self::default();
    }

    /// How far it is.
    pub(crate) fn stage(&mut self, pool: &str, world: &World, apart: Duration) -> Stage {
        if is_at_nodes(pool, world) {
            self.again();
            return Stage::AtNodes;
        }
        let Some(last) = self.last else { return Stage::Ask(Duration::ZERO) };
        match self.none_since {
            Some(since) if last.saturating_sub(since) >= apart => Stage::Done,
            _ => Stage::Ask(last + apart),
        }
    }

    /// What it waits for.
    pub(crate) fn waits_for(&self, pool: &str, world: &World) -> String {
        let held: Vec<String> = listed(pool, world).filter_map(|(node, eni)| held(node, eni)).collect();
        let free = listed(pool, world).filter(|(_, eni)| eni.owner.is_none());
        let free: Vec<String> = free.map(|(node, eni)| format!("{} on {node}", eni.id)).collect();
        let mut parts = Vec::new();
        if !held.is_empty() {
            parts.push(format!("for the end of pods that have its ENIs: {}", first(&held)));
        }
        if !free.is_empty() {
            parts.push(format!("for the agents of nodes to detach and delete {}", first(&free)));
        }
        let unreadable: Vec<&str> = unreadable(world).collect();
        if !unreadable.is_empty() {
            parts.push(format!("for ENINodes that cannot be read: {}", first(&unreadable)));
        }
        if parts.is_empty() && !self.left.is_empty() {
            parts.push(format!("for EC2 to have none of its ENIs, which still has {}", first(&self.left)));
        }
        if parts.is_empty() {
            parts.push("for EC2 to say twice that it has none of its ENIs".to_string());
        }
        format!("it is deleted, and waits {}", parts.join(" and "))
    }
}

/// Whether an ENINode lists an ENI of the pool, or may: one that cannot be read is not one that lists none.
pub(super) fn is_at_nodes(pool: &str, world: &World) -> bool {
    listed(pool, world).next().is_some() || unreadable(world).next().is_some()
}

fn unreadable(world: &World) -> impl Iterator<Item = &str> {
    world.eni_nodes.iter().filter(|(_, report)| report.unreadable.is_some()).map(|(node, _)| node.as_str())
}

/// What the ENINodes list of a pool: also those of Nodes that are gone, until the API server has deleted these, too.
fn listed<'a>(pool: &'a str, world: &'a World) -> impl Iterator<Item = (&'a str, &'a Eni)> {
    let of_node = move |(node, report): (&'a String, &'a Arc<Report>)| {
        let of_pool = report.status.enis.iter().filter(move |eni| eni.pool.as_deref() == Some(pool));
        of_pool.map(move |eni| (node.as_str(), eni))
    };
    world.eni_nodes.iter().flat_map(of_node)
}

fn held(node: &str, eni: &Eni) -> Option<String> {
    let owner = eni.owner.as_ref()?;
    let namespace = owner.namespace.as_deref().unwrap_or("?");
    let pod = owner.pod.as_deref().or(owner.container_id.as_deref()).unwrap_or("?");
    Some(format!("{namespace}/{pod} on {node} ({})", eni.id))
}

fn in_words(eni: &NetworkInterface) -> String {
    let at = eni.attachment.as_ref().and_then(|at| at.instance.as_ref());
    match (at, instance_of(eni)) {
        (Some(instance), _) => format!("{} on {instance}", eni.id),
        (None, Some(instance)) => format!("{} of {instance}, attached to nothing", eni.id),
        (None, None) => {
            format!("{}, attached to nothing and without the tag of its instance: delete it by hand", eni.id)
        }
    }
}
