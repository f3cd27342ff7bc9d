//! What is said over the socket.

use super::line::LineError;
use super::{REPLY_LIMIT, REQUEST_LIMIT};
use crate::names::{EniId, PoolName};
use crate::record::{Owner, Pod};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// A free ENI of a pool. The answer is [`Reply::Ready`] as soon as one is ready that nobody holds; until then the open
    /// connection is demand for one more.
    Acquire(Acquire),
    /// A pass of the agent's loop, now. The answer is [`Reply::Refreshed`] when it has ended.
    Refresh {},
    /// What the agent knows. The answer is [`Reply::Status`].
    Status {},
}

/// Who asks for an ENI of which pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Acquire {
    /// The pool.
    pub pool: PoolName,
    /// The attachment that it is for.
    pub owner: Owner,
    /// The pod, if the runtime named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    /// How long the asker waits from now on, in milliseconds.
    pub deadline_ms: u64,
}

impl Acquire {
    /// How long the asker waits from when it asked.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Reply {
    /// To [`Request::Acquire`]: an ENI is ready. It is promised to nobody: the asker chooses and claims under the claim
    /// lock like everybody, and asks again if somebody was faster.
    Ready(Ready),
    /// To [`Request::Refresh`].
    Refreshed {},
    /// To [`Request::Status`].
    Status(serde_json::Value),
    /// To any: no, and why.
    Refused(Refusal),
}

/// An ENI that can be claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// EC2's id.
    pub network_interface_id: EniId,
}

/// A CNI error, as the runtime will read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The specification's or this project's error code.
    pub code: u32,
    /// One line that says what to do.
    pub msg: String,
    /// The rest.
    #[serde(default)]
    pub details: String,
}

/// What is read from one line, or written as one.
pub trait Decoded: Serialize + DeserializeOwned {
    /// The most bytes of its line, the newline among them.
    const LIMIT: usize;

    /// Reads it from a line, with or without its newline.
    ///
    /// # Errors
    /// [`LineError::Content`].
    fn decode(line: &[u8]) -> Result<Self, LineError> {
        serde_json::from_slice(line).map_err(LineError::Content)
    }

    /// Writes it as a line, the newline at its end.
    ///
    /// # Errors
    /// [`LineError::Content`] for what JSON cannot say, [`LineError::TooLong`] for what no reader would take.
    fn encode(&self) -> Result<Vec<u8>, LineError> {
        let mut line = serde_json::to_vec(self).map_err(LineError::Content)?;
        line.push(b'\n');
        if line.len() > Self::LIMIT { Err(LineError::TooLong { limit: Self::LIMIT }) } else { Ok(line) }
    }
}

impl Decoded for Request {
    const LIMIT: usize = REQUEST_LIMIT;
}

impl Decoded for Reply {
    const LIMIT: usize = REPLY_LIMIT;
}
