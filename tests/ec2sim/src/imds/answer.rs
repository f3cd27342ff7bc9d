//! What the service says.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::token::TTL_HEADER;

#[derive(Debug)]
pub(super) enum Answer {
    Text(String),
    Token { token: String, seconds: u32 },
    Status(StatusCode),
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Text(_) | Self::Token { .. } => StatusCode::OK.as_u16(),
            Self::Status(code) => code.as_u16(),
        }
    }
}

/// A key without a value is not there.
impl From<Option<String>> for Answer {
    fn from(found: Option<String>) -> Self {
        found.map_or(Self::Status(StatusCode::NOT_FOUND), Self::Text)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let plain = [(header::CONTENT_TYPE, "text/plain"), (header::SERVER, "EC2ws")];
        match self {
            Self::Text(text) => (plain, text).into_response(),
            Self::Token { token, seconds } => (plain, [(TTL_HEADER, seconds.to_string())], token).into_response(),
            Self::Status(code) => (code, plain).into_response(),
        }
    }
}
