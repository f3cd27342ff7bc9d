//! The IPAM plugin of the tests: it puts its call on record and does what the test wrote for it, see `e2e::FakeIpam`. Its
//! folder is the one that it was called in, so that each test has its own.

use std::io::{Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, io, thread};

use e2e::{Answer, Call, FakeIpam};
use nix::sys::signal::{Signal, raise};
use serde_json::json;

fn main() -> io::Result<ExitCode> {
    let call = Call { environment: env::vars().collect(), stdin: read_stdin()? };
    let program = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let fake = FakeIpam::at(last_link(program).parent().unwrap_or(Path::new(".")));
    let mut answer = fake.record(&call);
    while let Answer::HoldUntil { released, then } = answer {
        while !fake.is_released(&released) {
            thread::sleep(Duration::from_millis(2));
        }
        answer = *then;
    }
    give(answer)
}

/// A runtime may have it in its own folder of plugins, by a link to the one that the test installed.
fn last_link(program: PathBuf) -> PathBuf {
    match program.read_link() {
        Ok(target) if target.is_symlink() => last_link(target),
        _ => program,
    }
}

fn read_stdin() -> io::Result<String> {
    let mut bytes = Vec::new();
    stdin().read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn give(answer: Answer) -> io::Result<ExitCode> {
    match answer {
        Answer::Print(text) => finish(0, &text, ""),
        Answer::Fail { code, msg } => {
            finish(1, &json!({"cniVersion": "1.0.0", "code": code, "msg": msg}).to_string(), "")
        }
        Answer::Exit { status, stdout, stderr } => finish(status, &stdout, &stderr),
        Answer::Crash { signal } => {
            let signal = Signal::try_from(signal)?;
            // Rust's own handler of SIGSEGV and SIGBUS takes itself away when it is called, and lets the next one through.
            raise(signal)?;
            raise(signal)?;
            Err(io::Error::other(format!("signal {signal} did not end the process")))
        }
        Answer::Hang | Answer::HoldUntil { .. } => loop {
            thread::park();
        },
    }
}

fn finish(status: i32, to_stdout: &str, to_stderr: &str) -> io::Result<ExitCode> {
    stderr().write_all(to_stderr.as_bytes())?;
    stdout().write_all(to_stdout.as_bytes())?;
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)))
}
