//! The network configuration on stdin.

use serde_json::{Map, Value};

use crate::result::{DecodeError, Object, dns_of};
use crate::version::VersionError;
use crate::{CniResult, Code, Dns, Error, NetworkName, PluginType, Version};

/// A network configuration, as far as the protocol is concerned (CNI 1.1.0, "Plugin configuration objects").
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    /// `cniVersion`
    pub version: Version,
    /// `name`
    pub name: NetworkName,
    /// `type`, which a renamed binary does not share.
    pub plugin_type: Option<String>,
    /// `ipam.type`; none where `ipam` is absent, `null` or `{}`.
    pub ipam_type: Option<PluginType>,
    /// `dns`, if anything is set in it.
    pub dns: Option<Dns>,
    /// `prevResult`. A DEL gets none where it cannot be read, since it has to work without; GC and STATUS have none.
    pub prev_result: Option<CniResult>,
    /// Everything as it came, for delegates and for the keys of a plugin itself.
    pub raw: Map<String, Value>,
}

/// What becomes of a `prevResult`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrevResult {
    /// Has to be readable if it is there.
    Strict,
    /// Is dropped where it is not readable.
    Lenient,
    /// Is not looked at.
    Ignored,
}

impl NetworkConfig {
    /// `runtimeConfig`: the runtime's values for the capabilities that the configuration declares.
    pub fn runtime_config(&self) -> Option<&Map<String, Value>> {
        self.raw.get("runtimeConfig")?.as_object()
    }

    /// `args.cni`: the arguments that replace `CNI_ARGS`.
    pub fn args_cni(&self) -> Option<&Map<String, Value>> {
        self.raw.get("args")?.as_object()?.get("cni")?.as_object()
    }

    /// Checks what stands besides name and version.
    pub(crate) fn parse(
        raw: Map<String, Value>,
        name: NetworkName,
        version: Version,
        prev_result: PrevResult,
    ) -> Result<Self, Error> {
        let object = Object::of(&raw, "");
        let plugin_type = object.owned("type").map_err(|error| config_error(&error))?;
        let ipam_type = ipam_type(object)?;
        let dns = dns_of(object).map_err(|error| config_error(&error))?;
        object.object("runtimeConfig").map_err(|error| config_error(&error))?;
        if let Some(args) = object.object("args").map_err(|error| config_error(&error))? {
            Object::of(args, "args").object("cni").map_err(|error| config_error(&error))?;
        }
        let prev_result = read_prev_result(object, version, prev_result)?;
        let dns = Some(dns).filter(|dns| !dns.is_empty());
        Ok(Self { version, name, plugin_type, ipam_type, dns, prev_result, raw })
    }
}

/// Reads `name` (code 7).
pub(crate) fn name(raw: &Map<String, Value>) -> Result<NetworkName, Error> {
    Object::of(raw, "").required("name").map_err(|error| config_error(&error))
}

/// Reads `cniVersion`; missing means 0.1.0 (CNI 1.1.0, "Configuration format").
pub(crate) fn version(raw: &Map<String, Value>) -> Result<Version, Error> {
    let text = match Object::of(raw, "").text("cniVersion") {
        Ok(text) => text.unwrap_or("0.1.0"),
        Err(error) => return Err(Error::new(Code::DECODE, error.to_string())),
    };
    text.parse().map_err(|error: VersionError| {
        let code = match error {
            VersionError::Unsupported(_) => Code::INCOMPATIBLE_VERSION,
            VersionError::Malformed(_) => Code::DECODE,
        };
        Error::new(code, error.to_string())
    })
}

fn ipam_type(object: Object<'_>) -> Result<Option<PluginType>, Error> {
    let Some(ipam) = object.object("ipam").map_err(|error| config_error(&error))? else { return Ok(None) };
    if ipam.values().all(Value::is_null) {
        return Ok(None);
    }
    Object::of(ipam, "ipam").required("type").map(Some).map_err(|error| config_error(&error))
}

fn read_prev_result(object: Object<'_>, version: Version, how: PrevResult) -> Result<Option<CniResult>, Error> {
    let Some(value) = object.present("prevResult").filter(|_| how != PrevResult::Ignored) else { return Ok(None) };
    match CniResult::decode(value, version) {
        Ok(result) => Ok(Some(result)),
        Err(error) if how == PrevResult::Lenient => {
            log::warn!("the prevResult is not readable, going on without it: {error}");
            Ok(None)
        }
        Err(error) => Err(Error::new(Code::DECODE, format!("prevResult: {error}"))),
    }
}

pub(crate) fn config_error(error: &DecodeError) -> Error {
    Error::new(Code::CONFIG, format!("network configuration: {error}"))
}
