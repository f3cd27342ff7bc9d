//! The conditions `Valid`, `Managed` and `Ready`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::cluster::text::{first, short};
use crate::cluster::world::NodeEni;
use crate::kubernetes::ORIGINAL_CONTROLLER_AT_WORK;

const VALID: &str = "Valid";
const MANAGED: &str = "Managed";
const READY: &str = "Ready";
/// The types that this agent writes.
pub(crate) const OURS: [&str; 3] = [VALID, MANAGED, READY];

/// Whether this project may act in EC2 for a NodeENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may.
    InCharge,
    /// The original controller works in the cluster, by this sign.
    OriginalAtWork(String),
    /// Whether it does cannot be seen, for this reason.
    OriginalUnknown(String),
    /// It is deleted, and waits for this.
    Deleted(String),
}

impl Standing {
    /// Whether what is attached is this project's to say.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::InCharge | Self::Deleted(_))
    }
}

/// What is said in a condition.
struct Said {
    of: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

/// All three. Each keeps its time until its status changes.
pub(super) fn all(
    of: &NodeEni,
    standing: &Standing,
    nodes: usize,
    lacking: &[String],
    now: Timestamp,
) -> Vec<Condition> {
    [valid(of), managed(standing), ready(of, standing, nodes, lacking)].map(|said| condition(of, said, now)).into()
}

fn condition(of: &NodeEni, said: Said, now: Timestamp) -> Condition {
    let status = if said.holds { "True" } else { "False" };
    let before = of.status.conditions.iter().find(|before| before.type_ == said.of && before.status == status);
    Condition {
        type_: said.of.to_string(),
        status: status.to_string(),
        reason: said.reason.to_string(),
        message: said.message,
        observed_generation: of.generation,
        last_transition_time: before.map_or(Time(now), |before| before.last_transition_time.clone()),
    }
}

fn valid(of: &NodeEni) -> Said {
    let faults = &of.review.faults;
    match faults.is_empty() {
        true => Said { of: VALID, holds: true, reason: "Valid", message: "every field is right".to_string() },
        false => Said { of: VALID, holds: false, reason: "Invalid", message: first(&shortened(faults)) },
    }
}

fn shortened(faults: &[String]) -> Vec<String> {
    faults.iter().map(|fault| short(fault)).collect()
}

fn managed(standing: &Standing) -> Said {
    let (holds, reason, message) = match standing {
        Standing::InCharge => (true, "InCharge", "multi-eni-agent keeps its ENIs".to_string()),
        Standing::OriginalAtWork(sign) => {
            let then = "nothing is changed in EC2 until it is gone: scale it to 0";
            (false, ORIGINAL_CONTROLLER_AT_WORK, format!("aws-multi-eni-controller is at work ({sign}); {then}"))
        }
        Standing::OriginalUnknown(why) => {
            let what = "whether aws-multi-eni-controller is at work cannot be seen";
            (false, "OriginalControllerUnknown", format!("{what}, so nothing is changed in EC2: {why}"))
        }
        Standing::Deleted(waits) => (false, "Deleting", waits.clone()),
    };
    Said { of: MANAGED, holds, reason, message }
}

fn ready(of: &NodeEni, standing: &Standing, nodes: usize, lacking: &[String]) -> Said {
    let (holds, reason, message) = if *standing != Standing::InCharge {
        (false, "NotManaged", "see the condition Managed".to_string())
    } else if !of.review.faults.is_empty() {
        (false, "Invalid", "see the condition Valid".to_string())
    } else if nodes == 0 {
        (true, "NoNodes", "no node has the labels that it selects".to_string())
    } else if lacking.is_empty() {
        (true, "Ready", "every node that it selects has what it should".to_string())
    } else {
        let message = format!("{} of {nodes} nodes do not have what they should: {}", lacking.len(), first(lacking));
        (false, "NodesNotReady", message)
    };
    Said { of: READY, holds, reason, message }
}
