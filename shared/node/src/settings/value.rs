//! Values of the node's settings that are more than their TOML type.

use crate::names::PoolName;
use log::LevelFilter;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a text is no cluster's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a cluster's id is 8 to 128 letters, digits and -; make one by `uuidgen` and give the same to all nodes of the cluster"
)]
pub struct ClusterIdError;

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer)
}

/// A path that does not depend on where the program was started.
pub(super) fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(D::Error::custom("this has to be a path from the root, like /etc/x"))
    }
}

/// A number of seconds, at least so many and at most a week.
pub(super) fn seconds<'de, const LEAST: u64, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (LEAST..=7 * 24 * 3600).contains(&seconds) {
        return Ok(seconds);
    }
    Err(D::Error::custom(format!("this has to be {LEAST} to 604800 seconds")))
}

/// A node's name as Kubernetes has it: a DNS subdomain.
pub(super) fn node_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = text(deserializer)?;
    match name.parse::<PoolName>() {
        Ok(_) => Ok(Some(name)),
        Err(_) => Err(D::Error::custom("a node's name is of lower-case letters, digits, - and ., up to 253 bytes")),
    }
}

/// The domain of a resource that the kubelet gives out: not one of Kubernetes' own.
pub(super) fn domain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let domain = text(deserializer)?;
    let reserved = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io");
    match domain.parse::<PoolName>() {
        Ok(_) if !reserved => Ok(domain),
        _ => Err(D::Error::custom("this has to be a domain that is not Kubernetes' own, like example.com")),
    }
}

/// An address and port to listen on; an empty text for none.
pub(super) fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let address = text(deserializer)?;
    if address.is_empty() {
        return Ok(None);
    }
    let why = |_| D::Error::custom("this has to be an address and a port, like 127.0.0.1:61680, or \"\" for none");
    address.parse().map(Some).map_err(why)
}

/// A URL of a scheme, a host and perhaps a port.
pub(super) fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = text(deserializer)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    // A user in a URL would end in a log.
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    match host {
        Some(host) if !host.is_empty() && host.bytes().all(legal) => Ok(Some(url)),
        _ => Err(D::Error::custom("this has to be http:// or https://, a host, and perhaps a port")),
    }
}

/// A region's name.
pub(super) fn region<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let region = text(deserializer)?;
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !region.is_empty() && region.bytes().all(legal) {
        return Ok(Some(region));
    }
    Err(D::Error::custom("this has to be a region, like eu-central-1"))
}

/// A level of the log, or `off`.
pub(super) fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LevelFilter, D::Error> {
    let why = |_| D::Error::custom("this has to be off, error, warn, info, debug or trace");
    text(deserializer)?.parse().map_err(why)
}

/// Labels of a node, by the rules of Kubernetes ("Labels and Selectors").
pub(super) fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = BTreeMap::<String, String>::deserialize(deserializer)?;
    match labels.iter().find(|(key, value)| !super::label::is_key(key) || !super::label::is_value(value)) {
        Some((key, value)) => Err(D::Error::custom(format!("{key} = {value:?} is no label that a node can have"))),
        None => Ok(labels),
    }
}
