//! A request, checked in the order of the Go library.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::input;
use crate::config::{self, PrevResult};
use crate::environment::{self, Asked, Target};
use crate::verb::Verb;
use crate::{
    AddRequest, Attachment, CheckRequest, Code, DelRequest, Environment, Error, GcRequest, Interrupt, NetworkConfig,
    NetworkName, StatusRequest, Version,
};

/// A checked request.
pub(super) enum Request {
    Add(AddRequest),
    Del(DelRequest),
    Check(CheckRequest),
    Gc(GcRequest),
    Status(StatusRequest),
}

impl Request {
    /// What it is about; nothing for the verbs about none or many.
    pub(super) fn attachment(&self) -> Option<&Attachment> {
        match self {
            Self::Add(request) => Some(&request.attachment),
            Self::Del(request) => Some(&request.attachment),
            Self::Check(request) => Some(&request.attachment),
            Self::Gc(_) | Self::Status(_) => None,
        }
    }
}

/// Checks environment, stdin, JSON, name and version in that order, then the rest. `spoken` becomes the version of the
/// configuration as soon as that is known, so that errors are told in it.
pub(super) fn read(
    verb: Verb,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
    interrupt: &Interrupt,
    spoken: &mut Version,
) -> Result<Request, Error> {
    let (asked, environment) = environment::read(verb, env)?;
    let raw = input::read(stdin)?;
    if let Ok(version) = config::version(&raw) {
        *spoken = version;
    }
    let name = config::name(&raw)?;
    let version = config::version(&raw)?;
    if version < verb.since() {
        let msg = format!("{verb} needs cniVersion {} or newer, the network configuration has {version}", verb.since());
        return Err(Error::new(Code::INCOMPATIBLE_VERSION, msg));
    }
    let input = Input { raw, name, version, environment, interrupt: interrupt.clone() };
    match asked {
        Asked::Add(target, netns) => input.add(target, netns).map(Request::Add),
        Asked::Del(target, netns) => input.del(target, netns).map(Request::Del),
        Asked::Check(target, netns) => input.check(target, netns).map(Request::Check),
        Asked::Gc => input.gc().map(Request::Gc),
        Asked::Status => input.status().map(Request::Status),
    }
}

/// What every request is made of.
struct Input {
    raw: Map<String, Value>,
    name: NetworkName,
    version: Version,
    environment: Environment,
    interrupt: Interrupt,
}

impl Input {
    fn add(self, target: Target, netns: PathBuf) -> Result<AddRequest, Error> {
        let attachment = self.attachment(target);
        let config = NetworkConfig::parse(self.raw, self.name, self.version, PrevResult::Strict)?;
        Ok(AddRequest { attachment, netns, config, environment: self.environment, interrupt: self.interrupt })
    }

    fn del(self, target: Target, netns: Option<PathBuf>) -> Result<DelRequest, Error> {
        let attachment = self.attachment(target);
        let config = NetworkConfig::parse(self.raw, self.name, self.version, PrevResult::Lenient)?;
        Ok(DelRequest { attachment, netns, config, environment: self.environment, interrupt: self.interrupt })
    }

    fn check(self, target: Target, netns: PathBuf) -> Result<CheckRequest, Error> {
        let attachment = self.attachment(target);
        let config = NetworkConfig::parse(self.raw, self.name, self.version, PrevResult::Strict)?;
        if config.prev_result.is_none() {
            return Err(Error::new(Code::CONFIG, "CHECK needs prevResult in the network configuration"));
        }
        Ok(CheckRequest { attachment, netns, config, environment: self.environment, interrupt: self.interrupt })
    }

    fn gc(self) -> Result<GcRequest, Error> {
        let config = NetworkConfig::parse(self.raw, self.name, self.version, PrevResult::Ignored)?;
        let valid = input::valid_attachments(&config.raw)?;
        Ok(GcRequest { valid, config, environment: self.environment, interrupt: self.interrupt })
    }

    fn status(self) -> Result<StatusRequest, Error> {
        let config = NetworkConfig::parse(self.raw, self.name, self.version, PrevResult::Ignored)?;
        Ok(StatusRequest { config, environment: self.environment, interrupt: self.interrupt })
    }

    fn attachment(&self, target: Target) -> Attachment {
        let Target { container_id, ifname } = target;
        Attachment { network: self.name.clone(), container_id, ifname }
    }
}
