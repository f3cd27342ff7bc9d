//! The process's own figures under the names that Prometheus's client libraries give them (Prometheus, "Writing client
//! libraries", "Process metrics"), read when they are asked for.

use nix::time::{ClockId, clock_gettime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(super) struct Process {
    started_at: f64,
}

impl Process {
    pub(super) fn started_now() -> Self {
        Self { started_at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let cpu = "Total user and system CPU time spent in seconds";
        if let Some(seconds) = cpu_seconds() {
            let metric = encoder.encode_descriptor("process_cpu_seconds", cpu, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        gauge(&mut encoder, "process_resident_memory_bytes", "Resident memory size in bytes", resident_bytes())?;
        gauge(&mut encoder, "process_open_fds", "Number of open file descriptors", open_files())?;
        gauge(&mut encoder, "process_max_fds", "Maximum number of open file descriptors", most_files())?;
        let started = "Start time of the process since unix epoch in seconds";
        gauge(&mut encoder, "process_start_time_seconds", started, Some(self.started_at))
    }
}

/// What cannot be read is left out.
fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: Option<f64>) -> std::fmt::Result {
    let Some(value) = value else { return Ok(()) };
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn cpu_seconds() -> Option<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok()?;
    let seconds = |number: i64| u32::try_from(number).ok().map(f64::from);
    Some(seconds(time.tv_sec())? + seconds(time.tv_nsec())? / 1e9)
}

/// `VmRSS` of proc_pid_status(5), in kibibytes there.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(f64::from(line.split_whitespace().next()?.parse::<u32>().ok()?) * 1024.0)
}

/// The folder's own descriptor, open for the counting, is not counted.
fn open_files() -> Option<f64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

/// The soft limit in proc_pid_limits(5); nothing if there is none.
fn most_files() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
