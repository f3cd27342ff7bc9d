//! What is tried in a guest. A scenario's name carries the ids of the cases that it holds, as a test's does.

mod netdev;
mod power;
mod shared;
mod vfio;

use node::inventory::Entry;
use serde_json::{Value, json};

use super::brief::Part;
use super::node::Node;

/// One of them. Before the power cut it finds a node whose agent runs, without pods, pools and ENIs.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// The file that it is in, below the top of the source tree.
    pub file: &'static str,
    pub(super) run: fn(&Node),
}

/// The pool of a scenario, unless it has several.
const POOL: &str = "data";

/// Those of a part, in their order.
#[must_use]
pub fn of(part: Part) -> Vec<Scenario> {
    match part {
        Part::Before => [&netdev::ALL[..], &shared::ALL, &vfio::ALL, &power::BEFORE].concat(),
        Part::After => power::AFTER.to_vec(),
    }
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [Part::Before, Part::After].into_iter().flat_map(of).collect()
}

/// A pool of so many ENIs, which stay.
fn pool(count: usize) -> Value {
    json!({"min": count, "max": count, "cooldownSeconds": 0})
}

/// The one ENI of the pool, as soon as it is free.
#[track_caller]
fn one(node: &Node) -> Entry {
    node.ready(POOL, 1).remove(0)
}
