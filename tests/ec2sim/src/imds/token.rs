//! Session tokens (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(super) const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
pub(super) const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

const LONGEST: u32 = 21_600;

#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<Issued>);

#[derive(Debug, Default)]
struct Issued {
    until: HashMap<String, Instant>,
    skew: Duration,
}

impl Issued {
    fn now(&self) -> Instant {
        Instant::now() + self.skew
    }
}

impl Tokens {
    /// A new token for a life of 1 second to 6 hours; nothing for any other wish.
    pub(super) fn issue(&self, ttl: Option<&str>) -> Option<(String, u32)> {
        let seconds = ttl?.trim().parse().ok().filter(|seconds| (1..=LONGEST).contains(seconds))?;
        let mut issued = self.lock();
        let token = format!("AQAEA{:051}==", issued.until.len());
        let until = issued.now() + Duration::from_secs(seconds.into());
        issued.until.insert(token.clone(), until);
        Some((token, seconds))
    }

    pub(super) fn knows(&self, token: Option<&str>) -> bool {
        let issued = self.lock();
        token.and_then(|token| issued.until.get(token)).is_some_and(|until| issued.now() < *until)
    }

    pub(super) fn advance(&self, time: Duration) {
        self.lock().skew += time;
    }

    fn lock(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_of_1_second_to_6_hours_is_granted_and_nothing_else() {
        let tokens = Tokens::default();
        for good in ["1", "300", "21600"] {
            assert!(tokens.issue(Some(good)).is_some(), "{good}");
        }
        for bad in [None, Some("0"), Some("21601"), Some("-1"), Some("soon"), Some("")] {
            assert!(tokens.issue(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_ends_with_its_life() {
        let tokens = Tokens::default();
        let (token, _) = tokens.issue(Some("60")).unwrap();
        assert!(tokens.knows(Some(&token)));
        tokens.advance(Duration::from_secs(60));
        assert!(!tokens.knows(Some(&token)));
        assert!(!tokens.knows(None));
    }
}
