//! The IPAM plugin of an attachment whose runtime will not ask it to release: run as it was then.

use cni::{Code, Delegate, Environment, Error, Invocation};
use node::record::{Call, Owner};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How long an IPAM plugin may take to release.
const LIMIT: Duration = Duration::from_secs(30);

/// Lets the IPAM plugin of the call release; one that the configuration has not has nothing.
///
/// # Errors
/// The plugin's own; code 7 where `CNI_PATH` of that call has it not, or its configuration is none.
pub(super) async fn release(call: &Call, owner: &Owner) -> Result<(), Error> {
    let kind = call.config.get("ipam").and_then(|ipam| ipam.get("type")).and_then(Value::as_str);
    let Some(kind) = kind else { return Ok(()) };
    let broken = |error: &dyn std::error::Error| Error::from_chain(Code::CONFIG, error);
    let kind = kind.parse().map_err(|error| broken(&error))?;
    let version = call.config.get("cniVersion").and_then(Value::as_str).unwrap_or_default();
    let version = version.parse().map_err(|error| broken(&error))?;
    let environment = environment(call, owner);
    let delegate = Delegate::find(&kind, &environment)?;
    let invocation = Invocation { config: &call.config, version, environment: &environment, limit: LIMIT };
    delegate.del(&invocation).await
}

/// As [`release`], where our IPAM plugin has others behind it, which have given something too.
///
/// # Errors
/// As [`release`].
pub(super) async fn release_chain(call: &Call, owner: &Owner) -> Result<(), Error> {
    let chain = call.config.get("ipam").and_then(|ipam| ipam.get("chain")).and_then(Value::as_array);
    match chain {
        Some(members) if !members.is_empty() => release(call, owner).await,
        _ => Ok(()),
    }
}

fn environment(call: &Call, owner: &Owner) -> Environment {
    let pairs: [(&str, &str); 5] = [
        ("CNI_CONTAINERID", &owner.container_id),
        ("CNI_IFNAME", &owner.ifname),
        ("CNI_NETNS", ""),
        ("CNI_PATH", &call.path),
        ("CNI_ARGS", &call.args),
    ];
    Environment {
        path: std::env::split_paths(&call.path).filter(|path| path.is_absolute()).collect::<Vec<PathBuf>>(),
        variables: pairs.into_iter().map(|(name, value)| (name, OsString::from(value))).collect(),
        ..Environment::default()
    }
}
