//! What is said on stdout.

use std::io::{Write, stdout};

use e2e::HostCommand;

/// A line, or more.
pub(crate) fn line(text: &str) {
    writeln!(stdout().lock(), "{text}").expect("somebody who listens");
}

/// What the next part is about.
pub(crate) fn heading(text: &str) {
    line(&format!("\n== {text}"));
}

/// Text of others, set off.
pub(crate) fn quote(text: &str) {
    text.lines().for_each(|quoted| line(format!("    {quoted}").trim_end()));
}

/// A file of the node.
pub(crate) fn file(path: &str, content: &str) {
    line(&format!("\n{path}:"));
    quote(content);
}

/// A command of the node with what it printed; it has to succeed.
pub(crate) fn command(program: HostCommand, shown: &str) {
    line(&format!("\n# {shown}"));
    quote(&program.run());
}
