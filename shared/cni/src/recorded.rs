//! The IPAM plugin of a call that is over, for a release that no runtime asks for.

use std::ffi::OsString;

use serde_json::{Map, Value};

use crate::{Code, Delegate, Environment, Error, Version};

/// What a plugin wrote down of a call to it.
#[derive(Clone, Copy, Debug)]
pub struct RecordedCall<'a> {
    /// The whole network configuration.
    pub config: &'a Map<String, Value>,
    /// `CNI_PATH`
    pub path: &'a str,
    /// `CNI_ARGS`
    pub args: &'a str,
    /// `CNI_CONTAINERID`
    pub container_id: &'a str,
    /// `CNI_IFNAME`
    pub ifname: &'a str,
}

/// The IPAM plugin of a recorded call, with what it is run with for a DEL.
#[derive(Clone, Debug)]
pub struct RecordedIpam {
    /// The plugin.
    pub delegate: Delegate,
    /// The version of the configuration.
    pub version: Version,
    /// The variables of the call, with an empty `CNI_NETNS`: whoever releases without the runtime takes the namespace to be
    /// gone (CNI 1.1.0, "DEL": `CNI_NETNS` may be empty).
    pub environment: Environment,
}

impl RecordedCall<'_> {
    /// Its IPAM plugin; nothing where its configuration has none.
    ///
    /// # Errors
    /// Code 7 where the folders of its `CNI_PATH` have it not, or its configuration is none.
    pub fn ipam(&self) -> Result<Option<RecordedIpam>, Error> {
        let kind = self.config.get("ipam").and_then(|ipam| ipam.get("type")).and_then(Value::as_str);
        let Some(kind) = kind else { return Ok(None) };
        let kind = kind.parse().map_err(|error| broken(&error))?;
        let version = self.config.get("cniVersion").and_then(Value::as_str).unwrap_or_default();
        let version = version.parse().map_err(|error| broken(&error))?;
        let environment = self.environment();
        Ok(Some(RecordedIpam { delegate: Delegate::find(&kind, &environment)?, version, environment }))
    }

    fn environment(&self) -> Environment {
        let pairs = [
            ("CNI_CONTAINERID", self.container_id),
            ("CNI_IFNAME", self.ifname),
            ("CNI_NETNS", ""),
            ("CNI_PATH", self.path),
            ("CNI_ARGS", self.args),
        ];
        Environment {
            // The folder that a relative one was relative to is not on record.
            path: std::env::split_paths(self.path).filter(|folder| folder.is_absolute()).collect(),
            variables: pairs.into_iter().map(|(name, value)| (name, OsString::from(value))).collect(),
            ..Environment::default()
        }
    }
}

fn broken(error: &dyn std::error::Error) -> Error {
    Error::from_chain(Code::CONFIG, error)
}
