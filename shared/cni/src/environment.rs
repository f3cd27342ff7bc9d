//! The environment variables of the protocol, checked as a whole.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

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

/// What the runtime asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Add,
    Del,
    Check,
    Gc,
    Status,
    Version,
}

impl Verb {
    const ALL: [Self; 6] = [Self::Add, Self::Del, Self::Check, Self::Gc, Self::Status, Self::Version];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    pub(crate) fn parse(command: &OsStr) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|verb| command == verb.as_str()).ok_or_else(|| {
            let msg = format!("CNI_COMMAND is {command:?}, it has to be ADD, DEL, CHECK, GC, STATUS or VERSION");
            Error::new(Code::ENVIRONMENT, msg)
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The part of an attachment that comes from the environment.
pub(crate) struct Target {
    pub(crate) container_id: ContainerId,
    pub(crate) ifname: IfName,
    pub(crate) netns: Option<PathBuf>,
}

/// The environment of ADD, DEL and CHECK. All faults are named in one error.
pub(crate) fn attachment(verb: Verb, get: impl Fn(&str) -> Option<OsString>) -> Result<(Target, Environment), Error> {
    let mut reader = Reader::new(get);
    let container_id = reader.name("CNI_CONTAINERID");
    let netns = reader.present("CNI_NETNS").map(PathBuf::from);
    if netns.is_none() && verb != Verb::Del {
        reader.missing.push("CNI_NETNS");
    }
    let ifname = reader.name("CNI_IFNAME");
    let args = reader.args();
    let faults = reader.faults(verb);
    match (container_id, ifname, faults) {
        (Some(container_id), Some(ifname), None) => {
            Ok((Target { container_id, ifname, netns }, reader.environment(args)))
        }
        (.., faults) => {
            Err(faults.unwrap_or_else(|| Error::new(Code::INTERNAL, "an environment fault was found but not named")))
        }
    }
}

/// The environment of GC and STATUS, which are about no attachment and so need none of the variables.
pub(crate) fn network(get: impl Fn(&str) -> Option<OsString>) -> Environment {
    Reader::new(get).environment(CniArgs::default())
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

    fn faults(&self, verb: Verb) -> Option<Error> {
        let mut faults = Vec::new();
        if !self.missing.is_empty() {
            faults.push(format!("{verb} needs {}", self.missing.join(", ")));
        }
        faults.extend(self.invalid.iter().cloned());
        (!faults.is_empty()).then(|| Error::new(Code::ENVIRONMENT, faults.join("; ")))
    }

    fn environment(self, args: CniArgs) -> Environment {
        let path = self.present("CNI_PATH").map(std::env::split_paths);
        let path = path.into_iter().flatten().filter(|folder| !folder.as_os_str().is_empty()).collect();
        let truth = self.present("CNI_NETNS_OVERRIDE").map(OsStr::to_ascii_lowercase);
        let netns_override = truth.is_some_and(|value| value == "1" || value == "true");
        Environment { path, args, netns_override, variables: self.variables }
    }
}
