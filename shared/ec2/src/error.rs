//! What EC2 answered instead of doing it.

mod class;
mod code;
mod subject;

pub use class::Class;
pub use code::Code;
pub use subject::Subject;

use crate::action::Action;
use std::fmt;

/// The most bytes of the text: it ends up on one line of an event or of a plugin's answer.
const TEXT_LIMIT: usize = 200;

/// Why an errand to EC2 failed. The text names the action, the subject and the code; EC2's own words are the source.
#[derive(Debug)]
#[non_exhaustive]
pub struct Error {
    /// What was to be done.
    pub action: Action,
    /// EC2's code.
    pub code: Code,
    /// The code's class, by the table.
    pub class: Class,
    /// What it was about.
    pub subject: Box<Subject>,
    /// The answer's id, which AWS support asks for.
    pub request_id: Option<String>,
    /// Of an earlier request of the same errand the answer was lost.
    after_a_loss: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A refusal with this code.
    pub fn new(action: Action, code: Code) -> Self {
        let class = code.class();
        Self { action, code, class, subject: Box::default(), request_id: None, after_a_loss: false, source: None }
    }

    /// The same about something.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        *self.subject = subject;
        self
    }

    /// The same about something, unless it says already what it is about.
    #[must_use]
    pub(crate) fn or_about(self, subject: &Subject) -> Self {
        if *self.subject == Subject::default() { self.about(subject.clone()) } else { self }
    }

    /// The same with the id of EC2's answer.
    #[must_use]
    pub fn of_request(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// The same with what lies below it: EC2's message, or the failure of the connection.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same of an errand of which an earlier request may have been done all the same.
    #[must_use]
    pub(crate) fn after(mut self, loss: bool) -> Self {
        self.after_a_loss |= loss;
        self
    }

    /// Whether an attach may have failed because the slot has an ENI already, one that the caller did not know of.
    ///
    /// EC2 has no code for that. It answers `InvalidParameterValue` with a message ("Instance 'i-…' already has an
    /// interface attached at device index '1'."), and a message is not looked at here; the other reasons for this code at
    /// an attach are an index or a card that the instance does not have, for which another slot is the right next step too.
    pub fn is_slot_taken(&self) -> bool {
        self.action == Action::AttachNetworkInterface && self.code == Code::InvalidParameterValue
    }

    /// Whether what was asked for is more than any ENI of this kind may have: fewer groups, addresses or tags would do, and other ENIs
    /// are not concerned.
    pub fn is_of_this_eni(&self) -> bool {
        matches!(
            self.code,
            Code::SecurityGroupsPerInterfaceLimitExceeded
                | Code::PrivateIpAddressLimitExceeded
                | Code::InterfaceIpAddressLimitExceeded
                | Code::TagLimitExceeded
        )
    }

    /// Whether it is not known if EC2 did it: the answer was lost, or says nothing, or it says no to what was asked again because an
    /// earlier answer was lost.
    pub fn may_have_happened(&self) -> bool {
        match self.class {
            _ if self.after_a_loss => true,
            Class::Transient | Class::Unknown => true,
            Class::Throttled
            | Class::NotFound
            | Class::InUse
            | Class::Capacity
            | Class::Limit
            | Class::Denied
            | Class::Misconfigured => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The code stands before the subject, which may be long: it is what must not be cut off.
        let text = format!("{}: {}{}", self.action, self.code, self.subject);
        let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        f.write_str(&line[..line.floor_char_boundary(TEXT_LIMIT)])
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests;
