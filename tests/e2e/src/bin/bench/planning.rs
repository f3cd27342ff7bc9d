//! How long the agent plans, measured by a test of its own crate, unoptimised: nothing else can make a plan without a node.

use serde::Deserialize;

/// Tells the file that the test writes.
const VARIABLE: &str = "MULTI_ENI_PLAN_TIMES";

/// Milliseconds of a plan, by the number of ENIs.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Planning {
    #[serde(rename = "1000")]
    pub(crate) thousand: f64,
    #[serde(rename = "8000")]
    pub(crate) eight_thousand: f64,
}

/// What the test measured; nothing if it was not run.
pub(crate) fn read() -> Option<Planning> {
    let path = std::env::var_os(VARIABLE)?;
    let text = std::fs::read(path).expect("the times of plans");
    Some(serde_json::from_slice(&text).expect("times of plans"))
}
