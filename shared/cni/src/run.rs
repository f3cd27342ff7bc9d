//! From the environment and stdin to one document on stdout.

mod input;
mod request;
mod verb;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::verb::Verb;
use crate::{Code, Error, Interrupt, Plugin, Version};

/// The whole of a plugin's `main`: one verb, one JSON document on stdout, exit status 0 or 1.
pub fn run<P: Plugin>(plugin: &P) -> ExitCode {
    let interrupt = Interrupt::new();
    let signals = crate::interrupt::listen(&interrupt);
    let streams = Streams { stdin: io::stdin().lock(), stdout: io::stdout().lock(), stderr: io::stderr() };
    ExitCode::from(answer(plugin, |key| std::env::var_os(key), streams, &interrupt, signals))
}

/// The same with the process's surroundings given, and deaf to signals. Returns the exit status.
pub fn run_with<P: Plugin>(
    plugin: &P,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
    stdout: impl Write,
    stderr: impl Write,
) -> u8 {
    let streams = Streams { stdin, stdout, stderr };
    answer(plugin, env, streams, &Interrupt::new(), std::future::pending())
}

struct Streams<I, O, E> {
    stdin: I,
    stdout: O,
    stderr: E,
}

/// What a verb ends with, and the version to say it in.
struct Answer {
    version: Version,
    /// The document, none for a verb that has nothing to say.
    outcome: Result<Option<Value>, Error>,
}

impl Answer {
    fn newest(outcome: Result<Option<Value>, Error>) -> Self {
        Self { version: Version::LATEST, outcome }
    }
}

fn answer<P: Plugin>(
    plugin: &P,
    env: impl Fn(&str) -> Option<OsString>,
    mut streams: Streams<impl Read, impl Write, impl Write>,
    interrupt: &Interrupt,
    signals: impl Future<Output = io::Error>,
) -> u8 {
    let Some(command) = env("CNI_COMMAND").filter(|command| !command.is_empty()) else {
        return about(plugin, streams.stderr);
    };
    let answer = match Verb::parse(&command) {
        _ if command == "VERSION" => Answer::newest(Ok(Some(versions()))),
        Err(error) => Answer::newest(Err(error)),
        Ok(verb) => verb::answer(plugin, verb, env, &mut streams.stdin, interrupt, signals),
    };
    let (document, status) = match answer.outcome {
        Ok(document) => (document, 0),
        Err(error) => (Some(error.to_json(answer.version)), 1),
    };
    let Some(document) = document else { return status };
    match write(&mut streams.stdout, &document) {
        Ok(()) => status,
        // The runtime is gone or has closed its end: stderr is all that is left.
        Err(error) => {
            let line = format!("{}: cannot write the answer to stdout: {error}\n", plugin.about().name);
            drop(streams.stderr.write_all(line.as_bytes()));
            1
        }
    }
}

fn write(mut stdout: impl Write, document: &Value) -> io::Result<()> {
    stdout.write_all(format!("{document}\n").as_bytes())?;
    stdout.flush()
}

/// The list for VERSION. stdin is not read, so the version of the answer is the newest, as the Go library does it.
fn versions() -> Value {
    json!({ "cniVersion": Version::LATEST.as_str(), "supportedVersions": Version::ALL.map(Version::as_str) })
}

/// Called by a person, not by a runtime.
fn about<P: Plugin>(plugin: &P, mut stderr: impl Write) -> u8 {
    let about = plugin.about();
    let text = format!("{}: {}\nCNI protocol versions supported: {}\n", about.name, about.line, Version::list());
    u8::from(stderr.write_all(text.as_bytes()).is_err())
}

fn io_error(doing: &str, error: &io::Error) -> Error {
    Error::new(Code::IO, format!("cannot {doing}: {error}"))
}
