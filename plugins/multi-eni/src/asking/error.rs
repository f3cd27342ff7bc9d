//! Why no ENI was attached, and the CNI code of each.

use crate::choose::Refusal;
use cni::{Code, ProgramError, Signal};
use node::ask::{self, LineError};
use node::names::PoolName;
use std::process::ExitStatus;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "pool {pool} has no free ENI, and no agent is here to attach one: start multi-eni-agent, or set attach = \
         \"once\" in node.toml"
    )]
    NoAgent {
        pool: PoolName,
        #[source]
        source: ask::Error,
    },
    #[error("pool {pool} has no free ENI, and the agent did not answer")]
    Agent {
        pool: PoolName,
        #[source]
        source: ask::Error,
    },
    #[error("pool {pool} has no free ENI, and multi-eni-agent once could not be run")]
    Once {
        pool: PoolName,
        #[source]
        source: ProgramError,
    },
    #[error("pool {pool} has no free ENI, and multi-eni-agent once ended without an answer ({status})")]
    NoAnswer { pool: PoolName, status: ExitStatus },
    #[error("pool {pool} has no free ENI, and what the agent answered cannot be read")]
    Answer {
        pool: PoolName,
        #[source]
        source: LineError,
    },
    #[error("pool {pool} has no free ENI, and the agent answered something else than what it was asked")]
    Other { pool: PoolName },
    #[error("pool {pool} has no free ENI, and none was attached in time: try again")]
    Late { pool: PoolName },
    /// The agent's own word.
    #[error(transparent)]
    Refused(#[from] cni::Error),
    #[error("{0} came")]
    Interrupted(Signal),
}

impl Error {
    pub(super) fn of_agent(pool: &PoolName, source: ask::Error) -> Self {
        let pool = pool.clone();
        match source {
            ask::Error::NoAgent { .. } => Self::NoAgent { pool, source },
            ask::Error::Late { .. } => Self::Late { pool },
            ask::Error::Line(source) => Self::Answer { pool, source },
            ask::Error::Untrusted { .. } | ask::Error::Socket { .. } | ask::Error::Closed => {
                Self::Agent { pool, source }
            }
        }
    }

    pub(super) fn of_program(pool: &PoolName, source: ProgramError) -> Self {
        let pool = pool.clone();
        match source {
            ProgramError::Late { .. } => Self::Late { pool },
            source => Self::Once { pool, source },
        }
    }

    pub(super) fn of_refusal(refusal: ask::Refusal) -> Self {
        let code = Code::new(refusal.code).unwrap_or(Code::TRY_AGAIN);
        Self::Refused(cni::Error::new(code, refusal.msg).with_details(refusal.details))
    }

    fn code(&self) -> Code {
        match self {
            Self::NoAgent { .. } | Self::Late { .. } | Self::NoAnswer { .. } | Self::Interrupted(_) => Code::TRY_AGAIN,
            Self::Agent { source: ask::Error::Closed, .. } => Code::TRY_AGAIN,
            Self::Agent { .. } | Self::Once { .. } => Code::IO,
            Self::Answer { .. } | Self::Other { .. } => Code::DECODE,
            Self::Refused(error) => error.code,
        }
    }

    /// The ADD's error; why the pool had nothing to claim is in its details.
    pub(super) fn instead_of(self, why: &Refusal) -> crate::error::Error {
        match self {
            Self::Refused(error) => error.into(),
            Self::Interrupted(signal) => crate::error::Error::Interrupted(signal),
            error => cni::Error::from_chain(error.code(), &error).with_details(why.to_string()).into(),
        }
    }
}
