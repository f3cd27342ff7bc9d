//! What a NodeENI's status says, out of what the agents of its nodes say. Pure: the same world is the same status, whoever asks and
//! whenever.

mod attachments;
mod condition;
mod index;
mod problems;
mod since;
#[cfg(test)]
mod tests;

pub(crate) use condition::{OURS, Standing};
pub(crate) use index::Index;
pub(crate) use since::Since;

use k8s_openapi::jiff::Timestamp;

use super::world::{NodeEni, World};
use crate::api::{EniCounts, NodeEniStatus};

/// The status of a NodeENI at this time, which is only told where something is new.
pub(crate) fn status(
    of: &NodeEni,
    world: &World,
    index: &Index<'_>,
    standing: &Standing,
    since: &mut Since,
    now: Timestamp,
) -> NodeEniStatus {
    let selected: Vec<&str> =
        world.nodes.iter().filter(|(_, node)| of.review.selects(&node.labels)).map(|(name, _)| name.as_str()).collect();
    let lacking = problems::lacking(of, index, &selected);
    let found = problems::found(of, index, &selected);
    let (attachments, attachments_note) = match standing.is_ours() {
        true => attachments::of(of, world, index),
        false => (of.status.attachments.clone(), of.status.attachments_note.clone()),
    };
    NodeEniStatus {
        observed_generation: of.generation,
        conditions: condition::all(of, standing, selected.len(), &lacking, now),
        nodes: u32::try_from(selected.len()).unwrap_or(u32::MAX),
        enis: counts(index, &of.name),
        problems: since.newest(of, found, now),
        attachments,
        attachments_note,
    }
}

fn counts(index: &Index<'_>, pool: &str) -> EniCounts {
    let mut counts = EniCounts::default();
    for at in index.enis(pool) {
        counts.add(at.state);
    }
    counts
}
