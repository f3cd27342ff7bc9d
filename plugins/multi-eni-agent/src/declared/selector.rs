//! Which nodes a NodeENI is for.

use super::fault::Faults;
use super::manifest::{Expression, NodeEniSpec, Operator};
use node::settings::{Agent, label};
use std::collections::BTreeMap;
use std::fmt;

/// The label that a node has by its name (Kubernetes, "Well-known labels").
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The labels of this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NodeLabels(BTreeMap<String, String>);

impl NodeLabels {
    /// Those of the settings, and the node's name unless they have one.
    ///
    /// # Errors
    /// The kernel's word on its host name.
    pub(crate) fn of(agent: &Agent) -> std::io::Result<Self> {
        let mut labels = agent.labels.clone();
        if !labels.contains_key(HOSTNAME) {
            labels.insert(HOSTNAME.into(), agent.node_name()?);
        }
        Ok(Self(labels))
    }
}

impl FromIterator<(String, String)> for NodeLabels {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(labels: T) -> Self {
        Self(labels.into_iter().collect())
    }
}

/// A checked `nodeSelector` with its expressions; without any it selects every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: BTreeMap<String, String>,
    expressions: Vec<Expression>,
}

impl Selector {
    /// That of a spec.
    pub(super) fn of(spec: &NodeEniSpec, faults: &mut Faults) -> Self {
        let expressions = spec.node_selector_expressions.clone().unwrap_or_default();
        if spec.node_selector.is_none() && expressions.is_empty() {
            faults.push("spec.nodeSelector", "is missing; write the labels of the nodes, or {} for every node");
        }
        let labels = spec.node_selector.clone().unwrap_or_default();
        for (key, value) in &labels {
            check_key(&format!("spec.nodeSelector.{key}"), key, faults);
            check_value(&format!("spec.nodeSelector.{key}"), value, faults);
        }
        for (index, expression) in expressions.iter().enumerate() {
            check_expression(&format!("spec.nodeSelectorExpressions[{index}]"), expression, faults);
        }
        Self { labels, expressions }
    }

    /// Whether a node with these labels is selected.
    pub(super) fn selects(&self, node: &NodeLabels) -> bool {
        let equal = self.labels.iter().all(|(key, value)| node.0.get(key) == Some(value));
        equal && self.expressions.iter().all(|expression| holds(expression, node.0.get(&expression.key)))
    }

    /// What a node does not have of it.
    pub(super) fn misses(&self, node: &NodeLabels) -> Vec<String> {
        let unlike = self.labels.iter().filter(|(key, value)| node.0.get(*key) != Some(value));
        let unlike = unlike.map(|(key, value)| format!("{key}={value}"));
        let unmet = self.expressions.iter().filter(|expression| !holds(expression, node.0.get(&expression.key)));
        unlike.chain(unmet.map(ToString::to_string)).collect()
    }
}

fn holds(expression: &Expression, value: Option<&String>) -> bool {
    let listed = || value.is_some_and(|value| expression.values.contains(value));
    match expression.operator {
        Operator::In => listed(),
        Operator::NotIn => !listed(),
        Operator::Exists => value.is_some(),
        Operator::DoesNotExist => value.is_none(),
    }
}

fn check_key(path: &str, key: &str, faults: &mut Faults) {
    if !label::is_key(key) {
        faults.push(path, format_args!("{key:?} is no key of a label; that is like example.com/name"));
    }
}

fn check_value(path: &str, value: &str, faults: &mut Faults) {
    if !label::is_value(value) {
        let rule = "at most 63 letters, digits, - _ and ., with a letter or digit at both ends";
        faults.push(path, format_args!("{value:?} is no value of a label; that is {rule}"));
    }
}

fn check_expression(path: &str, expression: &Expression, faults: &mut Faults) {
    check_key(&format!("{path}.key"), &expression.key, faults);
    for (index, value) in expression.values.iter().enumerate() {
        check_value(&format!("{path}.values[{index}]"), value, faults);
    }
    let path = format!("{path}.values");
    match (expression.operator, expression.values.is_empty()) {
        (Operator::In | Operator::NotIn, true) => faults.push(path, "is empty; In and NotIn need at least one value"),
        (Operator::Exists | Operator::DoesNotExist, false) => {
            faults.push(path, "has values; Exists and DoesNotExist take none");
        }
        _ => {}
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.join(", ");
        match self.operator {
            Operator::In => write!(f, "{} in ({values})", self.key),
            Operator::NotIn => write!(f, "{} not in ({values})", self.key),
            Operator::Exists => write!(f, "{}", self.key),
            Operator::DoesNotExist => write!(f, "no {}", self.key),
        }
    }
}
