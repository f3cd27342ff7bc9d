//! The guest's one program: it runs the scenarios that the brief names, and ends with 0 if all of them came out right.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(brief) = env::args_os().nth(1) else { return ExitCode::from(2) };
    e2e::guest::run(brief.as_ref())
}
