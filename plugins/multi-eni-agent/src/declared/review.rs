//! What can be said of a NodeENI without a node: the cluster agent's part.

use super::document;
use super::objects::{PLACE, manifest};
use super::reading::Reading;
use super::selector::{NodeLabels, Selector};
use node::settings::Agent;
use serde_json::Value;

/// What is wrong with a NodeENI, and which nodes it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Review {
    /// Field and fault, a line each.
    pub(crate) faults: Vec<String>,
    /// Nothing while there is a fault.
    selector: Option<Selector>,
}

impl Review {
    /// Of a NodeENI with this `spec`. The prefix of its resource's name, which each node has by its settings, can make nothing wrong.
    pub(crate) fn of(name: &str, spec: Option<&Value>) -> Self {
        let mut reading = Reading::of(&Agent::default().resource_prefix);
        reading.object(PLACE, document::read(&manifest(name, spec)));
        let faults = reading.faults.iter().map(|fault| format!("{}: {}", fault.path, fault.why)).collect();
        let selector = reading.right.into_values().next().map(|right| right.valid.selector);
        Self { faults, selector }
    }

    /// Whether it is right, and for a node with these labels.
    pub(crate) fn selects(&self, labels: &NodeLabels) -> bool {
        self.selector.as_ref().is_some_and(|selector| selector.selects(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_right_selects_and_what_is_not_says_every_fault() {
        let groups = json!(["sg-0123456789abcdef0"]);
        let right = json!({ "nodeSelector": { "ng": "a" }, "subnetID": "subnet-0123456789abcdef0", "securityGroupIDs": groups });
        let review = Review::of("data", Some(&right));
        let labels = |value: &str| [("ng".to_string(), value.to_string())].into_iter().collect::<NodeLabels>();
        assert!(review.faults.is_empty() && review.selects(&labels("a")) && !review.selects(&labels("b")));
        let wrong = json!({ "nodeSelector": {}, "dpdkEnabled": true, "mtu": 1 });
        let review = Review::of("data", Some(&wrong));
        assert!(review.faults.iter().any(|fault| fault.contains("enableDPDK is")), "{:?}", review.faults);
        assert!(review.faults.len() > 2 && !review.selects(&labels("a")), "{:?}", review.faults);
        assert_eq!(Review::of("data", None).faults.len(), 1);
    }
}
