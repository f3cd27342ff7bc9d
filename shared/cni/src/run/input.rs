//! stdin, bounded and decoded.

use std::io::Read;

use serde_json::{Map, Value};

use super::io_error;
use crate::config::config_error;
use crate::result::Object;
use crate::{Code, ContainerId, Error, IfName};

/// The most bytes of a configuration.
const LIMIT: u64 = 1 << 20;

/// Reads the configuration: code 5 when it cannot be read, 6 when it is no JSON object.
pub(super) fn read(stdin: impl Read) -> Result<Map<String, Value>, Error> {
    let mut bytes = Vec::new();
    let read = stdin.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| io_error("read the network configuration from stdin", &error))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::new(Code::IO, "the network configuration on stdin is larger than 1 MiB"));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(raw)) => Ok(raw),
        Ok(_) => Err(Error::new(Code::DECODE, "the network configuration on stdin is no JSON object")),
        // The text of a syntax error is kind and place, never content, which may be secret.
        Err(error) => Err(Error::new(Code::DECODE, format!("the network configuration on stdin is no JSON: {error}"))),
    }
}

/// The valid attachments of a GC: `cni.dev/valid-attachments`, else the key that libcni sends beside it for plugins
/// written against a draft (containernetworking/cni pull request 1101).
pub(super) fn valid_attachments(raw: &Map<String, Value>) -> Result<Option<Vec<(ContainerId, IfName)>>, Error> {
    let object = Object::of(raw, "");
    let Some(key) = ["cni.dev/valid-attachments", "cni.dev/attachments"].into_iter().find(|key| object.has(key)) else {
        return Ok(None);
    };
    let entry = |entry: Object<'_>| Ok((entry.required("containerID")?, entry.required("ifname")?));
    object.each(key, entry).map(Some).map_err(|error| config_error(&error))
}
