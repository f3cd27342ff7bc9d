//! What the kernel said to a request, with the request.

use netlink_packet_core::ErrorMessage;
use nix::errno::Errno;
use std::fmt;

/// A request in words: what was asked of which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation(String);

impl Operation {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error of rtnetlink.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket could not be had.
    #[error("cannot open a netlink socket")]
    Open(#[source] std::io::Error),
    /// The kernel refused a request; `text` is its own sentence where it gave one.
    #[error("cannot {operation}: {}{}", errno.desc(), text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was asked.
        operation: Operation,
        /// The kernel's error number.
        errno: Errno,
        /// The kernel's extended acknowledgement.
        text: Option<String>,
    },
    /// The socket was closed under the request.
    #[error("cannot {0}: the netlink socket is closed")]
    Closed(Operation),
    /// A dump changed each time while it was read.
    #[error("cannot {0}: it changes faster than it can be read")]
    Unsteady(Operation),
}

impl Error {
    pub(super) fn closed(operation: &Operation) -> Self {
        Self::Closed(operation.clone())
    }

    pub(super) fn refused(operation: Operation, message: &ErrorMessage) -> Self {
        let errno = Errno::from_raw(message.raw_code().saturating_abs());
        Self::Refused { operation, errno, text: extended_text(&message.header) }
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Open(_) | Self::Closed(_) | Self::Unsteady(_) => None,
        }
    }

    /// Whether the object of the request is not there, which a removal takes as done.
    pub fn is_missing(&self) -> bool {
        matches!(self.errno(), Some(Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL))
    }

    /// Whether the object of the request is there already.
    pub fn is_existing(&self) -> bool {
        self.errno() == Some(Errno::EEXIST)
    }
}

/// The kernel's sentence (`NLMSGERR_ATTR_MSG`, 1) out of the attributes behind an error message. `tail` starts with the
/// header of the refused request, and with the whole request unless the kernel capped it (`NLM_F_CAPPED`); attributes are
/// sought from the shortest possible place on.
fn extended_text(tail: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    let length = usize::try_from(u32::from_ne_bytes(tail.get(..4)?.try_into().ok()?)).ok()?;
    [length.next_multiple_of(4), HEADER].into_iter().find_map(|start| {
        let mut rest = tail.get(start..)?;
        while let [a, b, c, d, ..] = *rest {
            let (size, kind) = (usize::from(u16::from_ne_bytes([a, b])), u16::from_ne_bytes([c, d]));
            if kind & 0x3fff == MESSAGE {
                let text = rest.get(4..size)?.split(|&byte| byte == 0).next()?;
                return String::from_utf8(text.to_vec()).ok().filter(|text| !text.is_empty());
            }
            rest = rest.get(size.max(4).next_multiple_of(4)..)?;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn the_kernels_sentence_is_found_behind_a_whole_and_a_capped_request() {
        let mut whole = vec![0; 28];
        whole[..4].copy_from_slice(&28u32.to_ne_bytes());
        let mut capped = vec![0; 16];
        capped[..4].copy_from_slice(&28u32.to_ne_bytes());
        for mut tail in [whole, capped] {
            tail.extend(attribute(2, &[1, 2, 3, 4]));
            tail.extend(attribute(1, b"Nexthop has invalid gateway.\0"));
            assert_eq!(extended_text(&tail).as_deref(), Some("Nexthop has invalid gateway."));
        }
    }

    #[test]
    fn odd_tails_give_no_sentence() {
        for tail in [&[][..], &[1, 2, 3], &[0xff; 40], &[0; 64]] {
            assert_eq!(extended_text(tail), None);
        }
    }
}
