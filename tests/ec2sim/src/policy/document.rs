//! The document (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use super::PolicyError;
use super::condition::Condition;

/// A policy. Clones are equal and apart.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) name: String,
    pub(super) effect: Effect,
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

impl Policy {
    /// The policy in this file.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let text = fs::read_to_string(path).map_err(|source| PolicyError::Read { path: path.to_owned(), source })?;
        text.parse()
    }

    /// Its statements by their `Sid`, or by their number where they have none.
    #[must_use]
    pub fn statements(&self) -> Vec<&str> {
        self.statements.iter().map(|statement| statement.name.as_str()).collect()
    }

    /// Both of them, as a role has several.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { statements: self.statements.iter().chain(&other.statements).cloned().collect() }
    }

    /// The same without this statement.
    #[must_use]
    pub fn without(&self, statement: &str) -> Self {
        Self { statements: self.statements.iter().filter(|of| of.name != statement).cloned().collect() }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let document: Document = serde_json::from_str(text).map_err(PolicyError::Document)?;
        let statements = document.statement.into_iter().enumerate().map(|(nth, typed)| typed.checked(nth));
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: Option<Version>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<Typed>,
}

/// The older version has no policy variables.
#[derive(Deserialize)]
enum Version {
    #[serde(rename = "2012-10-17")]
    Current,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Typed {
    sid: Option<String>,
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany<Scalar>>>,
}

impl Typed {
    fn checked(self, nth: usize) -> Result<Statement, PolicyError> {
        let mut conditions = Vec::new();
        for (operator, keys) in self.condition {
            for (key, values) in keys {
                let values = values.into_iter().map(Scalar::text).collect();
                conditions.push(Condition::new(&operator, key, values)?);
            }
        }
        Ok(Statement {
            name: self.sid.unwrap_or_else(|| nth.to_string()),
            effect: self.effect,
            actions: self.action.into_iter().collect(),
            resources: self.resource.into_iter().collect(),
            conditions,
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> IntoIterator for OneOrMany<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Self::Many(many) => many.into_iter(),
            Self::One(one) => vec![one].into_iter(),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Bool(bool),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bool(value) => value.to_string(),
        }
    }
}
