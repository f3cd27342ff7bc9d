//! A token bucket that slows down when EC2 says so.
//!
//! EC2's own buckets are shared by everything in the account and region, so what one process may take of them is not known
//! beforehand. A refusal pauses the bucket for a random time whose ceiling doubles with each further refusal and comes
//! down one step with each answer, and the rate is halved, and comes back little by little. So of many processes that
//! start at once each is refused some times more only when there are twice as many.

use super::limits::Rate;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The ceiling of the pause is past its longest well before.
const MOST_STEPS: u32 = 16;
const SMALLEST_SHARE: f64 = 1.0 / 64.0;
const SHARE_STEP: f64 = 1.0 / 16.0;

/// A token bucket. Who asks first has a token first.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// Held by the one whose turn it is; tokio's lock is fair.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// As of `at`, which may be ahead: the end of a pause.
    tokens: f64,
    at: Instant,
    /// What part of the rate is used.
    share: f64,
    /// How many refusals more than answers.
    steps: u32,
    /// A refusal of what was sent before is part of the last one.
    refused: Option<Instant>,
    random: fastrand::Rng,
}

/// There is no token in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no token of the request bucket in time")]
pub struct Late;

impl Bucket {
    /// A full one. The seed decides the random pauses.
    pub fn new(rate: Rate, seed: u64) -> Self {
        let state = State {
            tokens: rate.burst.max(1.0),
            at: Instant::now(),
            share: 1.0,
            steps: 0,
            refused: None,
            random: fastrand::Rng::with_seed(seed),
        };
        Self { rate, turn: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }

    /// Takes a token, and waits for it, but not if it comes after `deadline`. The answer is how long it had to wait.
    ///
    /// # Errors
    /// [`Late`], at once if it is known at once.
    pub async fn take(&self, deadline: Instant) -> Result<Duration, Late> {
        let start = Instant::now();
        if self.next() > deadline {
            return Err(Late);
        }
        // Nobody is overtaken here: tokio gives a lock that is let go of to who waits.
        if let Ok(_turn) = self.turn.try_lock()
            && self.try_take().is_none()
        {
            return Ok(Duration::ZERO);
        }
        let _turn = tokio::time::timeout_at(deadline, self.turn.lock()).await.map_err(|_| Late)?;
        // A refusal may come in while this sleeps, so the time is looked at again afterwards.
        while let Some(ready) = self.try_take() {
            if ready > deadline {
                return Err(Late);
            }
            tokio::time::sleep_until(ready).await;
        }
        Ok(start.elapsed())
    }

    /// EC2 answered something that was sent.
    pub fn answered(&self) {
        let mut state = self.state();
        state.refill(self.rate);
        state.share = (state.share + SHARE_STEP).min(1.0);
        state.steps = state.steps.saturating_sub(1);
    }

    /// EC2 throttled something that was sent then.
    pub fn refused(&self, sent: Instant) {
        let mut state = self.state();
        if state.refused.is_some_and(|refused| sent <= refused) {
            return;
        }
        let now = Instant::now();
        let ceiling = FIRST_PAUSE.saturating_mul(1 << state.steps.min(MOST_STEPS)).min(LONGEST_PAUSE);
        let pause = ceiling.mul_f64(state.random.f64());
        state.refused = Some(now);
        state.steps = (state.steps + 1).min(MOST_STEPS);
        state.share = (state.share / 2.0).max(SMALLEST_SHARE);
        // One request goes out at the end of the pause; the others follow at the rate.
        state.tokens = 1.0;
        state.at = state.at.max(now + pause);
    }

    /// Takes a token, or says when to look again.
    fn try_take(&self) -> Option<Instant> {
        let mut state = self.state();
        state.refill(self.rate);
        if Instant::now() < state.at {
            return Some(state.at);
        }
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            return None;
        }
        let seconds = (1.0 - state.tokens) / (self.rate.per_second * state.share);
        // A millisecond more, since that is how exactly timers go.
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE) + Duration::from_millis(1);
        Some(state.at + wait)
    }

    /// Before then there is no token: the end of a pause, or some time that has been.
    fn next(&self) -> Instant {
        self.state().at
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refill(&mut self, rate: Rate) {
        let now = Instant::now();
        let Some(passed) = now.checked_duration_since(self.at) else { return };
        let came = passed.as_secs_f64() * rate.per_second * self.share;
        self.tokens = (self.tokens + came).min(rate.burst.max(1.0));
        self.at = now;
    }
}

#[cfg(test)]
mod tests;
