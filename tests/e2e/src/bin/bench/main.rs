//! What ADD and DEL cost, against the kernel's own share of it and against Debian's `host-device` with `host-local`, and what
//! the agent takes for an ENI beside the simulated EC2, all in one run on one machine: single runs vary by a third, so only
//! differences within a round are judged.
//!
//! Run as root: `make bench`. `MULTI_ENI_BIN_DIR` has the programs as they are shipped.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made says why and ends, and its table is what it is for"
)]

mod crowd;
mod floor;
mod footprint;
mod keeping;
mod planning;
mod program;
mod report;
mod rounds;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::report::Report;

/// Measures ADD, DEL and VERSION of the plugins.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the numbers go, as JSON.
    #[arg(default_value = "bench.json")]
    output: PathBuf,
    /// How many rounds are measured, each with a pair of every kind.
    #[arg(long, env = "MULTI_ENI_BENCH_ROUNDS", default_value_t = 200)]
    rounds: usize,
    /// How many ADDs run at once.
    #[arg(long, default_value_t = 50)]
    crowd: u8,
    /// How often that is measured.
    #[arg(long, default_value_t = 10)]
    crowd_rounds: usize,
    /// How often an ENI comes to a pool.
    #[arg(long, default_value_t = 20)]
    keeping_rounds: usize,
    /// A bound that does not hold is a failure.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    if let Some(code) = footprint::as_launcher() {
        return code;
    }
    let arguments = Arguments::parse();
    let report = Report {
        load: load(),
        rounds: rounds::measure(arguments.rounds),
        crowd: crowd::measure(arguments.crowd, arguments.crowd_rounds),
        footprint: footprint::measure(arguments.rounds),
        keeping: keeping::measure(arguments.keeping_rounds),
        planning: planning::read(),
    };
    println!("{report}");
    let document = serde_json::to_vec_pretty(&report.document()).expect("numbers as JSON");
    std::fs::write(&arguments.output, document)
        .unwrap_or_else(|error| panic!("{}: {error}", arguments.output.display()));
    if arguments.check && !report.holds() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What else the machine was busy with just before: how many tasks wanted to run, on average of the last minute.
fn load() -> f64 {
    let averages = std::fs::read_to_string("/proc/loadavg").expect("the load of the machine");
    averages.split(' ').next().and_then(|one| one.parse().ok()).expect("the load of the last minute")
}
