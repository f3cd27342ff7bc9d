//! The control groups of containers: runc makes them in the machine's hierarchies, where they would stay.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::LIMIT;

const HIERARCHIES: &str = "/sys/fs/cgroup";

/// The kernel tells nobody that the last process of a group is gone.
const PAUSE: Duration = Duration::from_millis(5);

/// Ends what runs in these containers, and takes their control groups away.
pub(super) fn remove(containers: &BTreeSet<OsString>) {
    let mut left = Vec::new();
    find(Path::new(HIERARCHIES), containers, &mut left);
    let begin = Instant::now();
    while !left.is_empty() && begin.elapsed() < LIMIT {
        left.retain(|group| {
            for process in processes(group) {
                kill(process, Signal::SIGKILL).ok();
            }
            fs::remove_dir(group).is_err() && group.exists()
        });
        thread::sleep(PAUSE);
    }
}

fn find(folder: &Path, containers: &BTreeSet<OsString>, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if containers.contains(&entry.file_name()) {
            found.push(entry.path());
        } else {
            find(&entry.path(), containers, found);
        }
    }
}

/// By the numbers that this process knows them by; those of another process namespace have none here, and show as 0.
fn processes(group: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|process| *process > 1).map(Pid::from_raw).collect()
}
