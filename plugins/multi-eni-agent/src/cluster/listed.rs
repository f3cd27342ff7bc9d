//! The attachments that a NodeENI's status lists, as they stand there. They are the only record that aws-multi-eni-controller has of its
//! ENIs: of a subnet that is not in it, it makes another. So while it is at work, or may be, they are left as they are, whatever is in
//! them; and an ENI of its that no agent has taken over yet stays in them after it.

use serde_json::Value;

use crate::api::Attachment;

/// The fields of it.
const FIELDS: [&str; 2] = ["attachments", "attachmentsNote"];

/// The fields of a status as they are, each if it is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Listed([Option<Value>; 2]);

impl Listed {
    /// Of an object's `status`.
    pub(super) fn of(status: Option<&Value>) -> Self {
        Self(FIELDS.map(|field| status.and_then(|status| status.get(field)).cloned()))
    }

    /// Puts them where a status that is written has others. What is not there is not said: what nobody applied stays absent.
    pub(super) fn replace_in(&self, status: &mut Value) {
        let Value::Object(status) = status else { return };
        for (field, value) in FIELDS.iter().zip(&self.0) {
            match value {
                Some(value) => status.insert((*field).to_string(), value.clone()),
                None => status.remove(*field),
            };
        }
    }

    /// Each attachment that can be read.
    pub(super) fn attachments(&self) -> Vec<Attachment> {
        let all = self.0[0].as_ref().and_then(Value::as_array);
        all.into_iter().flatten().filter_map(|one| serde_json::from_value(one.clone()).ok()).collect()
    }
}
