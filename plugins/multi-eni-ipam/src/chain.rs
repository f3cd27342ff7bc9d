//! The further IPAM plugins: asked in order, released in reverse.

use crate::config::Member;
use cni::{CniResult, Code, Delegate, Environment, Error, Interrupt, Invocation, NetworkConfig};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a member may go on after SIGTERM: less than the main plugin gives us, so that what it may have given is released by then.
const GRACE: Duration = Duration::from_secs(1);

/// The chain of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) members: &'a [Member],
    pub(crate) config: &'a NetworkConfig,
    pub(crate) environment: &'a Environment,
    /// How long each member may take.
    pub(crate) limit: Duration,
}

/// An attachment that is gone, as far as a plugin needs it for a DEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) container_id: String,
    pub(crate) ifname: String,
    /// The `CNI_ARGS` of its ADD.
    pub(crate) args: String,
    /// Whether it is on record until the chain has released it.
    pub(crate) owes: bool,
}

/// What came of a GC of the chain.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Every error on the way.
    pub(crate) errors: Vec<Error>,
    /// What a member does not release.
    pub(crate) unreleased: Vec<Stale>,
}

/// A member ready to be run.
struct Prepared<'a> {
    delegate: Delegate,
    config: Map<String, Value>,
    chain: &'a Chain<'a>,
}

impl Prepared<'_> {
    fn invocation(&self) -> Invocation<'_> {
        self.invocation_in(self.chain.environment)
    }

    fn invocation_in<'a>(&'a self, environment: &'a Environment) -> Invocation<'a> {
        Invocation { config: &self.config, version: self.chain.config.version, environment, limit: self.chain.limit }
    }
}

impl<'a> Chain<'a> {
    /// The answers, in order. Where a member fails, or the runtime wants an end, those that were asked are released in
    /// reverse, that one included.
    pub(crate) async fn add(&'a self, interrupt: &Interrupt) -> Result<Vec<CniResult>, Error> {
        let mut answers = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            match self.ask(member, interrupt).await {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    let asked = Self { members: self.members.get(..=index).unwrap_or_default(), ..*self };
                    for left in asked.del().await {
                        log::warn!("the chain is not wholly released: {left}");
                    }
                    return Err(error);
                }
            }
        }
        Ok(answers)
    }

    async fn ask(&'a self, member: &Member, interrupt: &Interrupt) -> Result<CniResult, Error> {
        let prepared = self.prepare(member)?;
        let invocation = prepared.invocation();
        let answer = tokio::select! {
            biased;
            signal = interrupt.raised() => {
                let msg = format!("stopped by {signal} before {} answered, try again", member.plugin_type);
                Err(Error::new(Code::TRY_AGAIN, msg))
            }
            answer = prepared.delegate.add(&invocation) => answer,
        };
        prepared.delegate.is_at_rest().await;
        answer
    }

    /// Releases in reverse; all are tried.
    pub(crate) async fn del(&'a self) -> Vec<Error> {
        let mut errors = Vec::new();
        for member in self.members.iter().rev() {
            errors.extend(self.release(member, self.environment).await.err());
        }
        errors
    }

    async fn release(&'a self, member: &Member, environment: &Environment) -> Result<(), Error> {
        let prepared = self.prepare(member)?;
        prepared.delegate.del(&prepared.invocation_in(environment)).await
    }

    /// The first that is not right.
    pub(crate) async fn check(&'a self) -> Result<(), Error> {
        for member in self.members {
            let prepared = self.prepare(member)?;
            prepared.delegate.check(&prepared.invocation()).await?;
        }
        Ok(())
    }

    /// Has all of them free what is stale; all are tried. The attachments that are known to be gone are released one by
    /// one too: most plugins do not do anything on GC, and say so or not.
    pub(crate) async fn gc(&'a self, stale: &[Stale]) -> Collected {
        let mut collected = Collected::default();
        for member in self.members.iter().rev() {
            for gone in stale {
                if let Err(error) = self.release(member, &self.environment_of(gone)).await {
                    collected.errors.push(error);
                    collected.unreleased.push(gone.clone());
                }
            }
            collected.errors.extend(self.collect(member).await.err());
        }
        collected
    }

    async fn collect(&'a self, member: &Member) -> Result<(), Error> {
        let prepared = self.prepare(member)?;
        known(member, "GC", prepared.delegate.gc(&prepared.invocation()).await)
    }

    /// The first that could not service an ADD.
    pub(crate) async fn status(&'a self) -> Result<(), Error> {
        for member in self.members {
            let prepared = self.prepare(member)?;
            known(member, "STATUS", prepared.delegate.status(&prepared.invocation()).await)?;
        }
        Ok(())
    }

    /// Finds the member, and makes its configuration: the whole one, with its own `ipam`.
    fn prepare(&'a self, member: &Member) -> Result<Prepared<'a>, Error> {
        let delegate = Delegate::find(&member.plugin_type, self.environment)?.graced(GRACE);
        let mut config = self.config.raw.clone();
        config.insert("ipam".to_string(), Value::Object(member.ipam.clone()));
        Ok(Prepared { delegate, config, chain: self })
    }

    /// The environment of the ADD of an attachment, as far as it is known. Its namespace is gone.
    fn environment_of(&self, stale: &Stale) -> Environment {
        let mut environment = self.environment.clone();
        environment.variables.remove("CNI_NETNS");
        for (key, value) in
            [("CNI_CONTAINERID", &stale.container_id), ("CNI_IFNAME", &stale.ifname), ("CNI_ARGS", &stale.args)]
        {
            environment.variables.insert(key, value.into());
        }
        environment
    }
}

/// A verb that a plugin is too old for is no fault of it. It says so with code 4 (`pkg/skel` of the Go library, for an
/// unknown `CNI_COMMAND`).
fn known(member: &Member, verb: &str, outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if error.code == Code::ENVIRONMENT => {
            log::info!("{} does not know {verb}: {error}", member.plugin_type);
            Ok(())
        }
        outcome => outcome,
    }
}
