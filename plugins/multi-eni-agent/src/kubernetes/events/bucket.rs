//! How many new Events a node may write: all nodes of a cluster write into one etcd, and an accident may be that of all of them.

use std::time::Duration;

use tokio::time::Instant;

/// At once.
const BURST: u32 = 25;
/// In the long run, one in this time.
const EVERY: Duration = Duration::from_secs(30);

/// A token bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: u32,
    /// The time up to which tokens were filled in.
    filled: Instant,
}

impl Bucket {
    pub(super) fn full() -> Self {
        Self { tokens: BURST, filled: Instant::now() }
    }

    /// Whether there was a token.
    pub(super) fn takes_one(&mut self) -> bool {
        while self.tokens < BURST && self.filled + EVERY <= Instant::now() {
            self.tokens += 1;
            self.filled += EVERY;
        }
        if self.tokens == BURST {
            self.filled = Instant::now();
        }
        let takes = self.tokens > 0;
        self.tokens -= u32::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_one_in_half_a_minute() {
        let mut bucket = Bucket::full();
        assert_eq!((0..1000).filter(|_| bucket.takes_one()).count(), 25);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!((0..1000).filter(|_| bucket.takes_one()).count(), 20);
        tokio::time::sleep(Duration::from_secs(7200)).await;
        assert_eq!((0..1000).filter(|_| bucket.takes_one()).count(), 25);
    }
}
