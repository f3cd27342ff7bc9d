//! What the guest runs: one scenario after the other, up to the power cut each on a node without ENIs.

use std::io::{Write, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use super::brief::{Brief, Part};
use super::node::Node;
use super::scenarios::{self, Scenario};
use super::{CUT, SAYS};

/// Runs what this brief names.
#[must_use]
pub fn run(brief: &Path) -> ExitCode {
    let brief = Brief::read(brief);
    let (part, only) = (brief.part, brief.only.clone().unwrap_or_default());
    let node = Node::new(brief);
    let chosen = scenarios::of(part).into_iter().filter(|scenario| scenario.name.contains(&only));
    let failed = chosen.filter(|scenario| !comes_out_right(&node, part, scenario)).count();
    if failed > 0 {
        return ExitCode::FAILURE;
    }
    if part == Part::Before {
        say(CUT.trim_start_matches(SAYS));
        loop {
            thread::park();
        }
    }
    ExitCode::SUCCESS
}

fn comes_out_right(node: &Node, part: Part, scenario: &Scenario) -> bool {
    let (begin, name) = (Instant::now(), scenario.name);
    say(&format!("{name} …"));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if part == Part::Before {
            node.calm();
        }
        (scenario.run)(node);
    }));
    let (word, seconds) = (if outcome.is_ok() { "ok" } else { "failed" }, begin.elapsed().as_secs_f64());
    if outcome.is_err() {
        write(&format!("{node}\n"));
    }
    say(&format!("{name} {word} ({seconds:.1} s)"));
    outcome.is_ok()
}

/// A line for people.
pub(super) fn say(line: &str) {
    write(&format!("{SAYS}{line}\n"));
}

fn write(text: &str) {
    // If nobody hears it, the host says that it did not.
    stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()).ok();
}
