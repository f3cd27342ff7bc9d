//! `demo`: a container gets an ENI of a simulated VPC through containerd, uses it, and gives it back.
//!
//! All of it is in namespaces of its own, and goes when the program ends, by a signal too. It exits with 0 only if
//! everything is as it says. With `--stay` it waits before the end, and says how to go on by hand. Needs root and
//! `tests/prepare`.
#![expect(
    clippy::expect_used,
    reason = "a panic says what is not as it should be, and takes everything down on its way out"
)]

mod by_hand;
mod interrupt;
mod said;
mod stage;
mod story;

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use interrupt::Interrupt;

/// As a shell has it for SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let stay = env::args().skip(1).any(|argument| argument == "--stay");
    let interrupt = Interrupt::watch();
    interrupt.silence_panics();
    let told = panic::catch_unwind(AssertUnwindSafe(|| story::tell(&interrupt, stay)));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupt.came() => {
            said::line("\ninterrupted: everything is taken down");
            ExitCode::from(INTERRUPTED)
        }
        Err(_) => ExitCode::FAILURE,
    }
}
