//! What is not as it should be with a NodeENI, node by node.

use std::collections::{BTreeMap, BTreeSet};

use node::inventory::State;

use super::index::Index;
use crate::api::PoolStatus;
use crate::cluster::text::short;
use crate::cluster::world::NodeEni;

/// The most of one node: the ENINode has them all.
const MOST_OF_A_NODE: usize = 3;

/// A problem: the node, and what it is.
pub(super) type Found = (String, String);

/// All of them. What a node says is its word, and that a node says nothing is one, too.
pub(super) fn found(of: &NodeEni, index: &Index<'_>, selected: &[&str]) -> BTreeSet<Found> {
    let mut found = BTreeSet::new();
    for &node in selected {
        match index.report(node, &of.name) {
            None => {
                let silent = "its agent has not reported: see the pod of the DaemonSet multi-eni-agent there";
                let unreadable = |why| format!("its ENINode cannot be read: {why}");
                let why = index.unreadable(node).map_or_else(|| silent.to_string(), unreadable);
                found.insert((node.to_string(), short(&why)));
            }
            Some(report) => {
                let waiting = report.iter().flat_map(|pool| &pool.waiting).take(MOST_OF_A_NODE);
                found.extend(waiting.map(|line| (node.to_string(), short(line))));
            }
        }
    }
    let mut of_node = (None, 0);
    for at in index.enis(&of.name) {
        let Some(error) = &at.eni.last_error else { continue };
        of_node = if of_node.0 == Some(at.node) { (of_node.0, of_node.1 + 1) } else { (Some(at.node), 1) };
        if of_node.1 <= MOST_OF_A_NODE {
            found.insert((at.node.to_string(), short(&format!("{}: {error}", at.eni.id))));
        }
    }
    found
}

/// The selected nodes that have not, or may not have, what they should.
pub(super) fn lacking(of: &NodeEni, index: &Index<'_>, selected: &[&str]) -> Vec<String> {
    let mut on_node: BTreeMap<&str, u32> = BTreeMap::new();
    let mut set_aside = BTreeSet::new();
    for at in index.enis(&of.name) {
        if at.state.is_some_and(State::is_on_node) {
            *on_node.entry(at.node).or_default() += 1;
        }
        if at.state == Some(State::Quarantined) {
            set_aside.insert(at.node);
        }
    }
    let lacks = |node: &&&str| {
        let have = on_node.get(**node).copied().unwrap_or_default();
        let report = index.report(node, &of.name).flatten();
        set_aside.contains(**node) || !report.is_some_and(|pool| is_as_it_should(of, pool, have))
    };
    selected.iter().filter(lacks).map(ToString::to_string).collect()
}

fn is_as_it_should(of: &NodeEni, pool: &PoolStatus, have: u32) -> bool {
    pool.generation == of.generation && pool.waiting.is_empty() && pool.target.is_some_and(|target| have >= target)
}
