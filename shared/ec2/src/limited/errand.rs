//! One errand: its requests, each with its turn and its deadline, within the errand's own.

use super::{Late, Limited};
use crate::action::Action;
use crate::endpoint::Endpoint;
use crate::error::{Class, Code, Error, Subject};
use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is to be done, about what, and until when.
#[derive(Debug)]
pub(super) struct Errand {
    action: Action,
    subject: Subject,
    deadline: Instant,
}

impl<E: Endpoint> Limited<E> {
    pub(super) fn errand(&self, action: Action, subject: Subject) -> Errand {
        Errand { action, subject, deadline: Instant::now() + self.limits.total(action.kind()) }
    }

    /// Sends the request until it is answered for good. Of several refusals the last is the error.
    pub(super) async fn run<T, F>(&self, errand: &Errand, request: impl Fn() -> F + Send + Sync) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
        T: Send,
    {
        let mut attempt = 1;
        let (mut last, mut loss) = (None, false);
        loop {
            if let Err(code) = self.turn(errand).await {
                return Err(last.unwrap_or_else(|| errand.error(code)).after(loss));
            }
            let error = match self.send(errand, request()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error.after(loss),
            };
            loss = error.may_have_happened();
            let pause = self.pause(attempt, &error);
            let too_late = Instant::now() + pause >= errand.deadline;
            if attempt >= self.limits.attempts || !may_repeat(&error) || too_late {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            last = Some(error);
        }
    }

    /// Waits for a turn, if there is one in time.
    async fn turn(&self, errand: &Errand) -> Result<(), Code> {
        let start = Instant::now();
        if start >= errand.deadline {
            return Err(Code::Timeout);
        }
        match self.bucket(errand.action.kind()).take(errand.deadline).await {
            Ok(Duration::ZERO) => Ok(()),
            Ok(waited) => {
                self.observer.throttled(errand.action, waited);
                Ok(())
            }
            Err(Late) => {
                self.observer.throttled(errand.action, start.elapsed());
                Err(Code::BucketEmpty)
            }
        }
    }

    async fn send<T>(&self, errand: &Errand, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let sent = Instant::now();
        let deadline = errand.deadline.min(sent + self.limits.attempt(errand.action.kind()));
        let answer = match tokio::time::timeout_at(deadline, request).await {
            Ok(answer) => answer.map_err(|error| error.or_about(&errand.subject)),
            Err(_) => Err(errand.error(Code::Timeout)),
        };
        let outcome = answer.as_ref().map(|_| ()).map_err(|error| error.class);
        self.observer.called(errand.action, outcome, sent.elapsed());
        let bucket = self.bucket(errand.action.kind());
        match outcome {
            Err(Class::Throttled) => bucket.refused(sent),
            // That nobody answered says nothing of how busy EC2 is.
            Err(Class::Transient) => {}
            Ok(())
            | Err(
                Class::NotFound
                | Class::InUse
                | Class::Capacity
                | Class::Limit
                | Class::Denied
                | Class::Misconfigured
                | Class::Unknown,
            ) => bucket.answered(),
        }
        answer
    }

    /// How long to wait before the next attempt: a random part of a ceiling that doubles. After a throttle the bucket
    /// makes the pause.
    fn pause(&self, attempt: u32, error: &Error) -> Duration {
        if error.class == Class::Throttled {
            return Duration::ZERO;
        }
        let ceiling = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE);
        ceiling.mul_f64(self.random_part())
    }
}

impl Errand {
    /// Waits for what others do that this errand needs, but not past its deadline.
    pub(super) async fn wait_for<T>(&self, other: impl Future<Output = T>) -> Result<T, Error> {
        tokio::time::timeout_at(self.deadline, other).await.map_err(|_| self.error(Code::Timeout))
    }

    pub(super) fn error(&self, code: Code) -> Error {
        Error::new(self.action, code).about(self.subject.clone())
    }
}

/// Whether the same request may be sent again. What was throttled was not done. Of what may have been done, only that
/// which is the same done twice.
fn may_repeat(error: &Error) -> bool {
    match error.class {
        Class::Throttled => true,
        Class::Transient => error.action.is_idempotent(),
        Class::NotFound
        | Class::InUse
        | Class::Capacity
        | Class::Limit
        | Class::Denied
        | Class::Misconfigured
        | Class::Unknown => false,
    }
}
