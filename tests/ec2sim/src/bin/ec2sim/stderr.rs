//! What the fabric reports while it runs goes to stderr, for people.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

/// Sends the log there. A second logger would be refused; there is none.
pub(crate) fn log_there() {
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Warn);
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
