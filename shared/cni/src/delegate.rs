//! Running another plugin (CNI 1.1.0, "Plugin Delegation").

mod answer;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::program::{Endings, GRACE};
use crate::verb::Verb;
use crate::{CniResult, Code, Environment, Error, PluginType, Program, ProgramError, ProgramOutput, Version};

/// Another plugin's executable.
#[derive(Clone, Debug)]
pub struct Delegate {
    plugin_type: PluginType,
    path: PathBuf,
    grace: Duration,
    endings: Endings,
}

/// How a delegate is run. Container, namespace and interface are those of the environment's variables.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// What it gets on stdin: the complete configuration.
    pub config: &'a Map<String, Value>,
    /// The version of that configuration, for an answer that does not say its own.
    pub version: Version,
    /// The variables, and nothing else of the protocol's.
    pub environment: &'a Environment,
    /// After that it is made to end, as a call is that is not waited for any more: it gets SIGTERM to undo what it has begun, and is
    /// killed after [`Delegate::graced`].
    pub limit: Duration,
}

impl Delegate {
    /// Looks in the folders of `CNI_PATH`, in order, for a regular file of that name.
    ///
    /// # Errors
    /// Code 7 when there is none, with the type and the folders.
    pub fn find(plugin_type: &PluginType, environment: &Environment) -> Result<Self, Error> {
        let candidates = environment.path.iter().map(|folder| folder.join(plugin_type.as_str()));
        match candidates.into_iter().find(|path| path.is_file()) {
            Some(path) => {
                Ok(Self { plugin_type: plugin_type.clone(), path, grace: GRACE, endings: Endings::default() })
            }
            None => {
                let folders: Vec<_> = environment.path.iter().map(|folder| folder.display().to_string()).collect();
                let searched = if folders.is_empty() { "which is empty".to_owned() } else { folders.join(":") };
                Err(Error::new(Code::CONFIG, format!("plugin {plugin_type} is not in CNI_PATH ({searched})")))
            }
        }
    }

    /// The same with another time between SIGTERM and SIGKILL than 2 s.
    #[must_use]
    pub fn graced(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Waits until every call of it or of a clone that is not waited for any more has come to its end. Each call waits for that
    /// before it begins: a release would else be overtaken by what it is to undo.
    pub async fn is_at_rest(&self) {
        self.endings.are_over().await;
    }

    /// Runs its ADD.
    ///
    /// # Errors
    /// Its own error with code, message and details unchanged; code 6 for an answer that is none, 11 when it takes longer
    /// than the limit, 999 when it dies or fails without an answer, 5 when it cannot be started.
    pub async fn add(&self, invocation: &Invocation<'_>) -> Result<CniResult, Error> {
        let output = self.run(Verb::Add, invocation).await?;
        answer::result(self, &output, invocation.version)
    }

    /// Runs its DEL.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn del(&self, invocation: &Invocation<'_>) -> Result<(), Error> {
        self.silent(Verb::Del, invocation).await
    }

    /// Runs its CHECK. The configuration has to carry the `prevResult`.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn check(&self, invocation: &Invocation<'_>) -> Result<(), Error> {
        self.silent(Verb::Check, invocation).await
    }

    /// Runs its GC.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn gc(&self, invocation: &Invocation<'_>) -> Result<(), Error> {
        self.silent(Verb::Gc, invocation).await
    }

    /// Runs its STATUS.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn status(&self, invocation: &Invocation<'_>) -> Result<(), Error> {
        self.silent(Verb::Status, invocation).await
    }

    async fn silent(&self, verb: Verb, invocation: &Invocation<'_>) -> Result<(), Error> {
        let output = self.run(verb, invocation).await?;
        answer::nothing(self, &output)
    }

    async fn run(&self, verb: Verb, invocation: &Invocation<'_>) -> Result<ProgramOutput, Error> {
        let mut variables = invocation.environment.variables.clone();
        variables.insert("CNI_COMMAND", verb.as_str().into());
        let config = Value::Object(invocation.config.clone()).to_string();
        let program = Program {
            path: &self.path,
            arguments: &[],
            variables: &variables,
            stdin: config.as_bytes(),
            limit: invocation.limit,
        };
        self.is_at_rest().await;
        let outcome = program.run_beside(&self.endings, self.grace).await;
        self.is_at_rest().await;
        outcome.map_err(|error| self.not_run(verb, &error))
    }

    fn not_run(&self, verb: Verb, error: &ProgramError) -> Error {
        match error {
            ProgramError::Start { source, .. } => self.error(Code::IO, format_args!("{error}: {source}")),
            ProgramError::Read { source, .. } => self.error(Code::IO, format_args!("cannot run {verb}: {source}")),
            ProgramError::TooMuch => self.error(Code::DECODE, error),
            ProgramError::Late { .. } => self.error(Code::TRY_AGAIN, format_args!("{verb} {error}, try again")),
        }
    }

    fn error(&self, code: Code, what: impl std::fmt::Display) -> Error {
        Error::new(code, format!("plugin {}: {what}", self.plugin_type))
    }
}
