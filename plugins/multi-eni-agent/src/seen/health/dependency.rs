//! The last word that was heard from a dependency, and the line about it.

use super::Answer;
use crate::seen::probe::Found;
use crate::seen::redact::redact;
use crate::view::age;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Option<Last>>);

#[derive(Debug, Clone)]
struct Last {
    at: Instant,
    what: &'static str,
    answer: Answer,
}

/// A line of a report.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) good: bool,
    name: &'static str,
    detail: String,
}

impl Line {
    pub(crate) fn good(name: &'static str, detail: String) -> Self {
        Self { good: true, name, detail }
    }

    pub(crate) fn bad(name: &'static str, detail: &str) -> Self {
        Self { good: false, name, detail: redact(detail).replace(char::is_control, " ") }
    }

    pub(super) fn text(&self) -> String {
        let word = if self.good { "ok" } else { "not ready" };
        format!("{}: {word}, {}", self.name, self.detail)
    }
}

impl Heard {
    pub(crate) fn hear(&self, what: &'static str, answer: Answer) {
        let last = Last { at: Instant::now(), what, answer };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }

    fn last(&self) -> Option<Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where nothing but its own answers tells: before the first it is not ready.
    pub(crate) fn alone(&self, name: &'static str) -> Line {
        match self.last() {
            None => Line::bad(name, "nothing heard yet"),
            Some(last) => match &last.answer {
                Answer::Served => Line::good(name, last.when()),
                Answer::Refused(why) | Answer::Silent(why) => Line::bad(name, &format!("{}: {why}", last.when())),
            },
        }
    }

    /// Where a connection can be tried too, if it is known where to.
    pub(crate) fn as_far_as_known(&self, name: &'static str, found: Option<&Found>) -> Line {
        match (found, self.last()) {
            (Some(found), _) => self.with_connection(name, found),
            (None, None) => Line::good(name, "not asked yet".to_string()),
            (None, Some(_)) => self.alone(name),
        }
    }

    /// Where a connection can be tried too: it must be made, and it is a later word than silence.
    pub(crate) fn with_connection(&self, name: &'static str, found: &Found) -> Line {
        let connected = match &found.result {
            Ok(()) => format!("connected {} ago", age(found.at.elapsed().as_secs())),
            Err(error) => return Line::bad(name, error),
        };
        match self.last() {
            None => Line::good(name, format!("{connected}, not asked yet")),
            Some(last) => match &last.answer {
                Answer::Served => Line::good(name, format!("{}, {connected}", last.when())),
                Answer::Silent(why) if found.at > last.at => {
                    Line::good(name, redact(&format!("{connected}; before, {}: {why}", last.when())).into_owned())
                }
                Answer::Refused(why) | Answer::Silent(why) => Line::bad(name, &format!("{}: {why}", last.when())),
            },
        }
    }
}

impl Heard {
    /// Where it can be gone without, once it has told all: then it is said how it is, and no more.
    pub(super) fn remembered(&self, name: &'static str, is_known: bool) -> Line {
        let said = match self.last() {
            None => "nothing heard yet".to_string(),
            Some(last) => match &last.answer {
                Answer::Served => last.when(),
                Answer::Refused(why) | Answer::Silent(why) => format!("{}: {why}", last.when()),
            },
        };
        match is_known {
            true => Line::good(name, redact(&said).replace(char::is_control, " ")),
            false => Line::bad(name, &format!("it has not told all yet; {said}")),
        }
    }
}

impl Last {
    fn when(&self) -> String {
        format!("last {} {} ago", self.what, age(self.at.elapsed().as_secs()))
    }
}
