//! What a file holds, in few bytes.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use sha2::Sha256;

/// The SHA-256 of a file's content, in hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Digest(String);

impl Digest {
    /// That of all that can be read.
    pub(super) fn of(content: &mut impl Read) -> std::io::Result<Self> {
        let (mut content, mut hash) = (BufReader::with_capacity(1 << 16, content), Sha256::new());
        loop {
            let bytes = content.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            hash.update(bytes);
            let read = bytes.len();
            content.consume(read);
        }
        let digits = hash.finalize().iter().fold(String::new(), |mut digits, byte| {
            // Text in memory takes all.
            let _always = write!(digits, "{byte:02x}");
            digits
        });
        Ok(Self(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sha256sum_prints() {
        let digest = Digest::of(&mut &b"abc"[..]).unwrap();
        assert_eq!(digest.0, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(Digest::of(&mut vec![0_u8; 1 << 17].as_slice()).unwrap(), Digest::of(&mut &b""[..]).unwrap());
    }
}
