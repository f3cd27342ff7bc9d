//! The agent's log: lines of text or JSON on stderr, without colours and credentials, repeated ones folded. The whole house
//! logs through the crate `log`, fields included.

mod line;
#[cfg(test)]
mod tests;

use super::fold::{Fold, Verdict};
use line::Line;
use log::{Level, LevelFilter, Log, Metadata, Record};
use node::settings::LogFormat;
use std::convert::Infallible;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Libraries below, whose word comes back as errors; of them only warnings pass, since their lower levels show requests.
const LIBRARIES: [&str; 9] = ["aws", "axum", "h2", "hyper", "mio", "netlink", "rtnetlink", "rustls", "tower"];

/// The process's logger.
pub(crate) struct Logger {
    format: LogFormat,
    level: LevelFilter,
    inner: Mutex<Inner>,
    counting: Notify,
}

struct Inner {
    fold: Fold<Line>,
    sink: Box<dyn Write + Send>,
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, level, .. } = self;
        f.debug_struct("Logger").field("format", format).field("level", level).finish_non_exhaustive()
    }
}

/// Makes a logger to stderr the process's, for its whole life. A process that has one keeps it.
pub(crate) fn install(format: LogFormat, level: LevelFilter) -> &'static Logger {
    let logger: &'static Logger = Box::leak(Box::new(Logger::new(format, level, Box::new(std::io::stderr()))));
    if log::set_logger(logger).is_ok() {
        log::set_max_level(level);
    }
    logger
}

impl Logger {
    fn new(format: LogFormat, level: LevelFilter, sink: Box<dyn Write + Send>) -> Self {
        let inner = Mutex::new(Inner { fold: Fold::default(), sink });
        Self { format, level, inner, counting: Notify::new() }
    }

    /// Writes the counts of repeated lines when they are due, for as long as it is polled; sleeps when nothing is repeated.
    pub(crate) async fn write_counts(&self) -> Infallible {
        loop {
            let due = self.lock().fold.next_due();
            match due {
                None => self.counting.notified().await,
                Some(due) => {
                    sleep_until(Instant::from_std(due)).await;
                    let mut inner = self.lock();
                    let counts = inner.fold.due(Instant::now().into_std());
                    inner.write_counts(self.format, counts);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line) {
        let mut inner = self.lock();
        let (counts, verdict) = inner.fold.meet(line, Instant::now().into_std());
        inner.write_counts(self.format, counts);
        match verdict {
            Verdict::Write => inner.write(&line.shown(self.format, SystemTime::now())),
            Verdict::Count { first: true } => self.counting.notify_one(),
            Verdict::Count { first: false } => {}
        }
    }
}

impl Inner {
    fn write_counts(&mut self, format: LogFormat, counts: Vec<(Line, u64)>) {
        for (line, repeats) in counts {
            self.write(&line.repeated(repeats).shown(format, SystemTime::now()));
        }
    }

    fn write(&mut self, text: &str) {
        // Whoever reads stderr may be gone; there is nobody else to tell.
        let _unheard = self.sink.write_all(text.as_bytes());
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_library = || LIBRARIES.iter().any(|library| metadata.target().starts_with(library));
        metadata.level() <= self.level && (metadata.level() <= Level::Warn || !is_library())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.write(&Line::of(record));
        }
    }

    /// Writes every count that is left, for the process's end.
    fn flush(&self) {
        let mut inner = self.lock();
        let counts = inner.fold.drain();
        inner.write_counts(self.format, counts);
        let _unheard = inner.sink.flush();
    }
}
