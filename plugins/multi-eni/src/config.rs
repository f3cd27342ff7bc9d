//! The plugin's keys of a network configuration: what was typed, checked, and what the plugin needs of it.

use cni::{Keys, NetworkConfig};
use log::LevelFilter;
use node::inventory::Mode;
use node::names::{EniId, IfName, MacAddr, PciAddr, PoolName};
use serde_json::Value;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How long an ADD may take, in seconds, unless the configuration says.
const DEFAULT_TIMEOUT: u64 = 60;
/// Longer than any runtime waits.
const GREATEST_TIMEOUT: u64 = 3600;
/// The least MTU of an IPv4 link (RFC 791), below which nothing is worth a question to the kernel.
const LEAST_MTU: u32 = 68;

/// A network configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Which device.
    pub(crate) selector: Selector,
    /// What becomes of it; nothing leaves it to the pool.
    pub(crate) mode: Option<Mode>,
    /// Its name in the pod.
    pub(crate) interface_name: IfName,
    /// Whether that name was typed.
    pub(crate) interface_name_is_set: bool,
    /// Bytes; nothing leaves what the link has.
    pub(crate) mtu: Option<u32>,
    /// A table and rules of its own in the pod.
    pub(crate) source_routing: bool,
    /// No way to the instance metadata.
    pub(crate) block_instance_metadata: bool,
    /// `rp_filter` of the pod's link.
    pub(crate) rp_filter: Option<u8>,
    /// Duplicate address detection.
    pub(crate) dad: bool,
    /// The link stays down in the pod.
    pub(crate) keep_down: bool,
    /// Who may open the node of the device's group.
    pub(crate) group_node: GroupNode,
    /// An exhausted pool is an error of STATUS.
    pub(crate) status_on_exhaustion: bool,
    /// The IPAM plugin was asked for a default route in so many words.
    pub(crate) default_route_is_asked: bool,
    /// The whole ADD.
    pub(crate) timeout: Duration,
    /// Where the device-info document goes.
    pub(crate) device_info: Option<PathBuf>,
    /// Where the log goes beside stderr.
    pub(crate) log_file: Option<PathBuf>,
    /// What is logged.
    pub(crate) log_level: LevelFilter,
}

/// Who may open the node of a device's group; nothing leaves what the node has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GroupNode {
    /// User and group id.
    pub(crate) owner: Option<(u32, u32)>,
    /// The twelve bits of `chmod`.
    pub(crate) mode: Option<u32>,
}

impl GroupNode {
    /// The keys that were typed.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static str> {
        let owner = self.owner.map(|_| "vfioGroupOwner");
        owner.into_iter().chain(self.mode.map(|_| "vfioGroupMode"))
    }
}

/// The ways in which a configuration names a device. All that are given must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    /// A free one of this pool.
    pub(crate) pool: Option<PoolName>,
    /// This ENI.
    pub(crate) eni: Option<EniId>,
    /// The device with this MAC.
    pub(crate) mac: Option<MacAddr>,
    /// The link of this name on the host.
    pub(crate) device: Option<String>,
    /// The device at this PCI address.
    pub(crate) pci: Option<PciAddr>,
}

impl Selector {
    /// Whether one device is named, rather than any of a pool.
    pub(crate) fn is_explicit(&self) -> bool {
        self.eni.is_some() || self.mac.is_some() || self.device.is_some() || self.pci.is_some()
    }
}

impl Config {
    /// Reads and checks a configuration. `ifname` is `CNI_IFNAME`, the name in the pod where no other is given.
    ///
    /// # Errors
    /// All faults in one error of code 7, or 2.
    pub(crate) fn read(config: &NetworkConfig, ifname: Option<&str>) -> Result<Self, cni::Error> {
        let mut keys = Keys::of_config(&config.raw);
        let interface_name: Option<String> = keys.read("interfaceName");
        let interface_name_is_set = interface_name.is_some();
        let interface_name = interface_name.as_deref().or(ifname).unwrap_or("net1");
        let interface_name = parsed(&mut keys, "interfaceName", interface_name);
        let read = Self {
            selector: selector(&mut keys, config),
            mode: keys.read("mode"),
            interface_name: interface_name.or_else(|| "net1".parse().ok()).ok_or_else(|| broken("interfaceName"))?,
            interface_name_is_set,
            mtu: keys.read("mtu"),
            source_routing: keys.read("sourceRouting").unwrap_or_default(),
            block_instance_metadata: keys.read("blockInstanceMetadata").unwrap_or_default(),
            rp_filter: keys.read("rpFilter"),
            dad: keys.read("dad").unwrap_or_default(),
            keep_down: keys.read("keepDown").unwrap_or_default(),
            group_node: GroupNode { owner: owner(&mut keys), mode: node_mode(&mut keys) },
            status_on_exhaustion: keys.read("statusOnExhaustion").unwrap_or_default(),
            default_route_is_asked: config.raw.get("ipam").and_then(|ipam| ipam.get("defaultRoute"))
                == Some(&Value::Bool(true)),
            timeout: Duration::from_secs(keys.read("timeoutSeconds").unwrap_or(DEFAULT_TIMEOUT)),
            device_info: runtime_value(&mut keys, config, "CNIDeviceInfoFile").map(PathBuf::from),
            log_file: keys.read("logFile"),
            log_level: log_level(&mut keys),
        };
        read.check(&mut keys);
        keys.finish()?;
        Ok(read)
    }

    fn check(&self, keys: &mut Keys<'_>) {
        if self.mtu.is_some_and(|mtu| mtu < LEAST_MTU) {
            keys.fault("mtu", format_args!("at least {LEAST_MTU} bytes"));
        }
        if self.rp_filter.is_some_and(|value| value > 2) {
            keys.fault("rpFilter", "0 (no source check), 1 (strict) or 2 (loose)");
        }
        if !(1..=GREATEST_TIMEOUT).contains(&self.timeout.as_secs()) {
            keys.fault("timeoutSeconds", format_args!("1 to {GREATEST_TIMEOUT}"));
        }
        for key in self.mode.into_iter().flat_map(|mode| self.without_effect(mode)) {
            keys.fault(key, format_args!("has no effect in mode {}", self.mode.unwrap_or_default()));
        }
        if self.keep_down && self.block_instance_metadata {
            keys.fault("keepDown", "does not go with blockInstanceMetadata, which needs routes");
        }
        if self.keep_down && self.source_routing {
            keys.fault("keepDown", "does not go with sourceRouting, which needs routes");
        }
        if self.keep_down && self.dad {
            keys.fault("keepDown", "does not go with dad, which needs a link that is up");
        }
    }

    /// The keys that were typed and that a mode has no use for: what user space has is no link, and a link has no group.
    pub(crate) fn without_effect(&self, mode: Mode) -> Vec<&'static str> {
        match mode {
            Mode::Netdev => self.group_node.keys().collect(),
            Mode::VfioPci => [
                ("mtu", self.mtu.is_some()),
                ("sourceRouting", self.source_routing),
                ("blockInstanceMetadata", self.block_instance_metadata),
                ("rpFilter", self.rp_filter.is_some()),
                ("dad", self.dad),
                ("keepDown", self.keep_down),
            ]
            .into_iter()
            .filter_map(|(key, is_typed)| is_typed.then_some(key))
            .collect(),
        }
    }
}

/// `1000:1000`.
fn owner(keys: &mut Keys<'_>) -> Option<(u32, u32)> {
    let text: String = keys.read("vfioGroupOwner")?;
    let ids = text.split_once(':').and_then(|(user, group)| Some((id(user)?, id(group)?)));
    if ids.is_none() {
        keys.fault("vfioGroupOwner", format_args!("{text:?} is not a user's and a group's number, like 1000:1000"));
    }
    ids
}

/// The greatest number stands for "leave it" (chown(2)).
fn id(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|&id| id != u32::MAX)
}

/// `0660`; what a device's node does not execute, nobody is to.
fn node_mode(keys: &mut Keys<'_>) -> Option<u32> {
    let text: String = keys.read("vfioGroupMode")?;
    let plain = (3..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = plain.then(|| u32::from_str_radix(&text, 8).ok()).flatten().filter(|mode| mode & !0o666 == 0);
    if mode.is_none() {
        keys.fault("vfioGroupMode", format_args!("{text:?} is not who may read and write, like 0660"));
    }
    mode
}

fn selector(keys: &mut Keys<'_>, config: &NetworkConfig) -> Selector {
    let pool = read_parsed(keys, "pool");
    let eni = read_parsed(keys, "eni");
    let mac = agreed(keys, config, &["mac"], "mac");
    let device: Option<String> = keys.read("device");
    if device.as_deref().is_some_and(str::is_empty) {
        keys.fault("device", "the name of a link of the host");
    }
    let pci = agreed(keys, config, &["deviceID", "pciBusID"], "deviceID");
    Selector { pool, eni, mac, device, pci }
}

/// The value of keys that mean the same, and of the runtime's word for it, which must agree.
fn agreed<T>(keys: &mut Keys<'_>, config: &NetworkConfig, names: &[&'static str], runtime: &'static str) -> Option<T>
where
    T: FromStr<Err: std::fmt::Display> + PartialEq + Copy + std::fmt::Display,
{
    let mut found: Option<T> = None;
    let mut join = |keys: &mut Keys<'_>, place: &str, value: Option<T>| match (found, value) {
        (Some(one), Some(other)) if one != other => {
            keys.fault(place, format_args!("{other} is not {one}, which the same configuration names too"));
        }
        (None, Some(value)) => found = Some(value),
        _ => {}
    };
    if let Some(text) = runtime_value(keys, config, runtime) {
        let value = parsed(keys, &format!("runtimeConfig.{runtime}"), &text);
        join(keys, runtime, value);
    }
    for name in names {
        let value = read_parsed(keys, name);
        join(keys, name, value);
    }
    found
}

fn read_parsed<T: FromStr<Err: std::fmt::Display>>(keys: &mut Keys<'_>, key: &'static str) -> Option<T> {
    let text: String = keys.read(key)?;
    parsed(keys, key, &text)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(keys: &mut Keys<'_>, key: &str, text: &str) -> Option<T> {
    text.parse().map_err(|error| keys.fault(key, error)).ok()
}

fn runtime_value(keys: &mut Keys<'_>, config: &NetworkConfig, key: &str) -> Option<String> {
    match config.runtime_config()?.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => {
            keys.fault(&format!("runtimeConfig.{key}"), "a text");
            None
        }
    }
}

fn log_level(keys: &mut Keys<'_>) -> LevelFilter {
    match keys.read::<String>("logLevel").as_deref() {
        None | Some("info") => LevelFilter::Info,
        Some("trace") => LevelFilter::Trace,
        Some("debug") => LevelFilter::Debug,
        Some("warn") => LevelFilter::Warn,
        Some("error") => LevelFilter::Error,
        Some(other) => {
            keys.fault("logLevel", format_args!("{other:?} is not trace, debug, info, warn or error"));
            LevelFilter::Info
        }
    }
}

fn broken(key: &str) -> cni::Error {
    cni::Error::new(cni::Code::CONFIG, format!("network configuration: {key} is not the name of an interface"))
}

#[cfg(test)]
pub(crate) mod tests;
