//! IAM policies, as far as EC2 asks for them
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>). What is not understood is
//! refused when the policy is read: a condition that is passed over would allow too much.

mod condition;
mod document;
mod judge;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use document::Policy;
pub(crate) use judge::Verdict;

use crate::record::Tags;

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file could not be read.
    #[error("cannot read the policy {path}")]
    Read { path: PathBuf, source: std::io::Error },
    /// It is not a policy document.
    #[error("not a policy document")]
    Document(#[source] serde_json::Error),
    /// An operator that is not known here, as `NumericLessThan`.
    #[error("condition operator {0:?} is not known to the simulator")]
    Operator(String),
}

/// One thing that must be allowed.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `ec2:CreateTags`.
    pub(crate) action: String,
    /// An ARN, or `*`.
    pub(crate) resource: String,
    pub(crate) context: Context,
}

impl Asked {
    /// `aws:RequestTag/…` and `aws:TagKeys`.
    pub(crate) fn with_request_tags(mut self, tags: impl Iterator<Item = (String, String)>) -> Self {
        for (key, value) in tags {
            self.context = self.context.with(&format!("aws:RequestTag/{key}"), &value);
            self.context.0.entry("aws:tagkeys".into()).or_default().push(key);
        }
        self
    }
}

/// Condition keys with their values. Case does not count in keys, but for the tag's own key it does in values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_ascii_lowercase(), vec![value.to_owned()]);
        self
    }

    /// `aws:ResourceTag/…` and `ec2:ResourceTag/…`.
    pub(crate) fn with_resource_tags(mut self, tags: &Tags) -> Self {
        for (key, value) in tags {
            self = self.with(&format!("aws:ResourceTag/{key}"), value).with(&format!("ec2:ResourceTag/{key}"), value);
        }
        self
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}
