//! The one place that writes to stdout.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::apply::policy::reason;

/// How something is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Writes text to stdout. Who reads it may be gone, which is no error.
pub(crate) fn show(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _unread = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Says on stderr why it failed.
pub(crate) fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    let line = format!("multi-eni-agent: {}\n", reason(error));
    let _unread = std::io::stderr().lock().write_all(line.as_bytes());
    ExitCode::FAILURE
}
