//! What the API server's word means for the pools of this node.

use std::fmt;

use node::names::PoolName;

use super::node_eni::{Managed, NodeEniObject};
use super::snapshot::{Heard, Known};
use crate::declared::{Declared, NodeLabels, Objects};
use crate::observe::Mandate;

/// Whether the node serves pods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum NodeStanding {
    #[default]
    Serves,
    /// No new pods come: nothing is made for them, and nothing taken from those that are there.
    Cordoned,
    /// It goes, and why: EC2 does with its instance what is left to do.
    Leaving(String),
}

impl fmt::Display for NodeStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serves => f.write_str("takes pods"),
            Self::Cordoned => f.write_str("is cordoned: nothing is made for pods to come, and nothing is taken away"),
            Self::Leaving(why) => write!(f, "is leaving: {why}"),
        }
    }
}

/// What is declared, what of it the agent may do in EC2, and whether the node serves. Before all of it is known, nothing is declared
/// and nothing withdrawn.
pub(crate) fn pools(known: &Known, objects: &mut Objects) -> (Declared, Mandate, NodeStanding) {
    let Some(node_enis) = &known.node_enis else {
        return unknown("the API server has not told yet which NodeENIs there are");
    };
    let node = match &known.node {
        Heard::There(node) => node,
        Heard::Nothing => return unknown("the API server has not told yet which labels this Node has"),
        Heard::Absent => {
            return unknown("the API server has no Node of the name that NODE_NAME or node_name of node.toml gives");
        }
    };
    let labels: NodeLabels = node.labels.clone().into_iter().collect();
    let declaring = node_enis.iter().filter(|(_, object)| !object.is_deleted);
    let declared = objects.read(declaring.map(|(name, object)| (name, object.spec.as_ref())), &labels);
    let standing = match (&node.leaving, node.is_cordoned) {
        (Some(why), _) => NodeStanding::Leaving(why.clone()),
        (None, true) => NodeStanding::Cordoned,
        (None, false) => NodeStanding::Serves,
    };
    (declared, mandate(node_enis.iter()), standing)
}

fn unknown(why: &str) -> (Declared, Mandate, NodeStanding) {
    let mandate = Mandate { nothing: Some(why.to_string()), ..Mandate::default() };
    (Declared::unknown(), mandate, NodeStanding::Serves)
}

/// A NodeENI that is being deleted needs nobody's word: its pool is withdrawn.
fn mandate<'a>(node_enis: impl Iterator<Item = (&'a String, &'a NodeEniObject)>) -> Mandate {
    let mut mandate = Mandate::default();
    for (name, object) in node_enis {
        if let Managed::No { message, .. } = &object.managed
            && object.managed.is_another_at_work()
        {
            mandate.nothing.get_or_insert_with(|| format!("another controller is at work: {message}"));
        }
        let Some(why) = unmanaged(&object.managed).filter(|_| !object.is_deleted) else { continue };
        if let Ok(name) = name.parse::<PoolName>() {
            mandate.not_for.insert(name, why);
        }
    }
    mandate
}

fn unmanaged(managed: &Managed) -> Option<String> {
    match managed {
        Managed::Yes => None,
        Managed::No { reason, message } => Some(format!("its NodeENI is not managed: {reason}: {message}")),
        Managed::Unsaid => {
            Some("its NodeENI is not managed yet: see whether the Deployment multi-eni-cluster-agent runs".to_string())
        }
    }
}
