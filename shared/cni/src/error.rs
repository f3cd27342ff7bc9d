//! What a plugin answers when it could not do it.

use std::fmt;

use serde_json::{Value, json};

use crate::Version;

/// The most bytes of `msg`: runtimes put it on one line of an event or a log.
const MSG_LIMIT: usize = 200;
/// What says that a text goes on elsewhere.
const ELLIPSIS: &str = "…";

/// The number of a CNI error, never 0 (which the Go library reads as "unknown").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u32);

impl Code {
    /// The configuration's `cniVersion` is not supported, or too old for the verb.
    pub const INCOMPATIBLE_VERSION: Self = Self(1);
    /// A field of the configuration is not supported; the message has its key and value.
    pub const UNSUPPORTED_FIELD: Self = Self(2);
    /// The container is unknown; the runtime then does no DEL, so only where nothing was done.
    pub const UNKNOWN_CONTAINER: Self = Self(3);
    /// An environment variable is missing or invalid; the message names it.
    pub const ENVIRONMENT: Self = Self(4);
    /// Input or output failed.
    pub const IO: Self = Self(5);
    /// Something cannot be decoded.
    pub const DECODE: Self = Self(6);
    /// The network configuration is not valid.
    pub const CONFIG: Self = Self(7);
    /// The network namespace is not usable (as the Go library has it).
    pub const NETNS: Self = Self(8);
    /// Not now; the runtime should try again.
    pub const TRY_AGAIN: Self = Self(11);
    /// STATUS: no ADD can be serviced.
    pub const NOT_AVAILABLE: Self = Self(50);
    /// STATUS: no ADD can be serviced, and existing containers may be limited.
    pub const NOT_AVAILABLE_LIMITED: Self = Self(51);
    /// EC2 refused for lack of rights.
    pub const EC2_DENIED: Self = Self(100);
    /// The subnet has no free address.
    pub const SUBNET_FULL: Self = Self(101);
    /// The instance takes no further ENI.
    pub const ENI_LIMIT: Self = Self(102);
    /// The device is in use or has an owner.
    pub const DEVICE_BUSY: Self = Self(103);
    /// A driver did not bind.
    pub const DRIVER_BIND: Self = Self(104);
    /// The IOMMU is missing, or its group holds more than the device.
    pub const IOMMU: Self = Self(105);
    /// The device is not one that may be taken.
    pub const NOT_OURS: Self = Self(106);
    /// The attachment is not what ADD made of it.
    pub const NOT_AS_RECORDED: Self = Self(107);
    /// A bug.
    pub const INTERNAL: Self = Self(999);

    /// A code of another plugin; 0 is none.
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0 => None,
            number => Some(Self(number)),
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An error of the protocol: a code, one line that says what to do, and details
/// (CNI 1.1.0, "Error").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of error.
    pub code: Code,
    /// One line for people.
    pub msg: String,
    /// The rest, may be empty.
    pub details: String,
}

impl Error {
    /// An error of one line. What is over 200 bytes goes to the details, from the end of a word on.
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        let text: String = msg.into();
        let lines = text.split(char::is_control).map(str::trim).filter(|line| !line.is_empty());
        let one_line = lines.collect::<Vec<_>>().join(" ");
        if one_line.len() <= MSG_LIMIT {
            return Self { code, msg: one_line, details: String::new() };
        }
        let (head, _) = one_line.split_at(one_line.floor_char_boundary(MSG_LIMIT - ELLIPSIS.len()));
        let end_of_word = head.rfind(' ').filter(|&end| end >= head.len() / 2);
        let (msg, rest) = one_line.split_at(end_of_word.unwrap_or(head.len()));
        Self { code, msg: format!("{msg}{ELLIPSIS}"), details: format!("{ELLIPSIS}{}", rest.trim_start()) }
    }

    /// The same with further details.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        let details: String = details.into();
        if !self.details.is_empty() && !details.is_empty() {
            self.details.push_str(": ");
        }
        self.details.push_str(&details);
        self
    }

    /// An error made of another: its own text is the message, its sources are the details.
    pub fn from_chain(code: Code, error: &dyn std::error::Error) -> Self {
        let mut sources = Vec::new();
        let mut next = error.source();
        while let Some(source) = next {
            sources.push(source.to_string());
            next = source.source();
        }
        Self::new(code, error.to_string()).with_details(sources.join(": "))
    }

    /// The document that goes to stdout: `cniVersion`, `code`, `msg`, `details`.
    pub fn to_json(&self, version: Version) -> Value {
        json!({
            "cniVersion": version.as_str(),
            "code": self.code.get(),
            "msg": self.msg,
            "details": self.details,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)?;
        if self.details.is_empty() { Ok(()) } else { write!(f, ": {}", self.details) }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot set the MTU of eth1")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("netlink request refused")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn a_chain_becomes_message_and_details() {
        let chain = Outer(Inner(std::io::Error::from_raw_os_error(16)));
        let error = Error::from_chain(Code::DEVICE_BUSY, &chain);
        assert_eq!(error.msg, "cannot set the MTU of eth1");
        assert_eq!(error.details, "netlink request refused: Device or resource busy (os error 16)");
    }

    #[test]
    fn the_message_is_one_line() {
        let error = Error::new(Code::IO, "first\n\n  second\r\nthird\u{1b}[31m\0");
        assert_eq!(error.msg, "first second third [31m");
        assert_eq!(Error::new(Code::IO, "two  spaces").msg, "two  spaces");
    }

    #[test]
    fn what_is_over_the_limit_goes_to_the_details() {
        let error = Error::new(Code::IO, "ä".repeat(150)).with_details("cause");
        assert_eq!(error.msg, format!("{}…", "ä".repeat(98)));
        assert_eq!(error.details, format!("…{}: cause", "ä".repeat(52)));
        // A character is never cut in two.
        assert_eq!(Error::new(Code::IO, format!("x{}", "ä".repeat(150))).msg.len(), 200);
        let whole = "x".repeat(200);
        assert_eq!(Error::new(Code::IO, whole.clone()), Error { code: Code::IO, msg: whole, details: String::new() });
    }

    #[test]
    fn a_message_is_cut_at_the_end_of_a_word() {
        let error = Error::new(Code::IO, "four ".repeat(50).trim());
        assert_eq!(error.msg, format!("{}…", ["four"; 39].join(" ")));
        assert_eq!(error.details, format!("…{}", ["four"; 11].join(" ")));
        // Not where little would be left of it.
        assert_eq!(Error::new(Code::IO, format!("no {}", "x".repeat(300))).msg.len(), 200);
    }

    #[test]
    fn zero_is_no_code() {
        assert_eq!(Code::new(0), None);
        assert_eq!(Code::new(7), Some(Code::CONFIG));
        assert_eq!(Code::new(u32::MAX).map(Code::get), Some(u32::MAX));
    }

    #[test]
    fn the_document_has_all_four_keys() {
        let document = Error::new(Code::TRY_AGAIN, "busy").to_json(Version::V0_4_0);
        assert_eq!(document, json!({"cniVersion": "0.4.0", "code": 11, "msg": "busy", "details": ""}));
    }
}
