//! What the plugins weigh: their start, their size, their memory.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use e2e::binaries;
use nix::sys::resource::{UsageWho, getrusage};

use crate::program::{Program, answer, run};
use crate::rounds::timed;
use crate::site::Site;

/// Tells this program to be the launcher.
const LAUNCHER: &str = "MULTI_ENI_BENCH_LAUNCHER";

#[derive(Debug)]
pub(crate) struct Footprint {
    /// Milliseconds of VERSION, of each run.
    pub(crate) version: Vec<f64>,
    /// Bytes, by name.
    pub(crate) sizes: Vec<(&'static str, u64)>,
    /// Bytes, the greater of the plugin and its IPAM plugin.
    pub(crate) peak: u64,
}

pub(crate) fn measure(rounds: usize) -> Footprint {
    let site = Site::with_enis(1);
    let ours = Program::ours(&site, 0);
    let (version, peak) = site.lab.host.run(move || {
        let version = (0..rounds).map(|_| {
            let command = ours.command("VERSION");
            let (child, time) = timed(|| run(command));
            answer(child);
            time
        });
        let version = version.collect();
        let peaks = ["ADD", "DEL"].map(|verb| peak(&ours, verb));
        (version, peaks.into_iter().max().unwrap_or_default())
    });
    let size = |path: &Path| path.metadata().expect("a binary").len();
    let sizes =
        vec![("multi-eni", size(&binaries::multi_eni())), ("multi-eni-ipam", size(&binaries::multi_eni_ipam()))];
    Footprint { version, sizes, peak }
}

/// The kernel counts the memory of whoever started a program as that program's (`exec_mmap` in `fs/exec.c`), so a small
/// launcher stands between: this program again, which says what its child needed.
fn peak(program: &Program, verb: &str) -> u64 {
    let launcher = env::current_exe().expect("this program");
    let mut command = program.command_by(&launcher, verb);
    command.env(LAUNCHER, "1");
    answer(run(command)).trim().parse().expect("a number of bytes")
}

/// The launcher's part, if this process is one.
pub(crate) fn as_launcher() -> Option<ExitCode> {
    env::var_os(LAUNCHER)?;
    let plugin = env::args_os().nth(1).expect("a plugin");
    let status =
        Command::new(plugin).env_remove(LAUNCHER).stdout(std::io::stderr()).status().expect("a plugin's start");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the child's usage");
    println!("{}", usage.max_rss() * 1024);
    Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
