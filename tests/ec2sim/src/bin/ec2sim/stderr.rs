//! What the fabric reports while it runs goes to stderr, for people.

use std::io::{IsTerminal, Write};

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

/// Sends the log there. A second logger would be refused; there is none.
pub(crate) fn log_there() {
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// For a person who has started this by hand; a program reads stdout.
pub(crate) fn tell(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        // As in the log.
        write!(stderr, "{text}").unwrap_or_default();
    }
}

impl Log for Stderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    /// Who has closed stderr does not want to know.
    fn log(&self, record: &Record<'_>) {
        writeln!(std::io::stderr(), "ec2sim: {}", record.args()).unwrap_or_default();
    }

    fn flush(&self) {}
}
