//! What the agent is about to ask of EC2, on disk before it asks: after its death, the next one knows which thing of EC2's is its.

use crate::store::Kept;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not 1 to 64 letters, digits, - and _")]
pub struct InvalidToken(String);

/// The token of a request: EC2 takes a `ClientToken` of up to 64 ASCII characters; of these, the ones that are a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}.json", self.0)
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
            return Err(InvalidToken(text.chars().take(80).collect()));
        }
        Ok(Self(text.to_string()))
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, InvalidToken> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An intent, in `creating/<token>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent<T> {
    /// Which request it is.
    pub token: Token,
    /// What is asked for.
    pub content: T,
}

impl<T: Serialize + DeserializeOwned> Kept for Intent<T> {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        self.token.file_name()
    }
}
