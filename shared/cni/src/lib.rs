//! The Container Network Interface for plugins, versions 0.3.0 to 1.1.0.
//!
//! A plugin implements [`Plugin`] and its `main` is [`run`]. The crate reads the environment and stdin, checks them as
//! the specification and the Go library do, hands the verb over as a typed request, and writes exactly one JSON document
//! whatever happens: a signal, a panic, garbage on stdin. [`Delegate`] runs another plugin, mostly IPAM, and
//! [`RecordedCall`] finds that of a call that is over.
//!
//! Source: the CNI specification 1.1.0 (`SPEC.md` of containernetworking/cni) and its `pkg/skel`, `pkg/types` and
//! `pkg/invoke`, which are what runtimes expect in practice.

mod args;
mod cidr;
mod config;
mod delegate;
mod environment;
mod error;
mod interrupt;
mod keys;
mod names;
mod panics;
mod plugin;
mod program;
mod recorded;
mod request;
mod result;
mod run;
mod verb;
mod version;

pub use args::{ArgsError, CniArgs, Pod};
pub use cidr::{Cidr, CidrError};
pub use config::NetworkConfig;
pub use delegate::{Delegate, Invocation};
pub use environment::Environment;
pub use error::{Code, Error};
pub use interrupt::{Interrupt, Signal};
pub use keys::Keys;
pub use names::{ContainerId, IfName, NameError, NetworkName, PluginType};
pub use plugin::{About, Death, Plugin};
pub use program::{Program, ProgramError, ProgramOutput};
pub use recorded::{RecordedCall, RecordedIpam};
pub use request::{AddRequest, Attachment, CheckRequest, DelRequest, GcRequest, StatusRequest};
pub use result::{CniResult, DecodeError, Dns, Interface, IpConfig, Route};
pub use run::{run, run_with};
pub use version::{Version, VersionError};
