//! The environment variables of the protocol, checked as a whole.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::verb::Verb;
use crate::{CniArgs, Code, ContainerId, Error, IfName};

/// The variables that a plugin gets and its delegates get from it.
pub(crate) const VARIABLES: [&str; 6] =
    ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH", "CNI_NETNS_OVERRIDE"];

/// What the environment says besides the attachment itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The folders of `CNI_PATH`, where delegates are looked for.
    pub path: Vec<PathBuf>,
    /// `CNI_ARGS`; empty for GC and STATUS, which have none.
    pub args: CniArgs,
    /// `CNI_NETNS_OVERRIDE`: the container's network namespace may be the plugin's own.
    pub netns_override: bool,
    /// The `CNI_*` variables as they came, `CNI_COMMAND` excepted, for delegates.
    pub variables: BTreeMap<&'static str, OsString>,
}

/// A verb with what it is about.
pub(crate) enum Asked {
    Add(Target, PathBuf),
    Del(Target, Option<PathBuf>),
    Check(Target, PathBuf),
    Gc,
    Status,
}

/// The part of an attachment that comes from the environment.
pub(crate) struct Target {
    pub(crate) container_id: ContainerId,
    pub(crate) ifname: IfName,
}

/// Checks what the verb needs of the environment; all faults are named in one error. GC and STATUS are about no
/// attachment, so nothing of theirs can be wrong.
pub(crate) fn read(verb: Verb, get: impl Fn(&str) -> Option<OsString>) -> Result<(Asked, Environment), Error> {
    let mut reader = Reader::new(get);
    let asked = match verb {
        Verb::Add => reader.placed().map(|(target, netns)| Asked::Add(target, netns)),
        Verb::Del => reader.target().map(|target| Asked::Del(target, reader.netns())),
        Verb::Check => reader.placed().map(|(target, netns)| Asked::Check(target, netns)),
        Verb::Gc => return Ok((Asked::Gc, reader.environment(CniArgs::default()))),
        Verb::Status => return Ok((Asked::Status, reader.environment(CniArgs::default()))),
    };
    let args = reader.args();
    match asked {
        Some(asked) if reader.is_sound() => Ok((asked, reader.environment(args))),
        _ => Err(reader.fault(verb)),
    }
}

struct Reader {
    variables: BTreeMap<&'static str, OsString>,
    missing: Vec<&'static str>,
    invalid: Vec<String>,
}

impl Reader {
    fn new(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let variables = VARIABLES.into_iter().filter_map(|key| Some((key, get(key)?))).collect();
        Self { variables, missing: Vec::new(), invalid: Vec::new() }
    }

    /// The value of a variable, the empty one being none.
    fn present(&self, key: &str) -> Option<&OsStr> {
        self.variables.get(key).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn name<T: FromStr<Err: fmt::Display>>(&mut self, key: &'static str) -> Option<T> {
        let Some(value) = self.present(key) else {
            self.missing.push(key);
            return None;
        };
        let parsed = match value.to_str() {
            Some(text) => text.parse().map_err(|error: T::Err| error.to_string()),
            None => Err(format!("{value:?} is not UTF-8")),
        };
        parsed.map_err(|reason| self.invalid.push(format!("{key}: {reason}"))).ok()
    }

    fn target(&mut self) -> Option<Target> {
        let (container_id, ifname) = (self.name("CNI_CONTAINERID"), self.name("CNI_IFNAME"));
        Some(Target { container_id: container_id?, ifname: ifname? })
    }

    fn netns(&self) -> Option<PathBuf> {
        self.present("CNI_NETNS").map(PathBuf::from)
    }

    /// A target with the network namespace that it has to be in.
    fn placed(&mut self) -> Option<(Target, PathBuf)> {
        let (target, netns) = (self.target(), self.netns());
        if netns.is_none() {
            self.missing.push("CNI_NETNS");
        }
        Some((target?, netns?))
    }

    fn args(&mut self) -> CniArgs {
        let parsed = match self.present("CNI_ARGS").map(OsStr::to_str) {
            None => return CniArgs::default(),
            Some(Some(text)) => CniArgs::parse(text).map_err(|error| error.to_string()),
            Some(None) => Err("CNI_ARGS is not UTF-8".to_owned()),
        };
        parsed.unwrap_or_else(|reason| {
            self.invalid.push(reason);
            CniArgs::default()
        })
    }

    fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.invalid.is_empty()
    }

    fn fault(self, verb: Verb) -> Error {
        let mut faults = Vec::new();
        if !self.missing.is_empty() {
            faults.push(format!("{verb} needs {}", self.missing.join(", ")));
        }
        faults.extend(self.invalid);
        Error::new(Code::ENVIRONMENT, faults.join("; "))
    }

    fn environment(self, args: CniArgs) -> Environment {
        let path = self.present("CNI_PATH").map(std::env::split_paths);
        let path = path.into_iter().flatten().filter(|folder| !folder.as_os_str().is_empty()).collect();
        let truth = self.present("CNI_NETNS_OVERRIDE").map(OsStr::to_ascii_lowercase);
        let netns_override = truth.is_some_and(|value| value == "1" || value == "true");
        Environment { path, args, netns_override, variables: self.variables }
    }
}
