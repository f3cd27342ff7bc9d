//! What machines are shown of the agent: metrics, health, and the log.

pub(crate) mod fold;
pub(crate) mod health;
pub(crate) mod http;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod probe;
mod process;
mod redact;
mod timestamp;
