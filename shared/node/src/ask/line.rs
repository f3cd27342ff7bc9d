//! One bounded line of a stream.

use super::wire::Decoded;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The stream broke.
    #[error("the stream broke")]
    Stream(#[source] std::io::Error),
    /// The other end closed the stream before its newline came.
    #[error("the other end closed the stream after {read} bytes, without a whole line")]
    Closed {
        /// How much came.
        read: usize,
    },
    /// Longer than it may be.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// The most bytes.
        limit: usize,
    },
    /// Something follows the newline, though a connection carries one document each way.
    #[error("something follows the line")]
    Trailing,
    /// The line is not what it should be.
    #[error("the line is not the document that it should be")]
    Content(#[source] serde_json::Error),
}

/// Reads one document.
pub(super) async fn read<T: Decoded>(stream: &mut (impl AsyncRead + Unpin)) -> Result<T, LineError> {
    let mut bytes = Vec::new();
    // One byte more than may be: what is longer is seen, and not kept.
    let mut bounded = stream.take(T::LIMIT as u64 + 1);
    loop {
        let before = bytes.len();
        let read = bounded.read_buf(&mut bytes).await.map_err(LineError::Stream)?;
        match bytes[before..].iter().position(|&byte| byte == b'\n') {
            Some(at) if before + at + 1 < bytes.len() => return Err(LineError::Trailing),
            Some(_) if bytes.len() <= T::LIMIT => return T::decode(&bytes),
            _ if bytes.len() > T::LIMIT => return Err(LineError::TooLong { limit: T::LIMIT }),
            _ if read == 0 => return Err(LineError::Closed { read: bytes.len() }),
            _ => {}
        }
    }
}
