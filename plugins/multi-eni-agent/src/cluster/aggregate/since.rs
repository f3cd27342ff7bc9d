//! Since when a problem is one. The status has the newest; those that it has no room for are remembered here, so that they do not
//! come back as new ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;

use super::problems::Found;
use crate::api::Problem;
use crate::cluster::world::NodeEni;

/// The most that a status has.
const MOST: usize = 10;

/// By NodeENI and problem, the time in RFC 3339.
#[derive(Debug, Clone, Default)]
pub(crate) struct Since(BTreeMap<String, BTreeMap<Found, String>>);

impl Since {
    /// The newest of those that are there now; the others are forgotten.
    pub(super) fn newest(&mut self, of: &NodeEni, found: BTreeSet<Found>, now: Timestamp) -> Vec<Problem> {
        let shown: BTreeMap<Found, String> = of.status.problems.iter().map(known).collect();
        let before = self.0.get(&of.uid);
        // Of what another holder of the Lease had no room for is known that it is not newer than what it showed.
        let cut = shown.values().min().filter(|_| before.is_none() && shown.len() >= MOST);
        let first_seen = |problem: &Found| {
            let known = before.and_then(|before| before.get(problem)).or_else(|| shown.get(problem)).or(cut);
            known.cloned().unwrap_or_else(|| now.to_string())
        };
        let all: BTreeMap<Found, String> =
            found.into_iter().map(|problem| (problem.clone(), first_seen(&problem))).collect();
        let mut problems: Vec<Problem> = all.iter().map(problem).collect();
        self.0.insert(of.uid.clone(), all);
        problems.sort_by_key(|problem| (Reverse(problem.since.clone()), problem.node.clone(), problem.message.clone()));
        problems.truncate(MOST);
        problems
    }

    /// Forgets NodeENIs that are not there any more.
    pub(crate) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|uid, _| is_there(uid));
    }
}

fn known(problem: &Problem) -> (Found, String) {
    ((problem.node.clone(), problem.message.clone()), problem.since.clone())
}

fn problem(((node, message), since): (&Found, &String)) -> Problem {
    Problem { node: node.clone(), message: message.clone(), since: since.clone() }
}
