//! The harness of the suites that need a kernel or a runtime: a node of its own for each test, our plugins and Debian's
//! run in it as a runtime runs them, and what they left behind compared with what was there before.
//!
//! ```no_run
//! use e2e::{Host, Invocation, binaries};
//! use serde_json::json;
//!
//! let host = Host::new();
//! let pod = host.netns("pod1");
//! let before = host.snapshot(&["/run/multi-eni"]);
//! let request = Invocation::new(binaries::multi_eni()).container("pod1").netns(pod.path()).config(&json!({"name": "net"}));
//! request.clone().verb("ADD").run(&host).result();
//! request.verb("DEL").run(&host).empty();
//! before.assert_same(&host.snapshot(&["/run/multi-eni"]));
//! ```
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "only tests call this crate, and a panic that says what went wrong is how a test fails"
)]

pub mod binaries;
pub mod cases;
pub mod cloud;
pub mod cluster;
mod cni;
mod cnitool;
mod command;
mod containerd;
pub mod cri;
mod fake_ipam;
mod grpc;
pub mod guest;
mod host;
pub mod lab;
pub mod manifests;
mod netns;
pub mod pci;
pub mod pod_resources;
mod running;
mod snapshot;
mod until;

pub use cloud::Cloud;
pub use cluster::Cluster;
pub use cni::{CniError, Invocation, Outcome, POD_UID};
pub use cnitool::Cnitool;
pub use command::HostCommand;
pub use containerd::{Container, Containerd, Pod};
pub use fake_ipam::{Answer, Call, FakeIpam};
pub use host::Host;
pub use lab::Lab;
pub use netns::PodNetns;
pub use running::{Output, Running};
pub use snapshot::Snapshot;
pub use until::until;

use std::time::Duration;

/// How long anything may take before a test gives up on it. It is no measurement: it only has to be longer than a
/// machine with other work on it ever needs.
pub const LIMIT: Duration = Duration::from_secs(120);
